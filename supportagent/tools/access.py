"""Who may use or approve which tool, and how far. A superuser has no tool by that alone: rights are rows.

`may`, `explain` and `reaches` read the same rows through `_grants`, so that the page which explains a decision
cannot say something else than the gate that made it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet

from supportagent.grants import strict
from supportagent.prepared import prepared
from supportagent.staff.explanation import Explanation, allowed, nobody_of, refused
from supportagent.staff.models import User
from supportagent.tools.models import Tool, ToolGrant, ToolUserGrant

USE = "use_tool"
APPROVE = "approve_tool"
_VERBS = {USE: "call", APPROVE: "approve calls of"}


@dataclass(frozen=True)
class GrantedTool:
    """A tool that somebody may call. One of `rules` must accept the arguments; without any there is no limit."""

    tool: Tool
    rules: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Grant:
    """A right on a tool as its holder has it: by `role`, or in person where that is empty."""

    role: str
    rules: Any

    @property
    def source(self) -> str:
        return f"the role {self.role}" if self.role else "a personal grant"


def may(user: User, codename: str, tool: Tool) -> bool:
    """Whether a role or a personal grant gives this right on this tool to an account that is active now."""
    return next(_grants(user, codename, tool), None) is not None


def explain(user: User, codename: str, tool: Tool) -> Explanation:
    """`may` with its reason: the role or the personal grant that gives the right, or who lacks it."""
    what = f"may {_VERBS[codename]} {tool.qualified_name}"
    grant = next(_grants(user, codename, tool), None)
    return allowed(f"{grant.source} {what}") if grant else refused(_why_not(user, what))


def reaches(user: User, codename: str, tool: Tool, arguments: Mapping[str, Any]) -> Explanation:
    """Whether one of the user's grants accepts these arguments: the rules of a grant are its limit.

    A grant without rules has no limit. Rules that cannot be applied accept nothing.
    """
    what = f"may {_VERBS[codename]} {tool.qualified_name}"
    limits = []
    for grant in _grants(user, codename, tool):
        problem = _beyond(grant.rules, arguments)
        if not problem:
            return allowed(f"{grant.source} {what}{' within its limit' if grant.rules else ''}")
        limits.append(f"{grant.source} {what}, but not this far: {problem}")
    return refused("; ".join(limits) or _why_not(user, what))


def unlimited(user: Any, codename: str, tool: Any) -> QuerySet[ToolGrant]:
    """The grants by which an account that is active has this right without a limit through a role: for `Exists`, with
    keys or references to an outer query. Where there is none, `reaches` says whether another grant reaches far enough.
    """
    by_role = {"group__user": user, "group__user__is_active": True}
    return ToolGrant.objects.filter(content_object=tool, permission__codename=codename, argument_rules={}, **by_role)


def serves(tool: Tool, *, verified: bool) -> bool:
    """Whether the tool is for this customer: some are for a proved identity only."""
    return verified or not tool.requires_verified


def accounts_that_reach(codename: str, tool: Tool, arguments: Mapping[str, Any]) -> "QuerySet[User]":
    """Active accounts for which `reaches` says yes: the tool's grants to roles are read once, not per account."""
    return accounts_with(roles_that_reach(codename, tool, arguments), codename, tool.pk)


def roles_that_reach(codename: str, tool: Tool, arguments: Mapping[str, Any]) -> tuple[int, ...]:
    """The roles with a grant that accepts these arguments."""
    return tuple(role for role, rules in _grants_to_roles(codename, tool.pk) if not _beyond(rules, arguments))


def accounts_with(roles: Sequence[int], codename: str, tool_id: int) -> "QuerySet[User]":
    """Active accounts in one of these roles, or with this right on the tool in person."""
    in_role = User.groups.through.objects.filter(group__pk__in=roles).values("user")
    in_person = ToolUserGrant.objects.filter(content_object=tool_id, permission__codename=codename).values("user")
    return User.objects.filter(Q(pk__in=in_role) | Q(pk__in=in_person), is_active=True)


@prepared
def _grants_to_roles(codename: str, tool_id: int) -> QuerySet[ToolGrant, tuple[int, Any]]:
    grants = ToolGrant.objects.filter(content_object=tool_id, permission__codename=codename).order_by("pk")
    return grants.values_list("group_id", "argument_rules")


class Reach:
    """What one account's grants of a right cover, read once for many calls: `reaches` without the words."""

    def __init__(self, user: User, codename: str) -> None:
        right = Q(permission__codename=codename)
        in_person = ToolUserGrant.objects.filter(right, user=user.pk, user__is_active=True)
        by_role = ToolGrant.objects.filter(right, group__user=user.pk, group__user__is_active=True)
        self._rules: dict[int, list[Any]] = {pk: [{}] for pk in in_person.values_list("content_object", flat=True)}
        for tool_id, rules in by_role.values_list("content_object", "argument_rules"):
            self._rules.setdefault(tool_id, []).append(rules)

    @property
    def tools(self) -> frozenset[int]:
        """Tools on which the account has the right at all."""
        return frozenset(self._rules)

    @property
    def unlimited(self) -> frozenset[int]:
        """Tools on which it has the right without a limit."""
        return frozenset(tool_id for tool_id, rules in self._rules.items() if any(not rule for rule in rules))

    def covers(self, tool_id: int, arguments: Mapping[str, Any]) -> bool:
        """Whether one of the grants accepts these arguments."""
        return any(not _beyond(rule, arguments) for rule in self._rules.get(tool_id, ()))


def _grants(user: User, codename: str, tool: Tool) -> Iterator[Grant]:
    """Every grant of this right on this tool to an account that is active now, whatever the caller has loaded.

    One query for what its roles hold; the personal grants are read only by who goes on.
    """
    for name, rules in _by_role(user.pk, codename, tool.pk):
        yield Grant(name, rules)
    if _in_person(user.pk, codename, tool.pk):
        yield Grant("", {})


@prepared
def _by_role(user_id: int, codename: str, tool_id: int) -> QuerySet[ToolGrant, tuple[str, Any]]:
    right = Q(content_object=tool_id, permission__codename=codename)
    grants = ToolGrant.objects.filter(right, group__user=user_id, group__user__is_active=True).order_by("pk")
    return grants.values_list("group__name", "argument_rules")


@prepared
def _in_person(user_id: int, codename: str, tool_id: int) -> QuerySet[ToolUserGrant, int]:
    right = Q(content_object=tool_id, permission__codename=codename)
    return ToolUserGrant.objects.filter(right, user=user_id, user__is_active=True).values_list("pk", flat=True)[:1]


def _beyond(rules: Any, arguments: Mapping[str, Any]) -> str:
    """What keeps the arguments out of the rules, "" when nothing does."""
    if not rules:
        return ""
    try:
        strict.validate(arguments, rules)
    except strict.InvalidArguments as error:
        return str(error)
    except Exception as error:  # whatever jsonschema makes of a schema that nobody checked
        return f"its rules cannot be applied ({type(error).__name__})"
    return ""


def _why_not(user: User, may_do: str) -> str:
    if not User.objects.filter(pk=user.pk, is_active=True).exists():
        return "the account is not active"
    roles = Group.objects.filter(user=user.pk).order_by("name").values_list("name", flat=True)
    return f"{nobody_of(roles)} {may_do}"


def tools_for(user: User, codename: str = USE) -> "QuerySet[Tool]":
    """Enabled tools of enabled servers on which the user holds the right."""
    return _tools(user.pk, codename) if user.is_active else Tool.objects.none()


def _tools(user_id: int, codename: str) -> "QuerySet[Tool]":
    by_role = ToolGrant.objects.filter(permission__codename=codename, group__user=user_id)
    in_person = ToolUserGrant.objects.filter(permission__codename=codename, user=user_id)
    return Tool.objects.filter(
        Q(pk__in=by_role.values("content_object")) | Q(pk__in=in_person.values("content_object")),
        enabled=True,
        server__enabled=True,
    ).select_related("server")


def numbers_of_tools(accounts: Sequence[int]) -> dict[int, int]:
    """How many tools each of these accounts may call, as `granted` has them: two queries, however many accounts."""
    called = Q(
        permission__codename=USE,
        content_object__enabled=True,
        content_object__server__enabled=True,
        content_object__host_only=False,
    )
    by_role = ToolGrant.objects.filter(called, group__user__in=accounts, group__user__is_active=True)
    in_person = ToolUserGrant.objects.filter(called, user__in=accounts, user__is_active=True)
    tools: dict[int, set[int]] = {}
    for account, tool in [
        *by_role.values_list("group__user", "content_object"),
        *in_person.values_list("user", "content_object"),
    ]:
        tools.setdefault(account, set()).add(tool)
    return {account: len(found) for account, found in tools.items()}


def granted(user: User) -> dict[str, GrantedTool]:
    """Every tool the user may call, by qualified name, with its limits: three queries at most, not one per tool.

    Rights of several roles add up, as in `reaches`: a grant without rules lifts the limits of the others.
    """
    rules: dict[int, list[dict[str, Any]]] = {}
    for tool_id, rule in _rules(user.pk, USE):
        rules.setdefault(tool_id, []).append(rule)
    limited = {tool_id for tool_id, of_grants in rules.items() if all(of_grants)}
    if limited:
        limited -= set(_tools_in_person(user.pk, USE))
    return {
        tool.qualified_name: GrantedTool(tool, tuple(rules[tool.pk]) if tool.pk in limited else ())
        for tool in (_tools_offered(user.pk, USE) if user.is_active else [])
        if not tool.host_only
    }


_tools_offered = prepared(_tools)


@prepared
def _rules(user_id: int, codename: str) -> QuerySet[ToolGrant, tuple[int, dict[str, Any]]]:
    grants = ToolGrant.objects.filter(permission__codename=codename, group__user=user_id).order_by("pk")
    return grants.values_list("content_object_id", "argument_rules")


@prepared
def _tools_in_person(user_id: int, codename: str) -> QuerySet[ToolUserGrant, int]:
    grants = ToolUserGrant.objects.filter(permission__codename=codename, user=user_id)
    return grants.values_list("content_object_id", flat=True)
