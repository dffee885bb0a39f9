"""Who may decide a proposed change, and why not. A superuser is no exception: nobody decides his own."""

from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q, QuerySet

from supportagent.changes.models import ProposedChange
from supportagent.staff.explanation import Explanation, allowed, refused
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, explain


def may_decide(user: User, change: ProposedChange) -> Explanation:
    """Whether this person may put the change in force or decline it."""
    right = explain(user, Permission.DECIDE_CHANGE)
    if not right:
        return right
    if user.is_service:
        return refused("an agent decides nothing about the rules that bind it")
    if user.pk == change.proposed_by_id:
        return refused("you proposed it yourself, so a second admin decides")
    return allowed(right.because)


def may_see(user: User) -> bool:
    """Whether this person sees proposed changes at all."""
    return bool(explain(user, Permission.VIEW_PROPOSEDCHANGE)) or bool(explain(user, Permission.DECIDE_CHANGE))


def deciders(change: ProposedChange) -> QuerySet[User]:
    """Everybody who may decide the change, for the page that says whom to ask."""
    right = Q(permission__content_type__app_label="changes", permission__codename="decide_change")
    by_role = Group.permissions.through.objects.filter(right, group__user=OuterRef("pk"))
    in_person = User.user_permissions.through.objects.filter(right, user=OuterRef("pk"))
    people = User.objects.filter(is_active=True, kind=User.Kind.PERSON).exclude(pk=change.proposed_by_id)
    return people.filter(Q(is_superuser=True) | Exists(by_role) | Exists(in_person)).order_by("username")
