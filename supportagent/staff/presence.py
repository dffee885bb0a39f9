"""Who is at the desk: a person one of whose pages was heard of just now, unless they set themselves away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import BigIntegerField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Now
from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import Presence, Team, TeamGroupGrant, TeamUserGrant, User
from supportagent.staff.permissions import Permission, held_by_account

HERE_FOR = timedelta(minutes=2)
WRITTEN_EVERY = timedelta(minutes=1)


def heard_of(user: Any) -> None:
    """A page of this person is open. At most one write a minute, however many pages.

    It is read first, because on SQLite an UPDATE that changes nothing waits for every other writer all the same.
    """
    if Presence.objects.filter(user=user.pk, seen_at__gt=Now() - WRITTEN_EVERY).exists():
        return
    # Race: two pages report at once. The UPDATE names what was found, so one of them writes.
    stale = Q(seen_at=None) | Q(seen_at__lte=Now() - WRITTEN_EVERY)
    if not Presence.objects.filter(stale, user=user.pk).update(seen_at=Now()):
        Presence.objects.get_or_create(user_id=user.pk, defaults={"seen_at": timezone.now()})


def set_away(user: User, away: bool) -> None:
    """Leave the desk, or come back to it. Whoever is away is suggested for nothing."""
    with audit_log.transaction():
        Presence.objects.get_or_create(user=user)
        if not Presence.objects.filter(user=user, is_away=not away).update(is_away=away):
            return
        action = "staff.person.left_the_desk" if away else "staff.person.came_back"
        audit_log.record(action, target=("user", str(user.pk)), actor=Actor.of(user))


def at_the_desk(team: Any, permission: Permission) -> QuerySet[User]:
    """Who sees the team, may do this, and is here: one statement. `team` is a team, or an OuterRef to one's key."""
    wanted = Value(team.pk) if isinstance(team, Team) else team
    here = Presence.objects.filter(user=OuterRef("pk"), is_away=False, seen_at__gt=Now() - HERE_FOR)
    people = User.objects.filter(Exists(here), kind=User.Kind.PERSON, is_active=True)
    people = people.annotate(at_team=ExpressionWrapper(wanted, BigIntegerField()))
    return people.filter(Q(is_superuser=True) | (_sees_the_team() & _may(permission)))


def _sees_the_team() -> Q:
    """`may_see`, for every account at once."""
    right = {"content_object": OuterRef("at_team"), "permission__codename": Permission.VIEW_TEAM.codename}
    by_user = TeamUserGrant.objects.filter(user=OuterRef("pk"), **right)
    by_group = TeamGroupGrant.objects.filter(group__user=OuterRef("pk"), **right)
    return Q(Exists(by_user)) | Q(Exists(by_group)) | _may(Permission.VIEW_TEAM)


def _may(permission: Permission) -> Q:
    return Q(Exists(held_by_account(OuterRef("pk"), permission)))  # type: ignore[arg-type]  # where its key stands
