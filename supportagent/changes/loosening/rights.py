"""Rights: what roles hold, who is in them, and what was granted on one object."""

from typing import Any

from django.apps import apps
from django.contrib.auth.models import Group
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from supportagent.changes.kinds import Values, govern
from supportagent.changes.loosening.schemas import narrows
from supportagent.changes.loosening.words import added, changed, names, others
from supportagent.staff.models import Team, User
from supportagent.tools.models import ToolGrant

OF_A_PERSON = ("username", "first_name", "last_name", "email")
FLAGS = {
    "is_superuser": "becomes a superuser, who may do everything that is not strict",
    "is_staff": "may log in to the admin",
    "is_active": "may log in and act again",
}


def user_loosens(before: Values | None, after: Values | None) -> list[str]:
    """What the account may do that it could not do before."""
    if after is None:
        return []
    sentences = [words for flag, words in FLAGS.items() if _raised_flag(before, after, flag)]
    if groups := added(before, after, "groups"):
        sentences.append(f"gets the role {names(groups)}")
    if permissions := added(before, after, "user_permissions"):
        sentences.append(f"gets of its own: {names(permissions)}")
    if before is None:
        return sentences
    known = (*FLAGS, "groups", "user_permissions")
    return sentences + others(changed(before, after, harmless=OF_A_PERSON), known)


def _raised_flag(before: Values | None, after: Values, flag: str) -> bool:
    """A new account is active and nothing more: that is no right yet."""
    had = before[flag] if before is not None else flag == "is_active"
    return bool(after[flag] and not had)


def group_loosens(before: Values | None, after: Values | None) -> list[str]:
    """What the members of the role may do that they could not do before."""
    if after is None:
        return []
    sentences = []
    if more := added(before, after, "permissions"):
        sentences.append(f"its members get: {names(more)}")
    if before is None:
        return sentences
    if before["name"] != after["name"]:
        sentences.append("its name is changed, and rules name their approvers by it")
    return sentences + others(changed(before, after), ("name", "permissions"))


def grant_loosens(before: Values | None, after: Values | None) -> list[str]:
    """A right on one object: given or pointed elsewhere is loosening, withdrawn is not."""
    if after is None:
        return []
    holder = after.get("group") or after["user"]
    right = f"{holder['name']} gets “{after['permission']['name'].rpartition(' | ')[2]}” on {_object(after)}"
    return [right] if before is None or changed(before, after) else []


def tool_grant_loosens(before: Values | None, after: Values | None) -> list[str]:
    """As any grant, and its argument rules. Grants add up, so one that goes takes no limit from another."""
    if before is None or after is None or set(changed(before, after)) - {"argument_rules"}:
        return grant_loosens(before, after)
    if narrows(before["argument_rules"], after["argument_rules"]):
        return []
    return ["its argument rules are changed, and may accept more than before"]


def _object(values: Values) -> str:
    about: Any = values.get("content_object")
    return str(about["name"]) if about else str(values.get("object_pk", "an object"))


govern(User, user_loosens, omitted=("password", "last_login", "date_joined"))
govern(Group, group_loosens)
# A team's name and hours, and what a customer hears while it is away, let nobody do more. Grants on it are other kinds.
govern(Team, lambda before, after: [])
for model in apps.get_models():
    if issubclass(model, GroupObjectPermissionBase | UserObjectPermissionBase):
        govern(model, tool_grant_loosens if model is ToolGrant else grant_loosens)
