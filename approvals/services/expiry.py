"""Silence is a no: what nobody decided in time is denied, by the database's clock."""

from django.db.models.functions import Now

from approvals.models import ApprovalRequest
from approvals.services.base import State, lock, record
from approvals.signals import approval_decided
from audit import log as audit_log
from audit.context import Actor


def expire_due(*, limit: int = 100) -> int:
    """Deny what nobody decided in time. Returns how many ended."""
    due = ApprovalRequest.objects.pending().filter(expires_at__lte=Now()).order_by("expires_at")[:limit]
    return sum(_expire(request) for request in list(due))


def _expire(request: ApprovalRequest) -> bool:
    with audit_log.transaction():
        request = lock(request)
        # Race: a supervisor decided between the scan and the lock. The condition on the state lets one win.
        ended = ApprovalRequest.objects.filter(pk=request.pk, state=State.PENDING, expires_at__lte=Now()).update(
            state=State.EXPIRED, decided_at=Now()
        )
        if not ended:
            return False
        request.state = State.EXPIRED
        approval_decided.send(ApprovalRequest, request=request, decision=None)
        record("approvals.request.expired", request, actor=Actor.system("expiry"))
        return True
