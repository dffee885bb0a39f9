"""Where the value of an argument was seen. Two sources are trusted: the host, and the customer's record.

A record confirms a value only when a whole field of the facts that our own code read is that very value. That the same
characters stand somewhere in a text proves nothing: whoever wrote the text may have put them there.
"""

import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from agents.models import ToolCall
from supportagent.tools.models import Tool

HOST = "the host"
RECORD = "the customer's record"
MESSAGE = "the customer's message"
MODEL = "the model"
COLLEAGUE = "a colleague"  # who was logged in and typed the value; the words of approvals for an edit


def sources_of(
    call: ToolCall, tool: Tool, *, facts: Mapping[str, Any], said: str, earlier: Iterable[ToolCall]
) -> dict[str, str]:
    """The source of every argument that would be sent. `said` is the customer's text, `earlier` are calls that
    succeeded before the model asked for this one."""
    seen = [(other.name, json.dumps(other.result, ensure_ascii=False)) for other in earlier]
    return {
        name: _source(name, value, tool, facts=facts, said=said, seen=seen)
        for name, value in json.loads(call.bound_arguments).items()
    }


def typed_by_colleague(call: ToolCall, tool: Tool, *, facts: Mapping[str, Any]) -> dict[str, str]:
    """The sources of a call that a logged-in colleague filled in: what neither host nor record has is their own word.

    An outside client is no such person: a model may have written what it sends, so `sources_of` speaks of it.
    """
    return {
        name: COLLEAGUE if source in (MODEL, MESSAGE) else source
        for name, source in sources_of(call, tool, facts=facts, said="", earlier=()).items()
    }


def confirmed_again(known: Mapping[str, str], arguments: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, str]:
    """Sources that were found before, with what the record confirmed then asked of the facts as they are now."""
    return {
        name: MODEL if source == RECORD and not _in_record(arguments.get(name), facts) else source
        for name, source in known.items()
    }


def _source(
    name: str, value: Any, tool: Tool, *, facts: Mapping[str, Any], said: str, seen: list[tuple[str, str]]
) -> str:
    if name in tool.bound_arguments:
        return HOST
    if _in_record(value, facts):
        return RECORD
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    results = [tool_name for tool_name, result in seen if text in result]
    if results:
        return f"result of {results[-1]}"
    return MESSAGE if text in said else MODEL


def _in_record(value: Any, facts: Mapping[str, Any]) -> bool:
    """Whether a whole field of the facts is this value. `planning.shared_arguments` keeps destinations from a read
    that would merely repeat what it was given."""
    if isinstance(value, bool) or value in (None, "", [], {}):
        return False
    return any(_same(field, value) for field in _fields(facts))


def _fields(value: Any) -> Iterator[Any]:
    for inner in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield inner
        yield from _fields(inner)


def _same(field: Any, value: Any) -> bool:
    if isinstance(field, str) and isinstance(value, str):
        return unicodedata.normalize("NFC", field) == unicodedata.normalize("NFC", value)
    return type(field) is type(value) and field == value
