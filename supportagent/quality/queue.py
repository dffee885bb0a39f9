"""Which items a person is asked to judge, and in which order."""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from agents.models import Resolution, Run
from approvals.models import ApprovalDecision, ApprovalQuestion, ApprovalRequest
from supportagent.quality.models import Label, SampledItem
from supportagent.staff.models import Team, User
from supportagent.staff.permissions import Permission, has
from supportagent.tickets.models import Draft, Message, TriageLabel, WorkPeriod


def open_to(user: User) -> QuerySet[SampledItem]:
    """What this person may judge: of teams that they see, and nothing they had a hand in.

    Whoever decided about an action, or worked on its ticket in any way, would judge themselves. What colleagues have
    labelled is among it: that it were not would tell.
    """
    seen = SampledItem.objects.filter(run__ticket__team__in=Team.objects.visible_to(user))
    for had_a_hand in _touched_by(user):
        seen = seen.filter(~Exists(had_a_hand))
    return seen.exclude(run__ticket__assignee=user)


def waiting_for(user: User) -> QuerySet[SampledItem]:
    """What this person is asked to judge: labels are wanting, and theirs is not among those given."""
    mine = Label.objects.filter(item=OuterRef("pk"), by=user)
    return open_to(user).filter(~Exists(mine), given__lt=F("wanted"))


def is_led(user: User) -> bool:
    """Whether knowing how others judged would lead this person, who still has something to judge."""
    return has(user, Permission.ADD_LABEL) and waiting_for(user).exists()


def next_for(user: User, skipped: Sequence[int] = ()) -> SampledItem | None:
    """The next one: of the newest week first, in an order of this person's own; what they skipped comes last.

    An order of one's own keeps two people from sitting before the same item, and what is labelled so far from being
    what was drawn first.
    """
    waiting = waiting_for(user).select_related("stratum", "run__ticket__team", "run__agent")
    own = (F("pk") * 7919 + user.pk * 104_729) % 10_007
    fresh = waiting.exclude(pk__in=skipped).order_by("-stratum__week", own, "pk").first()
    if fresh is not None or not skipped:
        return fresh
    again = {item.pk: item for item in waiting.filter(pk__in=skipped)}
    return next((again[pk] for pk in skipped if pk in again), None)


def _touched_by(user: User) -> tuple[QuerySet, ...]:
    """Traces that this person left on the item's ticket."""
    ticket = OuterRef("run__ticket")
    edited = ApprovalRequest.editors.through.objects
    return (
        ApprovalDecision.objects.filter(request__ticket=ticket, decided_by=user),
        edited.filter(approvalrequest__ticket=ticket, user=user),
        ApprovalQuestion.objects.filter(Q(asked_by=user) | Q(answered_by=user), request__ticket=ticket),
        Resolution.objects.filter(call__run__ticket=ticket, resolved_by=user),
        Run.objects.filter(Q(caller=user) | Q(asked_by=user), ticket=ticket),
        WorkPeriod.objects.filter(ticket=ticket, user=user),
        Message.objects.filter(ticket=ticket, author_type="user", author_id=str(user.pk)),
        Draft.objects.filter(Q(author=user) | Q(decided_by=user), ticket=ticket),
        TriageLabel.objects.filter(triage__ticket=ticket, by=user),
    )
