"""What the model sees of a tool, and what the host takes out of and puts into its arguments."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from supportagent.grants.server import ServerTool
from supportagent.grants.strict import InvalidArguments
from supportagent.tools.models import Tool

REASON = "stated_reason"
REASON_LIMIT = 300
# Where the host takes the arguments from that no model writes. `call` identifies the call itself.
SOURCES = ("ticket", "team", "customer", "run", "call")
_REASON_SCHEMA = {
    "type": "string",
    "minLength": 3,
    "maxLength": REASON_LIMIT,
    "description": "One line: why you make this call. Shown to the people who oversee you.",
}


def offered_schema(tool: Tool) -> dict[str, Any]:
    """The schema shown to a model: host-bound arguments are gone, the stated reason is required."""
    schema = tool.input_schema
    visible = {k: v for k, v in schema.get("properties", {}).items() if k not in tool.bound_arguments}
    required = [name for name in schema.get("required", []) if name not in tool.bound_arguments]
    return {
        "type": "object",
        "properties": {REASON: _REASON_SCHEMA, **visible},
        "required": [REASON, *required],
        "additionalProperties": False,
    }


def take_reason(arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Cut the stated reason off the arguments; raises InvalidArguments when it is missing or not one line."""
    rest = dict(arguments)
    reason = rest.pop(REASON, None)
    if not isinstance(reason, str) or not 3 <= len(reason) <= REASON_LIMIT:
        raise InvalidArguments(f"{REASON}: one line of 3 to {REASON_LIMIT} characters is required")
    return " ".join(reason.split()), rest


def bind(tool: Tool, arguments: Mapping[str, Any], sources: Mapping[str, str]) -> dict[str, Any]:
    """Add the host-bound arguments; raises InvalidArguments when the model tried to supply one itself."""
    forbidden = sorted(set(tool.bound_arguments) & set(arguments))
    if forbidden:
        raise InvalidArguments(f"{forbidden[0]}: set by the host, not by you")
    return {**arguments, **{name: sources[source] for name, source in tool.bound_arguments.items()}}


def without_call_id(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that say what is done: two calls that do the same differ only in the id of the call."""
    return {name: value for name, value in arguments.items() if tool.bound_arguments.get(name) != "call"}


def definition_hash(tool: ServerTool) -> str:
    """Pin of everything that decides what a call means; a change of any part is a new definition."""
    definition = {
        "name": tool.name,
        "description": tool.description,
        "schema": tool.schema,
        "effect": tool.effect,
        "bound": dict(tool.bound),
        "subject": [tool.subject, tool.amount, tool.currency],
        "facts": tool.facts,
        "check": [tool.check, *tool.check_fields],
        "destination": sorted(tool.destination),
        "risk": [tool.impact, tool.reversible, tool.requires_verified],
    }
    return _hash(definition)


def imported_hash(definition: Mapping[str, Any]) -> str:
    """Pin of what a foreign server says about a tool."""
    return _hash(definition)


def _hash(definition: Mapping[str, Any]) -> str:
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
