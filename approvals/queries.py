"""Which requests a person sees in which split of the queue, and how many."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from approvals.models import ApprovalRequest
from supportagent.staff.models import Team, User
from supportagent.staff.permissions import Permission, has
from supportagent.tools import access

SOON = timedelta(minutes=15)


def mine(user: User) -> QuerySet[ApprovalRequest]:
    """Pending requests that this person may decide: by role, team and tool, not taken over or decided by them."""
    if not has(user, Permission.DECIDE_APPROVALREQUEST, strict=True):
        return ApprovalRequest.objects.none()
    return (
        ApprovalRequest.objects.pending()
        .filter(
            ticket__team__in=Team.objects.decided_by(user),
            tool__in=access.tools_for(user, access.APPROVE).values("pk"),
        )
        .exclude(Q(requested_by=user) | Q(ticket__assignee=user) | Q(decisions__decided_by=user))
    )


@dataclass(frozen=True)
class Split:
    """A named part of the queue."""

    key: str
    label: str
    of: Callable[[User], QuerySet[ApprovalRequest]]


def _pending(user: User) -> QuerySet[ApprovalRequest]:
    return ApprovalRequest.objects.visible_to(user).pending()


SPLITS = (
    Split("mine", "Mine", mine),
    Split("expiring", "Expiring", lambda user: _pending(user).filter(expires_at__lt=Now() + SOON)),
    Split("two-people", "Two people", lambda user: _pending(user).filter(tier="T3")),
    Split("all", "All", _pending),
    Split("decided", "Decided", lambda user: ApprovalRequest.objects.visible_to(user).exclude(state="PENDING")),
)


def find(key: str) -> Split:
    """The split of that key; an unknown one is the first."""
    return next((split for split in SPLITS if split.key == key), SPLITS[0])


def search(requests: QuerySet[ApprovalRequest], words: str) -> QuerySet[ApprovalRequest]:
    """Requests whose reference, title, ticket or customer holds the words."""
    words = words.strip()
    if not words:
        return requests
    number = words.upper().removeprefix("R-")
    by_reference = Q(pk=int(number)) if number.isdecimal() and len(number) < 15 else Q()
    return requests.filter(
        by_reference
        | Q(title__icontains=words)
        | Q(ticket__number__iexact=words)
        | Q(ticket__customer__reference__iexact=words)
    )
