"""Approving several requests with one act: only where each alone takes one click, and each is asked anew."""

from collections.abc import Sequence
from dataclasses import dataclass

from approvals.errors import DecisionRefused, InvalidDecision
from approvals.models import ApprovalRequest, Tier
from approvals.services.decisions import approve
from approvals.services.undo import is_undoable
from supportagent.staff.models import User

MOST = 20


@dataclass(frozen=True)
class BulkRow:
    """What became of one request. `status` is the HTTP status that deciding it alone would have had."""

    request: ApprovalRequest
    done: bool
    said: str
    status: int = 200

    @property
    def undo(self) -> bool:
        """Whether it can still be taken back."""
        return is_undoable(self.request)


def approve_many(*, picked: Sequence[tuple[ApprovalRequest, str]], by: User) -> list[BulkRow]:
    """Approve each of these requests with the digest that was shown for it, one transaction each.

    One that is refused leaves the others alone. Raises InvalidDecision (422) when they do not belong together.
    """
    check_together([request for request, _ in picked])
    return [_approve(request, by, shown_digest) for request, shown_digest in picked]


def check_together(requests: Sequence[ApprovalRequest]) -> None:
    """Raise InvalidDecision unless these may be approved with one act: tier T1, one tool, at most 20."""
    if not requests:
        raise InvalidDecision("Choose at least one request.", field="picked")
    if len({request.pk for request in requests}) != len(requests):
        raise InvalidDecision("A request was chosen twice.", field="picked")
    if len(requests) > MOST:
        raise InvalidDecision(f"At most {MOST} requests at once; these are {len(requests)}.", field="picked")
    if any(request.tier != Tier.T1 for request in requests):
        raise InvalidDecision(
            "Only requests of tier T1 are approved together; open the others one by one.", field="picked"
        )
    if len({request.tool_id for request in requests}) > 1:
        raise InvalidDecision("Only requests for one and the same tool are approved together.", field="picked")


def _approve(request: ApprovalRequest, by: User, shown_digest: str) -> BulkRow:
    try:
        decided = approve(request=request, by=by, shown_digest=shown_digest)
    except DecisionRefused as refused:
        return BulkRow(request, False, str(refused), refused.status)
    return BulkRow(decided, True, "Approved.")
