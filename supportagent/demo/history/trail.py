"""The entries of the audit trail for the rows of the history: each says that it was imported, and is dated now."""

from typing import Any

from agents.models import HandOff, Run, ToolCall
from approvals.models import ApprovalRequest
from audit import log as audit_log
from audit.context import Actor
from supportagent.demo.history.book import Book
from supportagent.demo.seed_data.write_tickets import ACTION_OF_KIND
from supportagent.tickets.models import Draft, HandOver, Message, Rating, Ticket, Triage, TriageLabel

IMPORTER = Actor.system("seed")
_RUNS = {Run.State.COMPLETED: "agents.run.completed", Run.State.HANDED_OVER: "agents.run.handed_over"}
_STATES = ApprovalRequest.State
_REQUESTS = {
    _STATES.APPROVED: "approvals.request.approved",
    _STATES.REJECTED: "approvals.request.rejected",
    _STATES.EXPIRED: "approvals.request.expired",
    _STATES.SUPERSEDED: "approvals.request.superseded",
}
_CALLS = {
    ToolCall.State.SUCCEEDED: ("agents.tool_call.intended", "agents.tool_call.succeeded"),
    ToolCall.State.REFUSED: ("agents.tool_call.refused",),
}


def record(book: Book) -> None:
    """An entry for each thing that a verb would have recorded. Call inside `audit.log.transaction()`."""
    for ticket in book.of(Ticket):
        _entry("tickets.ticket.opened", ("ticket", ticket.number), ticket)
        ended = "tickets.ticket.fell_silent" if ticket.state == Ticket.State.RESOLVED else "tickets.ticket.closed"
        _entry(ended, ("ticket", ticket.number), ticket)
    for message in book.of(Message):
        _entry(ACTION_OF_KIND[Message.Kind(message.kind)], ("message", str(message.pk)), message.ticket)
    for triage in book.of(Triage):
        _entry("tickets.ticket.triaged", ("triage", str(triage.pk)), triage.ticket)
    for hand_over in book.of(HandOver):
        _entry("tickets.ticket.handed_over", ("hand_over", str(hand_over.pk)), hand_over.ticket)
    for draft in book.of(Draft):
        _entry("tickets.draft.sent", ("draft", str(draft.pk)), draft.ticket)
    for label in book.of(TriageLabel):
        _entry("tickets.triage.labelled", ("triage_label", str(label.pk)), label.triage.ticket)
    for rating in book.of(Rating):
        _entry("tickets.ticket.rated", ("ticket", rating.ticket.number), rating.ticket)
        if rating.cared_by_id:
            _entry("tickets.rating.cared_for", ("ticket", rating.ticket.number), rating.ticket)
    _record_runs(book)


def _record_runs(book: Book) -> None:
    for run in book.of(Run):
        action = _RUNS[Run.State(run.state)]
        _entry(action, ("run", str(run.pk)), run.ticket, run=str(run.pk), cost_micros=run.cost_micros)
    for hand_off in book.of(HandOff):
        run = hand_off.from_run
        _entry("agents.hand_off.made", ("run", str(hand_off.to_run_id)), run.ticket, run=str(run.pk))
    for call in book.of(ToolCall):
        if call.tool is not None and call.tool.writes:
            for action in _CALLS[ToolCall.State(call.state)]:
                _entry(action, ("tool_call", str(call.pk)), call.run.ticket, run=str(call.run_id))
    for request in book.of(ApprovalRequest):
        for action in ("approvals.request.created", _REQUESTS[ApprovalRequest.State(request.state)]):
            _entry(action, ("approval", str(request.pk)), request.ticket, refs=[("tool_call", str(request.call_id))])


def _entry(action: str, target: tuple[str, str], ticket: Ticket, **more: Any) -> None:
    refs = [("ticket", ticket.number), *more.pop("refs", ())]
    audit_log.record(
        action,
        target=target,
        actor=IMPORTER,
        on_behalf_of=ticket.customer.reference,
        ticket=ticket.number,
        data={"imported": True},
        refs=refs,
        outcome="imported",
        **more,
    )
