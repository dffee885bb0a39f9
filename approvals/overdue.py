"""What nobody decides within the agreed time goes on, once, to the next people. The request's own end stays."""

from django.db.models.functions import Now

from approvals.models import ApprovalRequest
from approvals.services import escalate
from audit.context import Actor


def escalate_overdue(*, limit: int = 100) -> int:
    """Pass on what is past `respond_by`, by the database's clock. Returns how many; safe in parallel."""
    late = ApprovalRequest.objects.pending().filter(respond_by__lte=Now(), expires_at__gt=Now(), escalated_at=None)
    return sum(
        escalate(request=request, because=f"nobody decided within {_minutes(request)}", actor=Actor.system("overdue"))
        for request in list(late.order_by("respond_by")[:limit])
    )


def _minutes(request: ApprovalRequest) -> str:
    assert request.respond_by is not None  # noqa: S101 - the filter above
    return f"{max(round((request.respond_by - request.created_at).total_seconds() / 60), 1)} min"
