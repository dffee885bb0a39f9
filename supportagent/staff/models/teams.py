"""The teams through which people see anything at all, and who sees or decides for which."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Exists, OuterRef
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase
from simple_history.models import HistoricalRecords

from supportagent.prepared import first, prepared, subquery
from supportagent.staff import permissions
from supportagent.staff.explanation import Explanation, allowed, nobody_of, refused
from supportagent.staff.hours import zone_named


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, user: Any) -> TeamQuerySet:
        """The teams whose tickets, runs and requests `user` may see. One query when evaluated."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.filter(pk__in=_visible(user.pk))

    def decided_by(self, user: Any) -> TeamQuerySet:
        """The teams for which `user` may decide. Being a superuser alone decides nothing."""
        if not user.is_active:
            return self.none()
        return self.granted_to(user.pk, permissions.Permission.DECIDE_FOR_TEAM)

    def front_desk(self) -> Team:
        """The team that gets a new thread: `settings.FRONT_DESK_TEAM` (a slug), else the oldest team.

        An installation without any team gets one, because a customer's message must never be lost.
        """
        team = first(_of_slug(settings.FRONT_DESK_TEAM)) or self.order_by("pk").first()
        return team or self.get_or_create(slug="support", defaults={"name": "Support"})[0]

    def granted_to(self, user_id: int, permission: permissions.Permission) -> TeamQuerySet:
        """Teams on which the role grants `permission` as a whole, or a grant names this very team.

        Written as one statement over our own tables: guardian's shortcut ignores `is_active` and
        needs a query per object.
        """
        codename = permission.codename
        right = {"content_object": OuterRef("pk"), "permission__codename": codename}
        by_user = TeamUserGrant.objects.filter(user=user_id, **right)
        by_group = TeamGroupGrant.objects.filter(group__user=user_id, **right)
        by_role = permissions.held_by_account(user_id, permission)
        return self.filter(Exists(by_user) | Exists(by_group) | Exists(by_role))


class Team(models.Model):
    """A group of colleagues. Tickets, runs and approval requests belong to a team and inherit its grants."""

    class WhenAway(models.TextChoices):
        """What a customer is told who is handed to people when nobody of the team is there."""

        KEEP = "keep", "Keep the ticket: it is answered when somebody is back"
        PROMISE = "promise", "Say when the team is back and by when it answers"
        CONTACT = "contact", "Also ask for an e-mail address to answer to"

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=50, unique=True)
    time_zone = models.CharField(max_length=50, default="UTC", help_text="Of the opening hours, as in Europe/Lisbon.")
    answer_within_minutes = models.PositiveIntegerField(
        default=60,
        help_text="Within how many minutes of its opening hours a person answers whoever was handed over.",
    )
    when_away = models.CharField(max_length=8, choices=WhenAway, default=WhenAway.KEEP)

    objects = TeamQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        permissions = [("decide_for_team", "Can decide approval requests of the team")]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        try:
            zone_named(self.time_zone)
        except ValueError as error:
            raise ValidationError({"time_zone": str(error)}) from error


class TeamUserGrant(UserObjectPermissionBase):
    """What one account may do with one team. guardian finds this table and uses it for `assign_perm`."""

    content_object = models.ForeignKey(Team, on_delete=models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        verbose_name = "grant to a person"
        verbose_name_plural = "grants to persons"


class TeamGroupGrant(GroupObjectPermissionBase):
    """What every member of a role may do with one team."""

    content_object = models.ForeignKey(Team, on_delete=models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        verbose_name = "grant to a role"
        verbose_name_plural = "grants to roles"


def teams_visible_ids(user: Any) -> models.QuerySet[Team, int]:
    """Ids of the visible teams, as a lazy subquery for `team_id__in=` (or to iterate over)."""
    return Team.objects.visible_to(user).order_by().values_list("pk", flat=True)


def teams_decided_ids(user: Any) -> models.QuerySet[Team, int]:
    """Ids of the teams that `user` may decide for, as a lazy subquery."""
    return Team.objects.decided_by(user).order_by().values_list("pk", flat=True)


def may_see(user: Any, team_id: int) -> bool:
    """Does `user` see this one team? One query at most."""
    return user.is_active and (user.is_superuser or bool(_sees(user.pk, team_id)))


def may_decide(user: Any, team_id: int) -> bool:
    """May `user` decide for this one team? One query at most. Being a superuser alone decides nothing."""
    return user.is_active and bool(_decides(user.pk, team_id))


@subquery
def _visible(user_id: int) -> models.QuerySet[Team, int]:
    """A part of most pages' statements, often of several: putting it together anew took longer than answering it."""
    granted = Team.objects.all().granted_to(user_id, permissions.Permission.VIEW_TEAM)
    return granted.order_by().values_list("pk", flat=True)


@prepared
def _of_slug(slug: str) -> models.QuerySet[Team]:
    return Team.objects.filter(slug=slug).order_by()


@prepared
def _sees(user_id: int, team_id: int) -> models.QuerySet[Team, int]:
    granted = Team.objects.all().granted_to(user_id, permissions.Permission.VIEW_TEAM)
    return granted.filter(pk=team_id).order_by().values_list("pk", flat=True)


@prepared
def _decides(user_id: int, team_id: int) -> models.QuerySet[Team, int]:
    granted = Team.objects.all().granted_to(user_id, permissions.Permission.DECIDE_FOR_TEAM)
    return granted.filter(pk=team_id).order_by().values_list("pk", flat=True)


def explain_team(user: Any, permission: permissions.Permission, team: Team) -> Explanation:
    """`may_see` or `may_decide` with its reason: the grant or role that opens the team, or who lacks it."""
    decides = permission == permissions.Permission.DECIDE_FOR_TEAM
    what = f"decide for the team {team}" if decides else f"see the team {team}"
    if not (may_decide if decides else may_see)(user, team.pk):
        if not user.is_active:
            return refused("the account is not active")
        alone = "; being a superuser alone is not enough" if user.is_superuser else ""
        names = Group.objects.filter(user=user.pk).order_by("name").values_list("name", flat=True)
        return refused(f"{nobody_of(names)} may {what}{alone}")
    if user.is_superuser and not decides:
        return allowed(f"a superuser may {what}")
    right = {"content_object": team, "permission__codename": permission.codename}
    if TeamUserGrant.objects.filter(user=user, **right).exists():
        return allowed(f"a personal grant on the team may {what}")
    role = TeamGroupGrant.objects.filter(group__user=user, **right).values_list("group__name", flat=True).first()
    if role is not None:
        return allowed(f"the role {role} may {what}")
    return allowed(f"{permissions.explain(user, permission, strict=True).because}, which is every team")
