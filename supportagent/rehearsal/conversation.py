"""The rows of a ticket that its scenario is made of, and the pseudonyms that they call for."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.models import Agent, ToolCall
from approvals.models import ApprovalDecision
from supportagent.rehearsal.pseudonyms import Kind, Pseudonyms
from supportagent.rehearsal.scripts import STATUSES, OrderScript
from supportagent.staff.models import User
from supportagent.tickets.models import Draft, HandOver, Message, Ticket
from supportagent.tools.models import Tool


@dataclass
class Recorded:
    """One ticket, read once. `names` has learnt whatever the records know about people."""

    ticket: Ticket
    calls: list[ToolCall]
    messages: dict[int, Message]
    names: Pseudonyms = field(default_factory=Pseudonyms)

    @classmethod
    def of(cls, ticket: Ticket) -> Recorded:
        calls = ToolCall.objects.filter(run__ticket=ticket).select_related("run__agent", "tool")
        recorded = cls(
            ticket=ticket,
            calls=list(calls.order_by("created_at", "turn", "index")),
            messages={message.pk: message for message in ticket.messages.order_by("seq")},
        )
        recorded._learn()
        return recorded

    def clean(self, text: str) -> str:
        return self.names.clean(text, language=self.ticket.language)

    def arguments(self, call: ToolCall) -> str:
        """What a call was made with, cleaned, as JSON on one line."""
        data = self.names.clean_data(_loaded(call.arguments), language=self.ticket.language)
        return json.dumps(data, ensure_ascii=False, sort_keys=True)

    def orders(self) -> tuple[OrderScript, ...]:
        """Every order that was spoken of: as the first look at it showed it, else a usual one."""
        seen: dict[str, Mapping[str, Any]] = {}
        for record in self._order_records():
            seen.setdefault(record["order_id"], record)
        scripts = []
        for number, name in self.names.orders.items():
            if number not in seen:
                scripts.append(OrderScript(name, owner="somebody else" if self._not_found(number) else "customer"))
                continue
            record = seen[number]
            items = tuple(
                str(item["sku"])
                for item in record.get("items", ())
                for _ in range(int(item.get("quantity", 1)))
                if "sku" in item
            )
            status = record["status"] if record["status"] in STATUSES else "delivered"
            scripts.append(OrderScript(name, status=status, items=items or OrderScript.items))
        return tuple(scripts)

    def unseen_orders(self) -> list[str]:
        """Orders that nobody looked at, so that nothing is known of them."""
        seen = {record["order_id"] for record in self._order_records()}
        return [name for number, name in self.names.orders.items() if number not in seen]

    def autonomy(self) -> dict[str, str]:
        """The agents whose answers people had to send or agree to."""
        kinds = dict(
            Draft.objects.filter(ticket=self.ticket, kind__in=[Draft.Kind.DRAFT, Draft.Kind.APPROVE])
            .order_by("-pk")
            .values_list("author__agent__slug", "kind")
        )
        return {slug: kind for slug, kind in kinds.items() if slug}

    def present(self) -> tuple[str, ...]:
        """Whether somebody was at the desk when it went to the people."""
        asked = HandOver.objects.filter(ticket=self.ticket).exclude(suggested_for=None)
        return ("supervisor",) if asked.exists() else ()

    def succeeded(self) -> list[ToolCall]:
        return [call for call in self.calls if call.state == ToolCall.State.SUCCEEDED]

    def _learn(self) -> None:
        names, customer = self.names, self.ticket.customer
        for kind, value in (
            (Kind.REFERENCE, customer.reference),
            (Kind.NAME, customer.name),
            (Kind.EMAIL, customer.email),
        ):
            names.learn(kind, value, own=True)
        for call in self.calls:
            names.learn_all(_loaded(call.arguments))
            writes = call.tool is None or call.tool.writes
            for data in (call.result, call.evidence, call.reconciliation):
                names.learn_all(data, own=not writes)
        for request in self.ticket.approval_requests.all():
            names.learn_all(request.facts, own=True)
            names.learn_all(_loaded(request.arguments))
        for contact in HandOver.objects.filter(ticket=self.ticket).values_list("contact", flat=True):
            names.learn(Kind.EMAIL, contact)
        for person in User.objects.filter(kind=User.Kind.PERSON, pk__in=set(self._people())):
            for part in (person.get_full_name(), person.first_name, person.last_name, person.email):
                names.learn(Kind.OTHER, part)
        names.know(" ".join(self._words_of_the_house()))

    def _people(self) -> Iterator[int]:
        for message in self.messages.values():
            if message.author_type == "user" and message.author_id.isdecimal():
                yield int(message.author_id)
        yield from self.ticket.work_periods.values_list("user", flat=True)
        decided = ApprovalDecision.objects.filter(request__ticket=self.ticket)
        yield from decided.values_list("decided_by", flat=True)

    def _words_of_the_house(self) -> Iterator[str]:
        """What agents and tools are told is no customer's: words of it are left where they have a capital."""
        for agent in Agent.objects.all():
            yield from (agent.name, agent.goal, agent.success_criteria, agent.instructions)
        yield from Tool.objects.filter(enabled=True).values_list("description", flat=True)

    def _order_records(self) -> Iterator[Mapping[str, Any]]:
        for call in self.succeeded():
            yield from _records_with(call.result, ("order_id", "status", "items"))

    def _not_found(self, number: str) -> bool:
        asked = [call for call in self.calls if number in call.arguments]
        return bool(asked) and all(call.code == "not_found" for call in asked if call.state == ToolCall.State.FAILED)


def _loaded(text: str) -> Any:
    """Arguments as a model wrote them: what is no JSON was refused, and tells nothing."""
    try:
        return json.loads(text) if text else {}
    except ValueError:
        return {"text": text}


def _records_with(data: Any, keys: tuple[str, ...]) -> Iterator[Mapping[str, Any]]:
    if isinstance(data, Mapping):
        if all(key in data for key in keys):
            yield data
        for value in data.values():
            yield from _records_with(value, keys)
    elif isinstance(data, list):
        for value in data:
            yield from _records_with(value, keys)
