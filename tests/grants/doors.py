"""Callers at a server's two doors: the call in process, and the protocol. Both get exactly what the test sends."""

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.conf import settings
from mcp import Client

from supportagent.grants import signing
from supportagent.grants.server import GRANT_META, DomainServer, Outcome, ServerTool
from supportagent.staff.models import User
from supportagent.tools.registry import get_server
from tests.world import World

_keys = itertools.count(1)
# What may change although a call is refused: nothing that any of the applications calls its own.
_APPS = ("audit", "tickets", "store", "knowledge", "engineering", "approvals", "agents", "grants")


@dataclass(frozen=True)
class Caller:
    """The agent's service account, acting for Ana on her ticket."""

    actor: User
    other: User
    ticket: str
    run: str
    customer: str = "CUS-1001"

    @classmethod
    def on_ticket(cls, world: World) -> "Caller":
        ticket = world.write()
        return cls(
            actor=world.agent.service_user, other=world.auditor, ticket=ticket.number, run=str(ticket.runs.get().pk)
        )

    def grant(self, server: str, tool: str, arguments: dict[str, Any], **changes: Any) -> str:
        """A signed grant for exactly this call, under a new key unless one is given."""
        usual = {"key": f"call-{next(_keys)}.1", "customer": self.customer, "actor": self.actor.pk}
        return signing.issue(server=server, tool=tool, arguments=arguments, **{**usual, **changes})

    def call(self, server: DomainServer, tool: str, arguments: dict[str, Any], **changes: Any) -> Outcome:
        """Call in process with a valid grant over these arguments."""
        return server.call(tool, arguments, grant_token=self.grant(server.name, tool, arguments, **changes))

    def good(self, server: str, tool: ServerTool) -> dict[str, Any]:
        """Arguments that the tool accepts: the bound ones as the host fills them, one value for each other."""
        bound = {"ticket": self.ticket, "run": self.run, "customer": self.customer, "team": "orders"}
        bound["min_confidence"] = "60"
        return {
            name: bound[tool.bound[name]] if name in tool.bound else _VALUES[f"{server}.{tool.name}"][name]
            for name in tool.schema["properties"]
        }


_ORDER = {"order_id": "ORD-1042"}
_PLACE = {"line1": "Cais 1", "line2": "", "city": "Porto", "postcode": "4000-001", "country": "PT"}
_VALUES: dict[str, dict[str, Any]] = {
    "store.get_order": _ORDER,
    "store.list_payments": _ORDER,
    "store.get_invoice": _ORDER,
    "store.order_facts": _ORDER,
    "store.cancel_order": _ORDER,
    "store.issue_refund": {**_ORDER, "amount_minor": 100, "currency": "EUR"},
    "store.update_account": {"email": "a.martins@example.com", "phone": "+351 910 000 199", "address": _PLACE},
    "store.update_billing_details": {"name": "Ana M.", "address": _PLACE, "vat_id": "PT123456789"},
    "knowledge.search_articles": {"query": "return period", "limit": 2},
    "engineering.get_service_logs": {"service": "brew-sync", "hours": 2},
    "engineering.create_engineering_issue": {
        "title": "Kettle does not connect",
        "summary": "Since this morning, after the update.",
        "severity": "low",
        "service": "brew-sync",
    },
    "tickets.categorise_ticket": {"category": "technical", "priority": "high"},
    "tickets.triage_ticket": {
        "category": "technical",
        "priority": "high",
        "language": "en",
        "sentiment": "calm",
        "team": "billing",
        "reason": "Speaks of a fault",
        "confidence": 80,
    },
    "tickets.create_ticket": {"subject": "Broken set", "body": "Ask the carrier.", "category": "complaint"},
    "tickets.add_internal_note": {"body": "Calm and friendly."},
    "tickets.draft_reply": {"body": "Dear Ana, ..."},
    "tickets.escalate_to_human": {"reason_code": "cannot_resolve", "summary": "Wants what we may not do."},
    "tickets.notify_team": {"team": "billing", "message": "Please look."},
}


def servers() -> list[DomainServer]:
    return [get_server(name) for name in settings.MCP_SERVERS]


def every_tool() -> list[tuple[DomainServer, ServerTool]]:
    """Every tool of every built-in server, the host's own among them."""
    return [(server, tool) for server in servers() for tool in server.tools.values()]


def rows() -> dict[str, int]:
    """How many rows every table of the product holds."""
    return {
        model._meta.label: model._default_manager.count()
        for name in _APPS
        for model in apps.get_app_config(name).get_models()
    }


def over_protocol(server: DomainServer, calls: list[tuple[str, dict[str, Any], str | None]]) -> list[Any]:
    """Send (tool, arguments, grant) through a client of the protocol; the results in order."""

    async def talk() -> list[Any]:
        async with Client(server.as_mcp()) as client:
            return [
                await client.call_tool(tool, arguments, meta={GRANT_META: token} if token is not None else None)
                for tool, arguments, token in calls
            ]

    return asyncio.run(talk())
