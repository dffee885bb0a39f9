"""Whether the row of a call still says one thing: what it was derived from gives again what stands in it.

Nobody but the gate writes these columns. A row that disagrees with itself was changed past it, and is never sent.
"""

import copy
import json
from typing import Any

from agents.loop import planning
from agents.loop.refusal import CallRefused
from agents.models import ToolCall
from audit.chain import canonical
from supportagent.grants import strict
from supportagent.tools import schema
from supportagent.tools.models import Tool

ALTERED = "altered"
NOT_THE_SAME = "this call is not what was planned any more"


def check(call: ToolCall) -> dict[str, Any]:
    """The arguments that will be sent; raises CallRefused when the row was altered or its tool takes them no more."""
    tool = planning.tool_of(call)
    try:
        arguments = json.loads(call.arguments)
        bound = schema.bind(tool, arguments, planning.host_bound(call))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CallRefused(ALTERED, NOT_THE_SAME) from error
    written = (call.name, call.arguments, call.bound_arguments)
    if written != (tool.qualified_name, canonical(arguments).decode(), canonical(bound).decode()):
        raise CallRefused(ALTERED, NOT_THE_SAME)
    try:
        strict.validate(bound, tool.input_schema)
    except strict.InvalidArguments as error:
        raise CallRefused("definition_changed", f"the tool does not take these arguments any more: {error}") from error
    _check_derived(call, tool, bound)
    return bound


def check_readable(call: ToolCall) -> None:
    """Refuse a row that names no tool or no arguments, before anything is read for it."""
    try:
        readable = call.tool is not None and all(
            isinstance(json.loads(text), dict) for text in (call.arguments, call.bound_arguments)
        )
    except ValueError:
        readable = False
    if not readable:
        raise CallRefused(ALTERED, NOT_THE_SAME)


def _check_derived(call: ToolCall, tool: Tool, bound: dict[str, Any]) -> None:
    again = copy.copy(call)
    planning.name_effect(again, tool, bound)
    again.action_key = planning.action_key_of(again, tool, bound)
    names = ["subject", "effect_key", "action_key"]
    if tool.amount_argument:  # otherwise the amount follows from the facts, and is asked of them
        names += ["amount_minor", "currency"]
    if any(getattr(call, name) != getattr(again, name) for name in names):
        raise CallRefused(ALTERED, NOT_THE_SAME)
