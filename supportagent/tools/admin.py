"""Tools in the admin: what may be called, and which role may call or approve it.

A definition comes from its server and is pinned; here it is read, switched off, and granted.
"""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display

from supportagent.console.admin import ConsoleModelAdmin
from supportagent.console.columns import json_column, preformatted
from supportagent.console.inlines import GrantInline
from supportagent.tools.access import APPROVE, USE
from supportagent.tools.forms import ToolGrantForm
from supportagent.tools.models import MCPServer, Tool, ToolGrant, ToolUserGrant

IMPACTS = {"none": "default", "customer-visible": "info", "money": "danger", "account": "warning"}


class _ToolGrantInline(GrantInline):
    app_label, codenames = "tools", (USE, APPROVE)


class ToolGrantInline(_ToolGrantInline):
    model = ToolGrant
    form = ToolGrantForm
    verbose_name_plural = "Grants to roles"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ToolGrant]:
        return super().get_queryset(request).select_related("group", "permission", "content_object")


class ToolUserGrantInline(_ToolGrantInline):
    model = ToolUserGrant
    autocomplete_fields = ["user"]
    verbose_name_plural = "Personal grants"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ToolUserGrant]:
        return super().get_queryset(request).select_related("user", "permission", "content_object")


@admin.register(Tool)
class ToolAdmin(ConsoleModelAdmin):
    list_display = ["qualified_name", "does", "impact_shown", "reversible", "requires_verified", "roles", "enabled"]
    list_filter = ["server", "effect", "impact", "enabled", "host_only", "requires_verified"]
    list_select_related = ["server"]
    search_fields = ["qualified_name"]
    inlines = [ToolGrantInline, ToolUserGrantInline]
    fieldsets = [
        (None, {"fields": ["enabled", "contract", ("qualified_name", "server")]}),
        (
            "Risk",
            {
                "classes": ["tab"],
                "fields": [
                    ("effect", "impact"),
                    ("reversible", "requires_verified"),
                    ("host_only", "facts_tool"),
                    ("check_tool", "check_fields"),
                    ("subject_argument", "amount_argument"),
                    "currency_argument",
                ],
            },
        ),
        ("Definition", {"classes": ["tab"], "fields": ["schema", "bound", "definition_hash"]}),
    ]

    schema = json_column("input_schema", "input schema")
    bound = json_column("bound_arguments", "arguments set by the host")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Tool]:
        using = Count("grants", filter=Q(grants__permission__codename=USE), distinct=True)
        approving = Count("grants", filter=Q(grants__permission__codename=APPROVE), distinct=True)
        return super().get_queryset(request).annotate(using=using, approving=approving)

    def get_readonly_fields(self, request: HttpRequest, obj: Tool | None = None) -> list[str]:
        pinned = [field.name for field in Tool._meta.fields if field.name not in ("id", "enabled")]
        return [*pinned, "contract", "schema", "bound"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Tools are imported from their server, so that what was reviewed is what is called."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Tool | None = None) -> bool:
        """A tool that is not wanted is switched off; calls and approvals keep pointing to it."""
        return False

    @display(description="what the model reads")
    def contract(self, tool: Tool) -> SafeString:
        return preformatted(tool.description)

    @display(description="effect", ordering="effect", label={"READ": "info", "WRITE": "warning"})
    def does(self, tool: Tool) -> tuple[str, str]:
        return tool.effect, tool.get_effect_display()

    @display(description="impact", ordering="impact", label=IMPACTS)
    def impact_shown(self, tool: Tool) -> tuple[str, str]:
        return tool.impact, tool.get_impact_display()

    @display(description="roles", ordering="using")
    def roles(self, tool: Any) -> str:
        approving = f", {tool.approving} approve" if tool.approving else ""
        return f"{tool.using} use{approving}"


@admin.register(MCPServer)
class MCPServerAdmin(ConsoleModelAdmin):
    list_display = ["title", "name", "tool_count", "synced_at", "enabled"]
    list_filter = ["enabled"]
    search_fields = ["name", "title"]
    fields = ["enabled", "title", "name", "synced_at"]
    readonly_fields = ["name", "synced_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MCPServer]:
        return super().get_queryset(request).annotate(tool_count=Count("tools"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """A server is named in the settings and comes in with `sync_mcp_tools`."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: MCPServer | None = None) -> bool:
        """A server that is not wanted is switched off."""
        return False

    @display(description="tools", ordering="tool_count")
    def tool_count(self, server: Any) -> int:
        return server.tool_count
