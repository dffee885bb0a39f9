"""What the model sees of a tool, and what the host takes out of and puts into its arguments."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from supportagent.grants import strict
from supportagent.grants.server import ServerTool
from supportagent.grants.strict import InvalidArguments
from supportagent.tools import amounts
from supportagent.tools.models import Tool

REASON = "stated_reason"
REASON_LIMIT = 300
# Where the host takes the arguments from that no model writes. `call` identifies the call itself.
SOURCES = ("ticket", "team", "customer", "run", "call")
CONST = "const"  # {"const": value}: always this value
_REASON_SCHEMA = {
    "type": "string",
    "minLength": 3,
    "maxLength": REASON_LIMIT,
    "description": "One line: why you make this call. Shown to the people who oversee you.",
}


def offered_schema(tool: Tool) -> dict[str, Any]:
    """The schema shown to a model: host-bound arguments are gone, the stated reason is required."""
    schema = tool.arguments_schema
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
    return {**arguments, **bound_values(tool, sources)}


def bound_values(tool: Tool, sources: Mapping[str, str]) -> dict[str, Any]:
    """What the host sends along; raises InvalidArguments where it is not known, as the customer of a stranger."""
    values = {name: _value_of(source, sources) for name, source in tool.bound_arguments.items()}
    unknown = sorted(name for name, value in values.items() if value == "" and not is_constant(tool, name))
    if unknown:
        raise InvalidArguments(f"{unknown[0]}: is not known, because nobody proved which customer writes")
    return values


def is_constant(tool: Tool, name: str) -> bool:
    return isinstance(tool.bound_arguments.get(name), dict)


def check(tool: Tool, bound: Mapping[str, Any]) -> None:
    """Hold all arguments against the pinned schema, also as they will be sent. Raises InvalidArguments."""
    strict.validate(bound, tool.arguments_schema)
    if tool.in_major_units:
        strict.validate(amounts.as_sent(tool, bound), tool.input_schema)


def without_call_id(tool: Tool, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments that say what is done: two calls that do the same differ only in the id of the call."""
    return {name: value for name, value in arguments.items() if tool.bound_arguments.get(name) != "call"}


def action_name(tool: Tool) -> str:
    """The name under which two calls can do the same: the same number in another unit is another amount."""
    return f"{tool.name} in major units" if tool.in_major_units else tool.name


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


def _value_of(source: Any, sources: Mapping[str, str]) -> Any:
    return source[CONST] if isinstance(source, dict) else sources[source]


def _hash(definition: Mapping[str, Any]) -> str:
    text = json.dumps(definition, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
