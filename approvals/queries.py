"""Which requests a person sees in which split of the queue, and how many."""

import json
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from django.conf import settings
from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from approvals.models import ApprovalQuestion, ApprovalRequest, Tier
from approvals.models.request import ApprovalRequestQuerySet
from supportagent.console.money import EXPONENTS
from supportagent.staff.models import Team, User
from supportagent.staff.permissions import Permission, has
from supportagent.tickets.models import Message
from supportagent.tools import access

SOON = timedelta(minutes=15)
# What may hold the answer to a question: not what the agent says itself, which may be the question passed on.
NEWS = (Message.Kind.CUSTOMER, Message.Kind.PERSON, Message.Kind.NOTE)


@dataclass(frozen=True)
class Split:
    """A named part of the queue; `empty` is what it says when nothing is in it."""

    key: str
    label: str
    empty: str


SPLITS = (
    Split("mine", "Mine", "Nothing waits for you."),
    Split("expiring", "Expiring", "Nothing ends within the next quarter of an hour."),
    Split("waiting", "Waiting for information", "No question is open."),
    Split("two-people", "Two people", "Nothing needs two people."),
    Split("high-value", "High value", "No large amount waits."),
    Split("all", "All", "Nothing waits here."),
    Split("decided", "Decided", "Nothing was decided yet."),
)


def find(key: str) -> Split:
    """The split of that key; an unknown one is the first."""
    return next((split for split in SPLITS if split.key == key), SPLITS[0])


class Desk:
    """The queue as one person sees it: which requests are in which split, and how many, in a few statements."""

    def __init__(self, user: User) -> None:
        self.user = user

    def of(self, split: Split) -> "QuerySet[ApprovalRequest]":
        """The requests of one split."""
        if split.key == "mine":
            return self.mine
        if split.key == "decided":
            return self._visible.exclude(state=ApprovalRequest.State.PENDING)
        return self._pending.filter(_conditions()[split.key])

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many requests each split holds, but for those that were decided."""
        found = self._pending.aggregate(**{f"n_{key}": Count("pk", filter=each) for key, each in _conditions().items()})
        return {"mine": self.mine.count(), **{key.removeprefix("n_"): number for key, number in found.items()}}

    @property
    def mine(self) -> "QuerySet[ApprovalRequest]":
        """Pending requests that this person may decide, but for those that wait for information or were given to
        somebody else and have not gone on from there."""
        if not self._decides:
            return ApprovalRequest.objects.none()
        elsewhere = Q(assigned_to__isnull=False, escalated_at=None) & ~Q(assigned_to=self.user)
        return self.decidable.exclude(elsewhere).exclude(waiting_for_information())

    @property
    def decidable(self) -> "QuerySet[ApprovalRequest]":
        """Pending requests for which `access.may_decide` says yes."""
        return self._in_my_teams.filter(self._within_reach) if self._decides else ApprovalRequest.objects.none()

    @cached_property
    def _decides(self) -> bool:
        return (
            not self.user.is_service
            and has(self.user, Permission.DECIDE_APPROVALREQUEST, strict=True)
            and has(self.user, Permission.VIEW_APPROVALREQUEST)
        )

    @property
    def _visible(self) -> ApprovalRequestQuerySet:
        return ApprovalRequest.objects.visible_to(self.user)

    @property
    def _pending(self) -> "QuerySet[ApprovalRequest]":
        return self._visible.pending()

    @property
    def _in_my_teams(self) -> "QuerySet[ApprovalRequest]":
        """Pending, by team and four eyes."""
        return self._pending.filter(ticket__team__in=Team.objects.decided_by(self.user)).exclude(
            Q(requested_by=self.user)
            | Q(ticket__assignee=self.user)
            | Exists(ApprovalRequest.editors.through.objects.filter(approvalrequest=OuterRef("pk"), user=self.user))
            | Q(decisions__decided_by=self.user)
        )

    @cached_property
    def _within_reach(self) -> Q:
        """The grants as a condition. Limits and named roles are checked here, only for requests that have them."""
        reach = access.Reach(self.user, access.APPROVE)
        simple = Q(tool__in=reach.unlimited, approver_roles=[])
        to_check = self._in_my_teams.filter(tool__in=reach.tools).exclude(simple)
        rows = to_check.values_list("pk", "tool_id", "approver_roles", "bound_arguments")
        roles = set(self.user.groups.values_list("name", flat=True))
        checked = [
            pk
            for pk, tool_id, named, arguments in rows
            if (not named or roles.intersection(named)) and reach.covers(tool_id, json.loads(arguments))
        ]
        return simple | Q(pk__in=checked)


def waiting_for_information() -> Q:
    """Requests with an open question after which nothing new was said on the ticket."""
    news = Message.objects.filter(
        ticket=OuterRef("request__ticket"), kind__in=NEWS, created_at__gt=OuterRef("asked_at")
    )
    unanswered = ApprovalQuestion.objects.filter(request=OuterRef("pk"), answered_at=None)
    return Q(Exists(unanswered.exclude(Exists(news))))


def high_value() -> Q:
    """Requests from the setting's amount on, in whole units of their currency."""
    uncommon = Q(currency__in=EXPONENTS)
    condition = Q(amount_minor__gte=settings.HIGH_VALUE * 100) & ~uncommon
    for exponent in set(EXPONENTS.values()):
        currencies = [currency for currency, each in EXPONENTS.items() if each == exponent]
        condition |= Q(amount_minor__gte=settings.HIGH_VALUE * 10**exponent, currency__in=currencies)
    return condition


def _conditions() -> dict[str, Q]:
    """What of the pending requests is in which split."""
    return {
        "expiring": Q(expires_at__lt=Now() + SOON),
        "waiting": waiting_for_information(),
        "two-people": Q(tier=Tier.T3),
        "high-value": high_value(),
        "all": Q(pk__isnull=False),
    }


def mine(user: User) -> "QuerySet[ApprovalRequest]":
    """What waits for this person."""
    return Desk(user).mine


def search(requests: "QuerySet[ApprovalRequest]", words: str) -> "QuerySet[ApprovalRequest]":
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
