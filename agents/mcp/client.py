"""Calls to domain servers. Only `agents/loop/execution.py` uses this."""

from typing import Any

from agents.mcp import importing, remote, watch
from agents.mcp.errors import DefinitionChanged, NotExecuted, OutcomeUnknown
from supportagent.grants import signing
from supportagent.grants.server import Outcome
from supportagent.grants.strict import InvalidArguments
from supportagent.tools import amounts
from supportagent.tools.models import Tool
from supportagent.tools.registry import UnknownServer, get_server

__all__ = ["DefinitionChanged", "NotExecuted", "OutcomeUnknown", "call_tool"]


def call_tool(
    tool: Tool, arguments: dict[str, Any], *, key: str, customer: str, actor: int, approval: str = ""
) -> Outcome:
    """Make one call. Built-in servers run in process and get a grant that is signed for exactly this call.

    A refusal comes back as an Outcome with `ok` false. NotExecuted where there is no such built-in server; any other
    exception of one means that its receipt has to be asked. A write of an imported server raises NotExecuted,
    DefinitionChanged or OutcomeUnknown; a read tries again by itself and raises NotExecuted. While the server's circuit
    is open, or too many calls wait for it, nothing is sent: NotExecuted.
    """
    if tool.imported:
        return _call_imported(tool, arguments, key=key)
    try:
        server = get_server(tool.server.name)
    except UnknownServer as error:
        raise NotExecuted("unknown_server", f"there is no server {tool.server.name}") from error
    token = signing.issue(
        key=key,
        server=server.name,
        tool=tool.name,
        arguments=arguments,
        customer=customer,
        actor=actor,
        approval=approval,
    )
    return server.call(tool.name, arguments, grant_token=token)


def _call_imported(tool: Tool, arguments: dict[str, Any], *, key: str) -> Outcome:
    try:
        sent = amounts.as_sent(tool, arguments)
    except InvalidArguments as error:
        raise NotExecuted("invalid_arguments", str(error)) from None
    try:
        with watch.watched(tool):
            return remote.write(tool, sent, key=key) if tool.writes else remote.read(tool, sent)
    except DefinitionChanged:
        importing.switch_off_changed(tool)
        raise
