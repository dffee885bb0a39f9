"""A small shop behind the offline model: answers its tool calls from canned facts, in the tools' result shapes,
holds what needs approval, and keeps the conversation as a run would."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from agents.providers.base import HostNote, Item, ModelReply, ModelRequest, ModelTurn, Said, ToolResult, ToolSpec
from supportagent.demo.governance_seed import TOOLS_OF_ROLES
from supportagent.demo.offline_model import OfflineModel

ADDRESS = {"line1": "Rua do Sol 12", "line2": "", "city": "Porto", "postcode": "4000-123", "country": "PT"}


def order(number: int, status: str, *lines: tuple[str, int, int], refunded: int = 0) -> dict[str, Any]:
    total = sum(quantity * unit for _, quantity, unit in lines)
    refundable = total - refunded if status in ("shipped", "delivered", "returned") else 0
    return {
        "order_id": f"ORD-{number}",
        "status": status,
        "revision": 1,
        "placed_on": "2026-11-02",
        "shipped_on": "2026-11-04" if status != "paid" else None,
        "delivered_on": "2026-11-06" if status == "delivered" else None,
        "carrier": "CTT",
        "tracking": f"RR{number}PT" if status != "paid" else "",
        "expected_on": "2026-11-12",
        "currency": "EUR",
        "total_minor": total,
        "captured_minor": total,
        "refunded_minor": refunded,
        "refundable_minor": refundable,
        "items": [
            {"sku": f"S{i}", "name": name, "quantity": quantity, "unit_minor": unit}
            for i, (name, quantity, unit) in enumerate(lines)
        ],
        "payment_method": "card •4242",
        "shipping_address": ADDRESS,
    }


ORDERS = (
    order(1050, "shipped", ("Burr coffee grinder", 1, 12900)),
    order(1047, "paid", ("Electric kettle", 1, 6500)),
    order(1042, "delivered", ("Ceramic pour-over set", 1, 8400)),
    order(1031, "delivered", ("Stoneware mug", 2, 1500), ("Linen tea towel", 1, 900)),
    order(1020, "delivered", ("Milk jug", 1, 2400), refunded=2400),
)
ARTICLES = (
    {
        "slug": "returns",
        "title": "Returns and refunds",
        "excerpt": "You can return items within 30 days of delivery.",
        "body": "# Returns\nYou can return items within 30 days of delivery. Refunds go to the card you paid with.",
    },
    {
        "slug": "pour-over-care",
        "title": "Caring for your ceramic pour-over set",
        "excerpt": "The ceramic dripper is dishwasher safe.",
        "body": "The ceramic dripper is dishwasher safe. The wooden collar is not.",
    },
)

_PARAMETERS: dict[str, dict[str, Any]] = {
    "engineering__create_engineering_issue": {"service": {"enum": ["brew-sync", "checkout-api", "notifications"]}},
}
TOOLS = (
    "store__get_customer",
    "store__list_orders",
    "store__get_order",
    "store__list_payments",
    "store__get_invoice",
    "store__issue_refund",
    "store__cancel_order",
    "store__update_account",
    "store__update_billing_details",
    "knowledge__search_articles",
    "engineering__get_service_logs",
    "engineering__create_engineering_issue",
    "tickets__list_tickets",
    "tickets__categorise_ticket",
    "tickets__create_ticket",
    "tickets__add_internal_note",
    "tickets__draft_reply",
    "tickets__escalate_to_human",
    "tickets__notify_team",
)
HAND_OFF = "hand_off"
HELD = {
    "store__issue_refund",
    "store__cancel_order",
    "store__update_account",
    "store__update_billing_details",
}


def agent(role: str, *routes: str, **more: Any) -> Shop:
    """The offline model in one of the demo's roles, with the agents that it may hand off to."""
    return Shop(tools=TOOLS_OF_ROLES[role], routes=routes, **more)


@dataclass
class Shop:
    """One conversation. `answers` overrides the result of a tool; `tools` are those that are offered."""

    tools: Iterable[str] = TOOLS
    orders: tuple[dict[str, Any], ...] = ORDERS
    articles: tuple[dict[str, Any], ...] = ARTICLES
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    items: list[Item] = field(default_factory=list)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    held: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    rounds: int = 0
    routes: tuple[str, ...] = ()
    refuses: str = ""
    """The code with which a hand-off is refused."""

    def say(self, text: str) -> str:
        """The customer writes; the reply that they read."""
        self.items.append(Said("customer", text))
        return self.run()

    def handed(self, said: str, who: str, summary: str = "") -> str:
        """Another agent hands the conversation over, with a brief; the reply that the customer reads."""
        brief = {"reason": "it is yours", "summary": summary, "facts": [], "question": said}
        self.items += [HostNote(f"Hand-off from {who}: {json.dumps(brief)} Answer."), Said("customer", said)]
        return self.run()

    def note(self, text: str) -> str:
        """The host says something, and the model is asked again."""
        self.items.append(HostNote(text))
        return self.run()

    def run(self) -> str:
        for self.rounds in range(12):
            reply = self.ask()
            self.items.append(ModelTurn(reply.text, reply.tool_calls, None, "offline"))
            if not reply.tool_calls:
                assert reply.text.strip(), "an empty reply"
                return reply.text
            if HAND_OFF in [call.name for call in reply.tool_calls] and not self.refuses:
                self.calls += [(call.name, json.loads(call.arguments)) for call in reply.tool_calls]
                return ""
            for call in reply.tool_calls:
                self.items.append(ToolResult(call.id, call.name, json.dumps(self._execute(call.name, call.arguments))))
        raise AssertionError("the model does not come to an end")

    def ask(self) -> ModelReply:
        specs = tuple(
            ToolSpec(name, "", {"type": "object", "properties": _PARAMETERS.get(name, {})}) for name in self.tools
        )
        if self.routes:
            specs += (ToolSpec(HAND_OFF, "", {"type": "object", "properties": {"to": {"enum": list(self.routes)}}}),)
        request = ModelRequest("offline-demo", "Be helpful.", tuple(self.items), specs, 1000, False, 0.0)
        return OfflineModel().complete(request)

    def done(self, reference: str = "R-1", **result: Any) -> str:
        tool, _ = self.held[reference]
        return self.note(f"Outcome of {tool} (reference {reference}): done. Result: {json.dumps(result)}")

    def asked_for(self, tool: str) -> list[dict[str, Any]]:
        return [arguments for name, arguments in self.calls if name == tool]

    def _execute(self, name: str, raw: str) -> dict[str, Any]:
        arguments = json.loads(raw)
        if name == HAND_OFF:
            self.calls.append((name, arguments))
            return {"error": {"code": self.refuses, "message": "it may not be"}}
        assert name in self.tools, f"{name} was not offered"
        assert arguments.pop("stated_reason").strip()
        self.calls.append((name, arguments))
        if name in self.answers:
            return self.answers[name]
        if name in HELD:
            reference = f"R-{len(self.held) + 1}"
            self.held[reference] = (name, arguments)
            return {"status": "waiting_for_approval", "reference": reference}
        return getattr(self, name.partition("__")[2])(**arguments)

    def get_customer(self) -> dict[str, Any]:
        return {"reference": "CUS-1001", "name": "Ana", "email": "a@example.com", "phone": "", "address": ADDRESS}

    def list_orders(self) -> dict[str, Any]:
        keys = ("order_id", "placed_on", "status", "currency", "total_minor", "items")
        return {"orders": [{key: one[key] for key in keys} for one in self.orders]}

    def get_order(self, order_id: str) -> dict[str, Any]:
        missing = {"error": {"code": "not_found", "message": "this customer has no such order"}}
        return next((one for one in self.orders if one["order_id"] == order_id), missing)

    def list_payments(self, order_id: str) -> dict[str, Any]:
        one = self.get_order(order_id)
        payment = {
            "payment_id": "P-1",
            "order_id": order_id,
            "amount_minor": one["total_minor"],
            "currency": "EUR",
            "method": "card •4242",
            "status": "captured",
            "captured_on": "2026-11-02",
        }
        refund = {
            "refund_id": "RF-1",
            "order_id": order_id,
            "amount_minor": 8400,
            "currency": "EUR",
            "status": "issued",
            "issued_on": "2026-11-20",
        }
        return {"payments": [payment], "refunds": [refund] if order_id == "ORD-1042" else []}

    def get_invoice(self, order_id: str) -> dict[str, Any]:
        total = self.get_order(order_id)["total_minor"]
        return {
            "invoice_number": f"INV-{order_id[4:]}",
            "order_id": order_id,
            "currency": "EUR",
            "net_minor": total - 1000,
            "tax_minor": 1000,
            "total_minor": total,
        }

    def search_articles(self, query: str, limit: int = 3) -> dict[str, Any]:
        words = query.lower().split()
        return {"articles": [a for a in self.articles if any(w in (a["title"] + a["body"]).lower() for w in words)]}

    def get_service_logs(self, hours: int, service: str = "") -> dict[str, Any]:
        entry = {"at": "2026-11-20T09:00:00", "service": "checkout-api", "level": "ERROR", "message": "timeout"}
        return {"entries": [entry]}

    def create_engineering_issue(self, **arguments: Any) -> dict[str, Any]:
        return {"issue_id": "ENG-7", "status": "filed"}

    def triage_ticket(self, **sorting: Any) -> dict[str, Any]:
        return {"category": sorting["category"], "team": sorting["team"], "status": "sorted"}

    def categorise_ticket(self, category: str, priority: str) -> dict[str, Any]:
        return {"category": category, "priority": priority}

    def escalate_to_human(self, reason_code: str, summary: str) -> dict[str, Any]:
        return {"status": "handed_over"}
