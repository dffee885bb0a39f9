"""What agents do when the layers below them say that something happened. Runs inside the sender's transaction."""

import json
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now
from django.dispatch import receiver

from agents import services
from agents.lease import Step
from agents.loop import planning
from agents.models import Run, ToolCall
from approvals.errors import TooLate
from approvals.models import ApprovalDecision, ApprovalQuestion, ApprovalRequest
from approvals.signals import approval_decided, information_requested, request_replaced
from audit.context import Actor
from supportagent.prepared import Change, change, first, prepared
from supportagent.staff.models import User
from supportagent.tickets.models import Message, Ticket
from supportagent.tickets.signals import message_received, ticket_ended, ticket_taken_over

GONE_OUT = "It is being carried out already, so it cannot be taken back any more."
_NOT_SENT = (ToolCall.State.AWAITING_APPROVAL, ToolCall.State.READY)
_REFUSALS = {
    ApprovalRequest.State.REJECTED: ("rejected", "nothing was executed"),
    ApprovalRequest.State.EXPIRED: ("expired", "nothing was executed"),
    ApprovalRequest.State.CANCELLED: ("denied_by_policy", "the rules deny this now; nothing was executed"),
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


@receiver(ticket_ended)
def leave_ended_ticket(ticket: Ticket, by: User, why: str, **_: Any) -> None:
    """There is nothing to answer any more. A thread that was merged holds no request of anybody either."""
    services.cancel_runs(ticket, actor=Actor.of(by), why=why, said=f"The ticket was {why}")
    if why == "merged":
        services.cancel_direct_calls(ticket, actor=Actor.of(by), why=why)


@receiver(approval_decided)
def resume_after_decision(request: ApprovalRequest, decision: ApprovalDecision | None, **_: Any) -> None:
    """Move the call on and give its run work. The sender holds the ticket's lock; the run comes before the call.

    An approval that can still be taken back wakes nobody: the scheduler does when that time is over.
    """
    call = first(_call_of(request.call_id, request.pk))
    if call is None:
        return
    _tell(call, "human", _said(request, decision), approval=request.pk)
    if request.state == ApprovalRequest.State.APPROVED:
        _move_held(call.pk, request.pk, state=ToolCall.State.READY, effective_at=request.effective_at)
    else:
        code, message = _REFUSALS[ApprovalRequest.State(request.state)]
        _move_held(
            call.pk,
            request.pk,
            state=ToolCall.State.REFUSED,
            code=code,
            result={"error": {"code": code, "message": message}},
            finished_at=Now(),
        )
    if request.effective_at is None:
        services.wake(call.run_id)


@receiver(request_replaced)
def follow_replacement(old: ApprovalRequest, new: ApprovalRequest, **_: Any) -> None:
    """Put the call under the request that took the place of another: an edit, an undo, or new rules.

    Race: a worker sends the call at this moment. Both hold the ticket's lock and name the state that they expect, so
    either the call is stopped here, or it has gone out and TooLate is raised, which undoes what the sender did.
    """
    call = ToolCall.objects.select_related("tool__server").filter(pk=old.call_id, approval_id=old.pk).first()
    if call is None or call.tool is None:
        raise TooLate(GONE_OUT)
    _tell(call, "approval", f"{old.reference} was replaced by {new.reference}", approval=new.pk)
    call.arguments, call.bound_arguments = new.arguments, new.bound_arguments
    amount = (call.amount_minor, call.currency)
    planning.name_effect(call, call.tool, json.loads(new.bound_arguments))
    if not call.tool.amount_argument:  # it follows from the facts, not from the arguments
        call.amount_minor, call.currency = amount
    moved = ToolCall.objects.filter(pk=call.pk, approval_id=old.pk, state__in=_NOT_SENT).update(
        state=ToolCall.State.AWAITING_APPROVAL,
        approval_id=new.pk,
        effective_at=None,
        definition_hash=new.definition_hash,
        arguments=call.arguments,
        bound_arguments=call.bound_arguments,
        action_key=new.action_key,
        effect_key=call.effect_key,
        subject=call.subject,
        amount_minor=call.amount_minor,
        currency=call.currency,
    )
    if moved != 1:
        raise TooLate(GONE_OUT)


@receiver(information_requested)
def pass_question_on(question: ApprovalQuestion, **_: Any) -> None:
    """A reviewer wants to know something: the run hears of it as its next news."""
    call = ToolCall.objects.filter(pk=question.request.call_id).first()
    if call is not None:
        _tell(call, "human", f"A reviewer asks about {question.request.reference}", question=question.pk)
        services.wake(call.run_id)


def _tell(call: ToolCall, kind: str, title: str, **body: Any) -> None:
    """Put a line on the run's timeline, under the run's lock, which comes before the call's."""
    [run] = _locked_run(call.run_id)
    step = Step(run)
    step.emit(kind, title, call=str(call.pk), **body)
    step.flush()


@prepared
def _call_of(call_id: UUID, approval_id: int) -> QuerySet[ToolCall]:
    return ToolCall.objects.filter(pk=call_id, approval_id=approval_id).order_by()


@prepared
def _locked_run(run_id: UUID) -> QuerySet[Run]:
    return Run.objects.select_for_update(no_key=True).filter(pk=run_id).order_by()


@prepared
def _move_held(call_id: UUID, approval_id: int, **fields: Any) -> Change[ToolCall]:
    held = ToolCall.objects.filter(pk=call_id, state=ToolCall.State.AWAITING_APPROVAL, approval_id=approval_id)
    return change(held, **fields)


def _said(request: ApprovalRequest, decision: ApprovalDecision | None) -> str:
    if decision is not None:
        return f"{decision.decided_by.display_name} {decision.get_verdict_display().lower()} {request.reference}"
    if request.state == ApprovalRequest.State.CANCELLED:
        return f"The rules were changed and deny {request.reference}"
    return f"Nobody decided {request.reference} in time"
