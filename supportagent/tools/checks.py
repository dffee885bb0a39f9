"""System checks: which tools lack what the gate needs to know about them."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import DatabaseError

from supportagent.tools import review
from supportagent.tools.models import MCPServer, Tool


@register(Tags.database)
def check_tools_are_declared(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> Iterable[CheckMessage]:
    """Enabled tools without impact or reversibility, and imported ones whose review does not fit together."""
    if "default" not in (databases or ()):
        return []
    try:
        tools = {tool.qualified_name: tool for tool in Tool.objects.select_related("server")}
    except DatabaseError:  # before the first migration
        return []
    return [
        Warning(f"{name}: {problem}", hint="Say so in the admin, or switch the tool off.", id="supportagent.W010")
        for name, tool in tools.items()
        if tool.enabled
        for problem in _problems(tool, tools)
    ]


def _problems(tool: Tool, tools: dict[str, Tool]) -> list[str]:
    if tool.server.transport == MCPServer.Transport.BUILTIN:
        return [f"{name} is not declared" for name in review.lacking(tool)]
    return [f"{field}: {sentence}" for field, sentence in review.problems(tool, tools)]
