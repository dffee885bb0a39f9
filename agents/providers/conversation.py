"""What both wire APIs share: a well-formed conversation, tool schemas, and text fit to be stored."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from agents.providers.base import (
    MAX_REPLY_BYTES,
    Item,
    ModelTurn,
    ProviderGarbage,
    ProviderMisconfigured,
    RequestedCall,
    Said,
    ToolResult,
    ToolSpec,
    Usage,
)

TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
NOT_RUN = '{"error": {"code": "not_run", "message": "This call was not run."}}'
MAX_TOKENS = 1_000_000_000

# The part of JSON schema that OpenAI's strict mode takes; with any other keyword it answers 400.
STRICT_KEYWORDS = frozenset(
    {"type", "properties", "required", "additionalProperties", "description", "title", "enum", "const"}
    | {"items", "minItems", "maxItems", "anyOf", "pattern", "format"}
    | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
)
STRICT_FORMATS = frozenset({"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"})
MAX_ID_LENGTH = 120  # as ModelCall and ToolCall keep them
MAX_MODEL_LENGTH = 100
_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_-]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def paired(items: Iterable[Item]) -> Iterator[Item]:
    """The same conversation with the result of every call right behind the turn that asked for it.

    Both APIs refuse a conversation in which a call has no result, a result has no call, or something
    stands between them.
    """
    waiting: list[Item] = []
    turn: ModelTurn | None = None
    for item in items:
        if isinstance(item, ModelTurn):
            yield from _settle(turn, waiting)
            yield item
            turn, waiting = item, []
        else:
            waiting.append(item)
    yield from _settle(turn, waiting)


def _settle(turn: ModelTurn | None, followers: list[Item]) -> Iterator[Item]:
    results = {item.call_id: item for item in followers if isinstance(item, ToolResult)}
    for call in turn.tool_calls if turn else ():
        yield results.get(call.id) or ToolResult(call.id, call.name, NOT_RUN)
    yield from (item for item in followers if not isinstance(item, ToolResult))


def spoken(said: Said) -> tuple[str, str]:
    """The wire role and text of a line. A colleague's words carry a mark, so that the model neither
    takes them for the customer's nor for its own."""
    if said.speaker == "customer":
        return "user", said.text
    if said.speaker == "person":
        return "assistant", f"[Written by {said.name or 'a colleague'}, a human colleague]\n{said.text}"
    return "assistant", said.text


def check_name(tool: ToolSpec) -> str:
    """The tool's name; raises ProviderMisconfigured where the APIs would refuse it."""
    if not TOOL_NAME.fullmatch(tool.name):
        raise ProviderMisconfigured(f"Tool name {tool.name!r} is not 1 to 64 of a-z, A-Z, 0-9, _ and -.")
    return tool.name


def allows_strict(schema: object) -> bool:
    """Whether OpenAI can hold the model to this schema: closed objects, every property required."""
    if not isinstance(schema, dict) or not schema.keys() <= STRICT_KEYWORDS:
        return False
    if "(?" in schema.get("pattern", "") or schema.get("format", "date") not in STRICT_FORMATS:
        return False
    properties = schema.get("properties", {})
    if "object" in str(schema.get("type", "")) and (
        schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties)
    ):
        return False
    nested = [
        *properties.values(),
        *schema.get("anyOf", ()),
        *([schema["items"]] if "items" in schema else []),
    ]
    return all(allows_strict(part) for part in nested)


def storable(value: Any) -> Any:
    """The same JSON value without NUL and lone surrogates, which PostgreSQL refuses to store."""
    if isinstance(value, str):
        return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, list):
        return [storable(part) for part in value]
    if isinstance(value, dict):
        return {storable(key): storable(part) for key, part in value.items()}
    return value


def text_of(value: object) -> str:
    """Text where text was expected, "" for anything else that a server may put there."""
    return storable(value) if isinstance(value, str) else ""


def dict_of(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def dicts_of(value: object) -> list[dict[str, Any]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def arguments_of(value: object) -> str:
    """A call's arguments as JSON text; some servers send an object, or nothing where there are none."""
    if isinstance(value, dict):
        return text_of(json.dumps(value, ensure_ascii=False))
    return text_of(value).strip() or "{}"


def usage_of(total_in: object, total_out: object, cached: object, reasoning: object) -> Usage | None:
    """The counted tokens, or None where the server's figures are missing or cannot be."""
    counted_in, counted_out = _count(total_in), _count(total_out)
    if counted_in is None or counted_out is None:
        return None
    return Usage(
        input_tokens=counted_in,
        output_tokens=counted_out,
        cached_tokens=min(_count(cached) or 0, counted_in),
        reasoning_tokens=min(_count(reasoning) or 0, counted_out),
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_TOKENS else None


@dataclass
class Size:
    """Counts the characters of a reply as they come in and refuses one that will not end."""

    taken: int = field(default=0)

    def take(self, text: str) -> str:
        self.taken += len(text)
        if self.taken > MAX_REPLY_BYTES:
            raise ProviderGarbage(f"The reply is longer than {MAX_REPLY_BYTES} characters.")
        return text


def usable_calls(calls: Iterable[RequestedCall]) -> list[RequestedCall]:
    """The calls with an id each, and names and ids that can be stored and sent back.

    A call that is stated twice, word for word, is one call; another call under a used id, or under none,
    gets an id of its own. A name that no tool can have would make every later request invalid.
    """
    kept: dict[str, RequestedCall] = {}
    for call in calls:
        if kept.get(call.id) == call:
            continue
        name = _NOT_IN_NAMES.sub("_", call.name)[:64]
        known = not call.id or call.id in kept or len(call.id) > MAX_ID_LENGTH
        call_id = f"call_{uuid4().hex[:24]}" if known else call.id
        kept[call_id] = RequestedCall(call_id, name, call.arguments)
    return list(kept.values())
