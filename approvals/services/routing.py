"""To whom a request goes: assigned to one person, or on to everybody who may decide it."""

from django.db.models.functions import Now

from approvals.access import deciders_of, has_right_to_decide
from approvals.errors import InvalidDecision, NotAllowed
from approvals.models import ApprovalRequest
from approvals.services.base import State, check_pending, lock, record
from audit import log as audit_log
from audit.context import Actor, current_actor
from supportagent.staff.models import User


def assign(*, request: ApprovalRequest, to: User | None, by: User) -> ApprovalRequest:
    """Ask one person to decide; None gives the request back to everybody. The others may still decide it.

    Raises NotAllowed (403), InvalidDecision (422) when `to` may not decide it, AlreadyDecided (409), RequestExpired.
    """
    with audit_log.transaction():
        request = lock(request)
        check_pending(request)
        right = has_right_to_decide(by, request, limits=False)
        if not right.allowed:
            raise NotAllowed(f"You cannot assign this: {right.because}.")
        if to is not None and not deciders_of(request).filter(pk=to.pk).exists():
            raise InvalidDecision(f"{to.display_name} may not decide this request.", field="assigned_to")
        ApprovalRequest.objects.filter(pk=request.pk, state=State.PENDING).update(assigned_to=to)
        request.assigned_to = to
        record(
            "approvals.request.assigned",
            request,
            actor=Actor.of(by),
            data={"assigned_to": to.pk if to else None},
        )
        return request


def escalate(*, request: ApprovalRequest, because: str, actor: Actor | None = None) -> bool:
    """Let a pending request go on to everybody who may decide it. False when it had gone on already, or has ended.

    Called when its time to respond has passed, and when the one who tried does not reach that far.
    """
    with audit_log.transaction():
        request = lock(request)
        # Race: the duty and a person escalate at once, or it was decided meanwhile. The condition lets one win.
        escalated = ApprovalRequest.objects.filter(pk=request.pk, state=State.PENDING, escalated_at=None).update(
            escalated_at=Now(), escalated_because=because[:200], assigned_to=None
        )
        if escalated:
            record("approvals.request.escalated", request, actor=actor or current_actor(), note=because)
        return bool(escalated)
