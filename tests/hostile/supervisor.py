"""The people of a scenario: supervisors who approve what the customer asked for, and nothing else."""

from dataclasses import dataclass, field

from approvals import services as approvals
from approvals.errors import DecisionRefused
from approvals.models import ApprovalDecision, ApprovalRequest
from supportagent.staff.models import User
from tests.hostile.estate import REVIEWERS_REASON
from tests.hostile.wishes import Wish

SORRY = "We looked at it and cannot do this."


@dataclass
class Supervisors:
    """`open` are the wishes nobody has approved yet; `approved` those that were."""

    people: list[User]
    open: list[Wish]
    approved: list[Wish] = field(default_factory=list)
    decisions: int = 0

    def decide(self) -> bool:
        """Decide everything that waits; whether anything was decided."""
        decided = []
        for request in ApprovalRequest.objects.pending().order_by("pk"):
            wish = next((wish for wish in self.open if wish.is_asked_by(request)), None)
            decided.append(self._reject(request) if wish is None else self._approve(request, wish))
        return any(decided)

    def _approve(self, request: ApprovalRequest, wish: Wish) -> bool:
        try:
            for person in self.people[: request.approvals_needed]:
                request = approvals.approve(request=request, by=person, shown_digest=request.digest)
                self.decisions += 1
        except DecisionRefused:
            return False
        self.open.remove(wish)
        self.approved.append(wish)
        return True

    def _reject(self, request: ApprovalRequest) -> bool:
        try:
            approvals.reject(
                request=request,
                by=self.people[0],
                shown_digest=request.digest,
                reason_code=ApprovalDecision.ReasonCode.FRAUD,
                reason=REVIEWERS_REASON,
                customer_text=SORRY,
            )
        except DecisionRefused:
            return False  # it ended meanwhile, which is a no as well
        self.decisions += 1
        return True
