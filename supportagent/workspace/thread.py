"""A ticket's conversation with the agents' runs and the approval requests in line, each at its time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from agents.models import ToolCall
from approvals.models import ApprovalDecision, ApprovalRequest
from supportagent.tickets.models import Message, Ticket

MESSAGES_SHOWN = 100


@dataclass(frozen=True)
class Entry:
    """One line: `kind` is "message", "run", "request" or "decision", and `item` the row behind it."""

    kind: str
    at: datetime
    item: Any


@dataclass(frozen=True)
class Thread:
    """A part of a conversation, oldest entry first; `earlier` is the message before which there is more."""

    entries: list[Entry]
    earlier: int | None


def thread_of(ticket: Ticket, *, before: int | None = None) -> Thread:
    """The newest MESSAGES_SHOWN messages (or the newest before number `before`) and what happened among them.

    Seven queries at the most, however much was said.
    """
    wanted = ticket.messages.filter(seq__lt=before) if before else ticket.messages.all()
    newest_first = list(wanted.order_by("-seq")[: MESSAGES_SHOWN + 1])
    messages = newest_first[:MESSAGES_SHOWN][::-1]
    earlier = messages[0].seq if len(newest_first) > MESSAGES_SHOWN else None
    since = messages[0].created_at if earlier else None
    until = ticket.messages.filter(seq=before).values_list("created_at", flat=True).first() if before else None
    others = [*_runs(ticket, since, until), *_requests(ticket, since, until)]
    return Thread(_in_line(messages, others), earlier)


def _runs(ticket: Ticket, since: datetime | None, until: datetime | None) -> list[Entry]:
    """Each with who acts; a direct one with its call, which is all that there is to say of it."""
    called = ToolCall.objects.filter(run__caller__isnull=False).only("run", "name", "state", "code")
    of_ticket = ticket.runs.select_related("agent", "caller").prefetch_related(Prefetch("tool_calls", called))
    runs = _between(of_ticket, since, until)
    return [Entry("run", run.created_at, run) for run in runs]


def _requests(ticket: Ticket, since: datetime | None, until: datetime | None) -> Iterable[Entry]:
    """Each request where it was made, each decision where it fell."""
    decisions = Prefetch("decisions", ApprovalDecision.objects.select_related("decided_by"))
    requests: QuerySet[ApprovalRequest] = ticket.approval_requests.prefetch_related(decisions)
    for request in _between(requests, since, until):
        yield Entry("request", request.created_at, request)
        for decision in request.decisions.all():
            yield Entry("decision", decision.decided_at, decision)


def _between(rows: QuerySet[Any], since: datetime | None, until: datetime | None) -> QuerySet[Any]:
    if since is not None:
        rows = rows.filter(created_at__gte=since)
    return rows.filter(created_at__lt=until) if until is not None else rows


def _in_line(messages: list[Message], others: list[Entry]) -> list[Entry]:
    """Messages keep the order of their numbers, whatever the clocks of two processes said; the rest goes between."""
    rest = sorted(others, key=lambda entry: entry.at, reverse=True)
    line: list[Entry] = []
    for message in messages:
        while rest and rest[-1].at < message.created_at:
            line.append(rest.pop())
        line.append(Entry("message", message.created_at, message))
    return line + rest[::-1]
