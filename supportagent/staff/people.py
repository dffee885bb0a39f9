"""Who has a right, asked the other way round: conditions on accounts, for one statement however many there are."""

from django.contrib.auth.models import Permission as PermissionRow
from django.db.models import Exists, OuterRef, Q, QuerySet

from supportagent.staff.models import TeamGroupGrant, TeamUserGrant, User
from supportagent.staff.permissions import Permission


def holds(permission: Permission) -> Q:
    """Accounts that have it themselves or by a role. Being a superuser is no reason."""
    rows = PermissionRow.objects.filter(content_type__app_label=permission.app_label, codename=permission.codename)
    in_person = rows.filter(user=OuterRef("pk"))
    by_role = rows.filter(group__user=OuterRef("pk"))
    return Q(Exists(in_person)) | Q(Exists(by_role))


def holds_for_team(permission: Permission, team_id: int) -> Q:
    """Accounts that have it for this team: by a grant on it, or on all of them."""
    right = {"content_object": team_id, "permission__codename": permission.codename}
    in_person = TeamUserGrant.objects.filter(user=OuterRef("pk"), **right)
    by_role = TeamGroupGrant.objects.filter(group__user=OuterRef("pk"), **right)
    return Q(Exists(in_person)) | Q(Exists(by_role)) | holds(permission)


def people_who_may(permission: Permission, *, team_id: int | None) -> QuerySet[User]:
    """People with this right who see the team, or every team where it is None; superusers too, as `has` says."""
    sees = holds(Permission.VIEW_TEAM) if team_id is None else holds_for_team(Permission.VIEW_TEAM, team_id)
    return User.objects.filter(
        Q(is_superuser=True) | (holds(permission) & sees), is_active=True, kind=User.Kind.PERSON
    ).order_by("pk")
