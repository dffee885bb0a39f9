"""Who works here: people, service accounts of agents, and the teams through which they see anything at all."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser, Group
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase
from simple_history.models import HistoricalRecords

from supportagent.prepared import first, prepared
from supportagent.staff import permissions
from supportagent.staff.explanation import Explanation, allowed, nobody_of, refused


class User(AbstractUser):
    """Somebody who acts: a person of the team, or the service account of an agent."""

    class Kind(models.TextChoices):
        PERSON = "person", "Person"
        SERVICE = "service", "Service account"

    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PERSON)

    class Meta(AbstractUser.Meta):
        permissions = [
            ("view_pii", "Can see customers' personal data"),
            ("view_dashboard", "Can see the dashboard"),
            ("explain_access", "Can ask why somebody may or may not do something"),
        ]
        constraints = [
            # Django marks an unusable password with a leading "!".
            models.CheckConstraint(
                condition=Q(kind="person") | Q(password__startswith="!"),  # noqa: S106
                name="staff_service_account_has_no_password",
            )
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """A service account acts through grants and never logs in: it cannot keep a password."""
        if self.kind == self.Kind.SERVICE and self.has_usable_password():
            self.set_unusable_password()
            if kwargs.get("update_fields") is not None:
                kwargs["update_fields"] = {*kwargs["update_fields"], "password"}
        super().save(*args, **kwargs)

    @property
    def is_service(self) -> bool:
        return self.kind == self.Kind.SERVICE

    @property
    def display_name(self) -> str:
        """What colleagues read: the full name, else the log-in name."""
        return self.get_full_name() or self.username


class BuiltInRole(models.Model):
    """Marks a role as one that belongs to the code. A role of an installation's own has no mark, whatever its name."""

    group = models.OneToOneField(Group, on_delete=models.CASCADE, primary_key=True, related_name="built_in")

    def __str__(self) -> str:
        return self.group.name


class TeamQuerySet(models.QuerySet["Team"]):
    def visible_to(self, user: Any) -> TeamQuerySet:
        """The teams whose tickets, runs and requests `user` may see. One query when evaluated."""
        if not user.is_active:
            return self.none()
        if user.is_superuser:
            return self
        return self.granted_to(user.pk, permissions.Permission.VIEW_TEAM)

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

    name = models.CharField(max_length=80, unique=True)
    slug = models.SlugField(max_length=50, unique=True)

    objects = TeamQuerySet.as_manager()
    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        permissions = [("decide_for_team", "Can decide approval requests of the team")]

    def __str__(self) -> str:
        return self.name


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


class AccessTokenQuerySet(models.QuerySet["AccessToken"]):
    def alive(self, audience: str) -> AccessTokenQuerySet:
        """Tokens that this resource believes now: one statement, by the database's clock."""
        return self.filter(revoked_at=None, expires_at__gt=Now(), audience=audience, user__is_active=True)


class AccessToken(models.Model):
    """Lets another program act as an account, over one address, for a while. Of the token itself a digest is kept."""

    class Scope(models.TextChoices):
        READ = "tools:read", "List tools, call those that read"
        WRITE = "tools:write", "Also call those that write"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="access_tokens",
        verbose_name="account",
        help_text="The token may do what this account may, and ends when it is deactivated.",
    )
    name = models.CharField(max_length=80, help_text="Which program it is for.")
    scope = models.CharField(max_length=11, choices=Scope, default=Scope.READ)
    audience = models.CharField(max_length=200, editable=False, help_text="The only address that believes the token.")
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    hint = models.CharField("ends in", max_length=4, editable=False)
    created_at = models.DateTimeField("issued", auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, editable=False, related_name="+"
    )
    expires_at = models.DateTimeField("expires")
    revoked_at = models.DateTimeField("revoked", null=True, blank=True, editable=False)
    last_used_at = models.DateTimeField("last used", null=True, blank=True, editable=False)

    objects = AccessTokenQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} (…{self.hint})"


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
