"""Import the tools of the built-in servers into rows and pin their definitions."""

from django.conf import settings
from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor
from supportagent.grants.server import DomainServer, ServerTool
from supportagent.tools.models import MCPServer, Tool
from supportagent.tools.registry import get_server
from supportagent.tools.schema import definition_hash


def sync_builtin_servers() -> list[Tool]:
    """Bring the rows in line with the code; returns the tools that are new or whose definition changed.

    A changed definition gets a new pin, so whatever waits for approval under the old one is put before a
    person again when it is about to be sent.
    """
    changed: list[Tool] = []
    with audit_log.transaction():
        for name in settings.MCP_SERVERS:
            server = get_server(name)
            row, _ = MCPServer.objects.get_or_create(name=name, defaults={"title": server.title})
            pins = dict(row.tools.values_list("name", "definition_hash"))
            for declared in server.tools.values():
                if pins.get(declared.name) != definition_hash(declared):
                    changed.append(_pin(row, server, declared))
            row.tools.exclude(name__in=server.tools).update(enabled=False)
            MCPServer.objects.filter(pk=row.pk).update(synced_at=timezone.now())
    return changed


def _pin(row: MCPServer, server: DomainServer, declared: ServerTool) -> Tool:
    tool, _ = Tool.objects.update_or_create(
        qualified_name=f"{server.name}__{declared.name}",
        defaults={
            "server": row,
            "name": declared.name,
            "description": declared.description,
            "input_schema": declared.schema,
            "bound_arguments": dict(declared.bound),
            "definition_hash": definition_hash(declared),
            "effect": declared.effect,
            "impact": declared.impact,
            "reversible": declared.reversible,
            "requires_verified": declared.requires_verified,
            "host_only": declared.host_only,
            "facts_tool": declared.facts,
            "check_tool": declared.check,
            "check_fields": list(declared.check_fields),
            "destination_arguments": list(declared.destination),
            "subject_argument": declared.subject,
            "amount_argument": declared.amount,
            "currency_argument": declared.currency,
        },
    )
    audit_log.record(
        "tools.tool.pinned",
        actor=Actor.system("sync_mcp_tools"),
        target=("tool", tool.qualified_name),
        data={"definition": tool.definition_hash},
    )
    return tool
