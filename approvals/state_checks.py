"""Decided requests must have their entry in the audit trail."""

from collections.abc import Iterator

from approvals.models import ApprovalRequest
from audit.verification import register_state_check

_ACTIONS = {
    ApprovalRequest.State.APPROVED: "approvals.request.approved",
    ApprovalRequest.State.REJECTED: "approvals.request.rejected",
    ApprovalRequest.State.EXPIRED: "approvals.request.expired",
}


def _decided() -> Iterator[tuple[str, str, str, str]]:
    decided = ApprovalRequest.objects.filter(state__in=_ACTIONS).values_list("pk", "state")
    for pk, state in decided.iterator():
        yield f"R-{pk} is {state}", "approval", str(pk), _ACTIONS[ApprovalRequest.State(state)]


register_state_check("decided approval requests", _decided)
