"""A ticket's conversation with what happened inside of the house in line, each at its time: the agents' runs and
hand-offs, the approval requests, what became of drafts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Prefetch, QuerySet

from agents import citations
from agents.models import HandOff, ToolCall
from approvals.models import ApprovalDecision, ApprovalRequest
from supportagent.tickets.models import Draft, Message, Ticket
from supportagent.workspace.differences import Piece, pieces

MESSAGES_SHOWN = 100


@dataclass(frozen=True)
class Entry:
    """One line: `kind` is "message", "run", "hand_off", "draft", "request" or "decision", and `item` the row."""

    kind: str
    at: datetime
    item: Any
    changed: list[Piece] = field(default_factory=list)  # of a draft that was edited before it was sent
    found: list[citations.Source] = field(default_factory=list)  # by the run of an agent's answer
    quoted: list[citations.Source] = field(default_factory=list)  # of these, what the answer has words of


@dataclass(frozen=True)
class Thread:
    """A part of a conversation, oldest entry first; `earlier` is the message before which there is more."""

    entries: list[Entry]
    earlier: int | None


def thread_of(ticket: Ticket, *, before: int | None = None) -> Thread:
    """The newest MESSAGES_SHOWN messages (or the newest before number `before`) and what happened among them.

    Ten queries at the most, however much was said.
    """
    wanted = ticket.messages.filter(seq__lt=before) if before else ticket.messages.all()
    newest_first = list(wanted.order_by("-seq")[: MESSAGES_SHOWN + 1])
    messages = newest_first[:MESSAGES_SHOWN][::-1]
    earlier = messages[0].seq if len(newest_first) > MESSAGES_SHOWN else None
    since = messages[0].created_at if earlier else None
    until = ticket.messages.filter(seq=before).values_list("created_at", flat=True).first() if before else None
    others = [*_runs(ticket, since, until), *_hand_offs(ticket, since, until)]
    others += [*_drafts(ticket, since, until), *_requests(ticket, since, until)]
    return Thread(_in_line(messages, others), earlier)


def _runs(ticket: Ticket, since: datetime | None, until: datetime | None) -> list[Entry]:
    """Each with who acts; a direct one with its call, which is all that there is to say of it."""
    called = ToolCall.objects.filter(run__caller__isnull=False).only("run", "name", "state", "code")
    of_ticket = ticket.runs.select_related("agent", "caller", "asked_by").prefetch_related(
        Prefetch("tool_calls", called)
    )
    runs = _between(of_ticket, since, until)
    return [Entry("run", run.created_at, run) for run in runs]


def _hand_offs(ticket: Ticket, since: datetime | None, until: datetime | None) -> list[Entry]:
    made = HandOff.objects.filter(from_run__ticket=ticket).select_related("from_run__agent", "to_run__agent")
    return [Entry("hand_off", each.created_at, each) for each in _between(made, since, until)]


def _drafts(ticket: Ticket, since: datetime | None, until: datetime | None) -> list[Entry]:
    """What a person decided about a draft, where they did, with what they changed in it."""
    decided = ticket.drafts.filter(state__in=[Draft.State.SENT, Draft.State.DISCARDED], decided_at__isnull=False)
    drafts = _between(decided.select_related("author", "decided_by"), since, until, "decided_at")
    return [
        Entry("draft", draft.decided_at, draft, list(pieces(draft.body, draft.sent_body)) if draft.was_edited else [])
        for draft in drafts
    ]


def _requests(ticket: Ticket, since: datetime | None, until: datetime | None) -> Iterable[Entry]:
    """Each request where it was made, each decision where it fell."""
    decisions = Prefetch("decisions", ApprovalDecision.objects.select_related("decided_by"))
    requests: QuerySet[ApprovalRequest] = ticket.approval_requests.prefetch_related(decisions)
    for request in _between(requests, since, until):
        yield Entry("request", request.created_at, request)
        for decision in request.decisions.all():
            yield Entry("decision", decision.decided_at, decision)


def _between(
    rows: QuerySet[Any], since: datetime | None, until: datetime | None, moment: str = "created_at"
) -> QuerySet[Any]:
    if since is not None:
        rows = rows.filter(**{f"{moment}__gte": since})
    return rows.filter(**{f"{moment}__lt": until}) if until is not None else rows


def _in_line(messages: list[Message], others: list[Entry]) -> list[Entry]:
    """Messages keep the order of their numbers, whatever the clocks of two processes said; the rest goes between."""
    rest = sorted(others, key=lambda entry: entry.at, reverse=True)
    articles = citations.found_by(m.run_id for m in messages if m.kind == Message.Kind.AGENT and m.run_id)
    line: list[Entry] = []
    for message in messages:
        while rest and rest[-1].at < message.created_at:
            line.append(rest.pop())
        found = articles.get(message.run_id, []) if message.run_id and message.kind == Message.Kind.AGENT else []
        quoted = citations.quoted(message.body, found)
        line.append(Entry("message", message.created_at, message, found=found, quoted=quoted))
    return line + rest[::-1]
