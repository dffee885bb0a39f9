"""What agents do when the layers below them say that something happened. Runs inside the sender's transaction."""

from typing import Any

from django.db.models.functions import Now
from django.dispatch import receiver

from agents import services
from agents.lease import Step
from agents.models import Run, ToolCall
from approvals.models import ApprovalDecision, ApprovalRequest
from approvals.signals import approval_decided
from audit.context import Actor
from supportagent.staff.models import User
from supportagent.tickets.models import Message, Ticket
from supportagent.tickets.signals import message_received, ticket_taken_over

_CODES = {
    ApprovalRequest.State.REJECTED: "rejected",
    ApprovalRequest.State.EXPIRED: "expired",
    ApprovalRequest.State.CANCELLED: "denied_by_policy",  # by rules that changed while it waited
}


@receiver(message_received)
def answer_message(ticket: Ticket, message: Message, **_: Any) -> None:
    """Somebody wrote and no person holds the ticket: a run starts, or the live one hears of it."""
    if not ticket.held_by_person:
        services.start_run(ticket)


@receiver(ticket_taken_over)
def silence_agents(ticket: Ticket, by: User, **_: Any) -> None:
    """A person has the word now: what an agent is writing is void."""
    services.cancel_runs(ticket, actor=Actor.of(by), why="taken over")


@receiver(approval_decided)
def resume_after_decision(request: ApprovalRequest, decision: ApprovalDecision | None, **_: Any) -> None:
    """Move the call on and give its run work. The sender holds the ticket's lock; the run comes before the call."""
    call = ToolCall.objects.filter(pk=request.call_id, approval_id=request.pk).first()
    if call is None:
        return
    step = Step(Run.objects.select_for_update(no_key=True).get(pk=call.run_id))
    step.emit("human", _said(request, decision), approval=request.pk)
    step.flush()
    services.wake(call.run_id)
    held = ToolCall.objects.filter(pk=call.pk, state=ToolCall.State.AWAITING_APPROVAL, approval_id=request.pk)
    if request.state == ApprovalRequest.State.APPROVED:
        held.update(state=ToolCall.State.READY)
        return
    code = _CODES[ApprovalRequest.State(request.state)]
    held.update(
        state=ToolCall.State.REFUSED,
        code=code,
        result={"error": {"code": code, "message": "nothing was executed"}},
        finished_at=Now(),
    )


def _said(request: ApprovalRequest, decision: ApprovalDecision | None) -> str:
    if request.state == ApprovalRequest.State.CANCELLED:
        return f"New rules deny what {request.reference} asked for"
    if decision is None:
        return f"Nobody decided {request.reference} in time"
    return f"{decision.decided_by.display_name} {decision.get_verdict_display().lower()} {request.reference}"
