"""How conversations went, read from the rows: route, calls, approvals, hand-overs. Of scenarios and of real tickets."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from django.db.models import Sum

from agents.models import ModelCall, Run, Spend, ToolCall
from approvals.models import ApprovalRequest
from supportagent.tickets.models import Draft, HandOver, Ticket, Triage

Tickets = Sequence[Ticket]


def route_of(tickets: Tickets) -> tuple[str, ...]:
    """The agents that had the conversation, in their order; one that answered several times counts once."""
    runs = Run.objects.of_agents().filter(ticket__in=tickets).order_by("created_at", "pk")
    slugs = runs.exclude(agent=None).values_list("agent__slug", flat=True)
    return tuple(slug for slug, _ in groupby(slugs))


def approvals_of(tickets: Tickets) -> tuple[str, ...]:
    """What became of each approval that was asked for."""
    requests = ApprovalRequest.objects.filter(ticket__in=tickets).order_by("pk")
    return tuple(state.lower() for state in requests.values_list("state", flat=True))


def drafts_of(tickets: Tickets) -> tuple[str, ...]:
    """What became of each draft."""
    drafts = Draft.objects.filter(ticket__in=tickets).order_by("pk")
    return tuple(state.lower() for state in drafts.values_list("state", flat=True))


def hand_overs_of(tickets: Tickets) -> tuple[str, ...]:
    """Why it went to people, each time it did."""
    return tuple(HandOver.objects.filter(ticket__in=tickets).order_by("pk").values_list("reason_code", flat=True))


def tried(tickets: Tickets) -> tuple[str, ...]:
    """The tools that were called, by their names without the server's, in the order of the first time."""
    return _names(tickets)


def done(tickets: Tickets) -> tuple[str, ...]:
    """Those of `tried` that answered."""
    return _names(tickets, state=ToolCall.State.SUCCEEDED)


def cost_of(tickets: Tickets) -> int:
    """What the models cost by the ledger, in micro-units of its currency."""
    spent = Spend.objects.filter(run__ticket__in=tickets, kind=Spend.Kind.MODEL)
    return spent.aggregate(sum=Sum("charged"))["sum"] or 0


def model_calls_of(tickets: Tickets) -> int:
    """How many replies of models there were."""
    return ModelCall.objects.filter(run__ticket__in=tickets).count()


def sorted_as(tickets: Tickets) -> str:
    """The category that an agent first sorted it into; empty where none did."""
    triages = Triage.objects.filter(ticket__in=tickets).order_by("pk").values_list("category", flat=True)
    return triages.first() or ""


def _names(tickets: Tickets, **only: str) -> tuple[str, ...]:
    calls = ToolCall.objects.filter(run__ticket__in=tickets, **only).order_by("created_at", "turn", "index")
    names = (name.rpartition("__")[2] for name in calls.values_list("name", flat=True))
    return tuple(dict.fromkeys(names))
