"""Take over what imported servers offer: switched off, as opaque as can be, and pinned until a person has read it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils import timezone

from agents.mcp import remote
from agents.mcp.remote import Greeting
from audit import log as audit_log
from audit.context import Actor, acting
from supportagent.tools import definitions
from supportagent.tools.models import MCPServer, Tool
from supportagent.tools.schema import imported_hash

ACTOR = Actor.system("sync_mcp_tools")


@dataclass
class Report:
    """What an import found."""

    new: list[Tool] = field(default_factory=list)
    changed: list[tuple[Tool, str]] = field(default_factory=list)  # with the difference, as lines
    gone: list[Tool] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)  # name, why


def try_connection(server: MCPServer) -> Greeting:
    """Who answers and what it offers; nothing is called and nothing is kept. NotExecuted when it cannot be asked."""
    return remote.greet(server)


def import_tools(server: MCPServer, *, actor: Actor = ACTOR) -> Report:
    """Bring the rows of one imported server in line with what it offers. NotExecuted when it cannot be asked.

    A new tool is switched off and opaque; one whose definition changed is switched off and pinned anew. What an
    admin has said about a tool stays, and he switches it on after he has read it.
    """
    found = remote.definitions(server)  # before the transaction: it talks to the network
    names = Counter(one["name"] for one in found)
    report = Report()
    with audit_log.transaction(), acting(actor):
        known = {tool.name: tool for tool in server.tools.select_for_update()}
        for definition in found:
            name = definition["name"]
            problems = definitions.problems(definition, server=server.name)
            if names[name] > 1:
                problems = ["the server offers two tools of that name"]
            if problems:
                _refuse(report, name, problems, known.get(name))
            elif name not in known:
                report.new.append(_create(server, definition))
            elif known[name].definition_hash != imported_hash(definition):
                report.changed.append(_change(known[name], definition))
        for name in known.keys() - names.keys():
            _switch_off(known[name], "tools.tool.gone", "The server offers it no longer")
            report.gone.append(known[name])
        MCPServer.objects.filter(pk=server.pk).update(synced_at=timezone.now())
    return report


def switch_off_changed(tool: Tool) -> None:
    """A call found that the server offers the tool otherwise than it was reviewed: nobody calls it until it is read."""
    with audit_log.transaction(), acting(Actor.system("mcp")):
        row = Tool.objects.select_for_update().filter(pk=tool.pk, definition_hash=tool.definition_hash).first()
        if row is not None and row.enabled:
            _switch_off(row, "tools.tool.changed", "A call found another definition")


def _create(server: MCPServer, definition: Mapping[str, Any]) -> Tool:
    tool = Tool(
        server=server,
        name=definition["name"],
        qualified_name=definitions.qualified(server.name, definition["name"]),
        effect=Tool.Effect.WRITE,
        impact=Tool.Impact.ACCOUNT,
        reversible=Tool.Reversible.NO,
        tool_class=Tool.Repeat.OPAQUE,
        enabled=False,
    )
    _pin(tool, definition)
    tool.save()
    _record("tools.tool.pinned", tool)
    return tool


def _change(tool: Tool, definition: Mapping[str, Any]) -> tuple[Tool, str]:
    lines = definitions.difference(tool.definition, definition)
    was = tool.definition_hash
    _pin(tool, definition)
    tool.enabled = False
    tool._change_reason = "The server changed its definition"  # type: ignore[attr-defined]
    tool.save()
    _record("tools.tool.changed", tool, was=was)
    return tool, lines


def _pin(tool: Tool, definition: Mapping[str, Any]) -> None:
    tool.definition = dict(definition)
    tool.definition_hash = imported_hash(definition)
    tool.description = definition["description"]
    tool.input_schema = definitions.hardened(definition["inputSchema"])


def _refuse(report: Report, name: str, problems: list[str], tool: Tool | None) -> None:
    because = "; ".join(dict.fromkeys(problems))
    report.refused.append((name[:100], because))
    if tool is not None:
        _switch_off(tool, "tools.tool.refused", because)


def _switch_off(tool: Tool, action: str, because: str) -> None:
    if not tool.enabled:
        return
    tool.enabled = False
    tool._change_reason = because[:100]  # type: ignore[attr-defined]
    tool.save()
    _record(action, tool)


def _record(action: str, tool: Tool, **data: Any) -> None:
    audit_log.record(action, target=("tool", tool.qualified_name), data={"definition": tool.definition_hash, **data})
