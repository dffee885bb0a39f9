"""Taking an approval back while its call waits for the undo window to pass."""

from django.db.models import Q
from django.db.models.functions import Now

from approvals.access import has_right_to_decide
from approvals.errors import AlreadyDecided, ChangedSinceShown, NotAllowed, TooLate
from approvals.models import ApprovalRequest
from approvals.services import base, replacing
from approvals.services.base import State
from audit import log as audit_log
from audit.clock import database_now
from audit.context import Actor
from supportagent.staff.models import User

TOO_LATE = "The undo window is over: what was approved is being carried out."


def undo(*, request: ApprovalRequest, by: User, shown_digest: str) -> ApprovalRequest:
    """Put a fresh pending request in the place of one that was approved a moment ago; returns the fresh one.

    By anybody with a say in it, however small their limit: to stop is always the safe side. Raises NotAllowed (403),
    AlreadyDecided, ChangedSinceShown or TooLate (409).
    """
    with audit_log.transaction():
        request = base.lock(request)
        right = has_right_to_decide(by, request, limits=False)
        if not right.allowed:
            raise NotAllowed(f"You cannot undo this: {right.because}.")
        if request.state != State.APPROVED or request.effective_at is None:
            raise AlreadyDecided(f"There is nothing to undo. {base.outcome_of(request)}")
        if request.digest != shown_digest:
            raise ChangedSinceShown(base.CHANGED)
        approved = base.outcome_of(request)
        # Race: the window closes between the page and this moment; only the database's clock tells.
        if request.effective_at <= database_now():
            raise TooLate(TOO_LATE)
        replacing.take_out(request, Q(state=State.APPROVED, effective_at__gt=Now()), by=by)
        base.record("approvals.request.undone", request, actor=Actor.of(by))
        return replacing.again(
            request,
            because=f"{by.display_name} took the approval back",
            what_changed=[{"field": "decision", "was": approved.rstrip("."), "now": f"Undone by {by.display_name}"}],
        )


def is_undoable(request: ApprovalRequest) -> bool:
    """Whether the window of an approval is still open."""
    return (
        request.state == State.APPROVED and request.effective_at is not None and request.effective_at > database_now()
    )
