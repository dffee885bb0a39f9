"""Servers in the admin: the built-in ones, and those that an admin adds; `agents/admin/servers.py` asks them."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from unfold.decorators import display

from supportagent.console.admin import ConsoleModelAdmin
from supportagent.tools import health
from supportagent.tools.models import MCPServer
from supportagent.tools.registering import OAUTH, ServerForm


@admin.register(MCPServer)
class MCPServerAdmin(ConsoleModelAdmin):
    form = ServerForm
    list_display = ["title", "name", "transport", "tool_count", "synced_at", "health_in_words", "enabled"]
    list_filter = ["transport", "enabled"]
    search_fields = ["name", "title"]
    readonly_fields = ["synced_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[MCPServer]:
        return super().get_queryset(request).select_related("health").annotate(tool_count=Count("tools"))

    def get_fieldsets(self, request: HttpRequest, obj: Model | None = None) -> Any:
        """A built-in server is code: it has no address. How a server is reached is chosen once."""
        shown: list[Any] = [("name", "title"), "enabled"]
        transport = obj.transport if isinstance(obj, MCPServer) else None
        if transport is None:
            shown.append("transport")
        if transport in (None, MCPServer.Transport.HTTP):
            shown.append("url")
        if transport in (None, MCPServer.Transport.STDIO):
            shown.append("command")
        if transport != MCPServer.Transport.BUILTIN:
            shown += [("credential", "trusted_for_errors")]
        reason = ["change_reason"] if self._asks_for_reason(request, obj) else []
        first = (None, {"fields": [*shown, *(["synced_at"] if obj else []), *reason]})
        if transport not in (None, MCPServer.Transport.HTTP):
            return [first]
        address, client, auth, scope, resource, audience = OAUTH
        oauth = {"fields": [address, (client, auth), scope, (resource, audience)], "classes": ["collapse"]}
        return [first, ("OAuth client credentials", oauth)]

    def get_readonly_fields(self, request: HttpRequest, obj: MCPServer | None = None) -> list[str]:
        return ["name", "transport", "synced_at"] if obj else ["synced_at"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        if change and {"url", "command"} & set(form.changed_data):
            # What was reviewed was offered elsewhere. The tools are imported again, and switched on by a person.
            for tool in obj.tools.filter(enabled=True):
                tool.enabled = False
                tool._change_reason = "Its server is reached elsewhere now"  # type: ignore[attr-defined]
                tool.save()

    def has_delete_permission(self, request: HttpRequest, obj: MCPServer | None = None) -> bool:
        """A server that is not wanted is switched off."""
        return False

    @display(description="health")
    def health_in_words(self, server: MCPServer) -> str:
        return health.in_words(server)

    @display(description="tools", ordering="tool_count")
    def tool_count(self, server: Any) -> int:
        return server.tool_count
