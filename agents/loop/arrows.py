"""The arrows of a saved tool call, and what each leaves in the audit trail.

Callers hold the run's lock. Every arrow is an UPDATE that names the state it leaves, so the row count proves that the
call was where the caller thought it was.
"""

import logging
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from agents.lease import Step
from agents.loop.refusal import CallRefused, answer_refusal
from agents.models import ToolCall
from audit import log as audit_log
from supportagent.prepared import Change, change, prepared

logger = logging.getLogger(__name__)

State = ToolCall.State


def move(call: ToolCall, before: str, after: str, **fields: Any) -> None:
    """One arrow of the state machine. The row count proves that the call was where we thought it was."""
    if _moved(call.pk, before, state=after, **fields) != 1:
        raise RuntimeError(f"call {call.pk} is not {before} any more")
    call.state = after
    for name, value in fields.items():
        if not isinstance(value, Now):
            setattr(call, name, value)


@prepared
def _moved(call_id: UUID, before: str, **fields: Any) -> Change[ToolCall]:
    return change(ToolCall.objects.filter(pk=call_id, state=before), **fields)


def refuse(step: Step, call: ToolCall, refusal: CallRefused) -> None:
    """Refuse a saved call; nothing was or will be executed."""
    before = call.state
    answer_refusal(call, refusal)
    move(call, before, State.REFUSED, code=refusal.code, result=call.result, finished_at=Now())
    note_refused(step, call)


def note_refused(step: Step, call: ToolCall) -> None:
    """Put a refusal on the timeline and into the audit trail."""
    step.emit("guard", f"{call.name} refused: {call.code}", call=str(call.pk))
    record("agents.tool_call.refused", call)


def alarm_key_reused(step: Step, call: ToolCall) -> None:
    """Another call goes under this one's key, which no honest course of events explains: somebody must look."""
    logger.critical("the key of call %s was used for another call", call.pk)
    record("agents.tool_call.key_reused", call)
    step.emit("error", f"Alarm: the key of {call.name} was used for another call", call=str(call.pk))


def record(action: str, call: ToolCall, *, note: str = "") -> None:
    """Audit something that happened to one call. `note` is what a person wrote about it."""
    run = call.run
    customer = run.ticket.customer.reference
    audit_log.record(
        action,
        target=("tool_call", str(call.pk)),
        on_behalf_of=customer,
        ticket=run.ticket.number,
        run=str(run.pk),
        refs=[*_pairs([call.subject]), *_pairs(call.records), ("customer", customer)],
        data={
            "tool": call.name,
            "definition": call.definition_hash,
            "approval": call.approval_id,
            "attempt": call.attempt,
            "amount_minor": call.amount_minor,
            "currency": call.currency,
        },
        outcome=call.code or call.state.lower(),
        private={"reason": call.stated_reason, "arguments": call.bound_arguments} | ({"note": note} if note else {}),
        subject=customer,
    )


def record_reads(action: str, calls: list[ToolCall]) -> None:
    """Audit the reads of a turn with one entry."""
    run = calls[0].run
    customer = run.ticket.customer.reference
    records = sorted({record for call in calls for record in call.records})
    audit_log.record(
        action,
        target=("run", str(run.pk)),
        on_behalf_of=customer,
        ticket=run.ticket.number,
        run=str(run.pk),
        refs=[("customer", customer), *_pairs(records)],
        data={
            "turn": calls[0].turn,
            "calls": [[call.name, call.code or call.state.lower()] for call in calls],
        },
        private={"reasons": [call.stated_reason for call in calls]},
        subject=customer,
    )


def _pairs(references: list[str]) -> list[tuple[str, str]]:
    pairs = (reference.partition(":") for reference in references)
    return [(kind, identity) for kind, _, identity in pairs if identity]
