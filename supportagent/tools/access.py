"""Who may use or approve which tool. A superuser has no tool by that alone: rights are rows that can be read."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from supportagent.staff.models import User
from supportagent.tools.models import Tool, ToolGrant, ToolUserGrant

USE = "use_tool"
APPROVE = "approve_tool"


@dataclass(frozen=True)
class GrantedTool:
    """A tool that somebody may call, with the argument rules of every role that grants it."""

    tool: Tool
    rules: tuple[dict[str, Any], ...]


def may(user: User, codename: str, tool: Tool) -> bool:
    """Whether a role or a personal grant gives this right on this tool to an account that is active now."""
    right = Q(content_object=tool, permission__codename=codename)
    return (
        ToolGrant.objects.filter(right, group__user=user.pk, group__user__is_active=True).exists()
        or ToolUserGrant.objects.filter(right, user=user.pk, user__is_active=True).exists()
    )


def tools_for(user: User, codename: str = USE) -> "QuerySet[Tool]":
    """Enabled tools of enabled servers on which the user holds the right."""
    by_role = ToolGrant.objects.filter(permission__codename=codename, group__user=user)
    in_person = ToolUserGrant.objects.filter(permission__codename=codename, user=user)
    if not user.is_active:
        return Tool.objects.none()
    return Tool.objects.filter(
        Q(pk__in=by_role.values("content_object")) | Q(pk__in=in_person.values("content_object")),
        enabled=True,
        server__enabled=True,
    ).select_related("server")


def granted(user: User) -> dict[str, GrantedTool]:
    """Every tool the user may call, by qualified name, with its argument rules: two queries, not one per tool."""
    rules: dict[int, list[dict[str, Any]]] = {}
    rows = ToolGrant.objects.filter(permission__codename=USE, group__user=user)
    for tool_id, rule in rows.values_list("content_object_id", "argument_rules"):
        rules.setdefault(tool_id, []).append(rule)
    return {
        tool.qualified_name: GrantedTool(tool, tuple(rule for rule in rules.get(tool.pk, []) if rule))
        for tool in tools_for(user)
        if not tool.host_only
    }
