"""Two definitions of a tool, part by part: what was reviewed beside what is offered now, with the words that differ.

Everything in it is a server's text, so nothing in it stays invisible: hidden characters are written out.
"""

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from supportagent.tools.definitions import visible

_WORDS = re.compile(r"\s+|[^\s]+")
MAX_WORDS = 4_000  # of one part; longer ones are shown whole, because comparing them would take too long


@dataclass(frozen=True)
class Segment:
    """A run of words; `differs` where the other side does not have it."""

    text: str
    differs: bool


@dataclass(frozen=True)
class Part:
    """One part of the definition on both sides. An empty side: it was not there."""

    label: str
    before: tuple[Segment, ...]
    now: tuple[Segment, ...]


def parts(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Part]:
    """The parts that differ, the words for the model first."""
    old, new = dict(_texts(before)), dict(_texts(now))
    return [
        _part(label, old.get(label, ""), new.get(label, ""))
        for label in dict.fromkeys([*old, *new])
        if old.get(label, "") != new.get(label, "")
    ]


def _texts(definition: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "Title", str(definition.get("title", ""))
    yield "Description", str(definition.get("description", ""))
    schema = definition.get("inputSchema") or {}
    for name, declared in (schema.get("properties") or {}).items():
        yield f"Argument {visible(str(name))}", _json(declared)
    yield "Required arguments", ", ".join(sorted(map(str, schema.get("required", []))))
    yield (
        "Other rules of the arguments",
        _json({k: v for k, v in schema.items() if k not in ("properties", "required")}),
    )
    yield "Declared result", _json(definition.get("outputSchema") or {})
    yield "Hints", _json(definition.get("annotations") or {})


def _part(label: str, before: str, now: str) -> Part:
    old, new = _WORDS.findall(before), _WORDS.findall(now)
    if len(old) + len(new) > MAX_WORDS:
        return Part(label, _whole(before), _whole(now))
    marks = difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    return Part(
        label,
        tuple(_segment(old[a:b], tag) for tag, a, b, _, _ in marks if a < b),
        tuple(_segment(new[a:b], tag) for tag, _, _, a, b in marks if a < b),
    )


def _segment(words: list[str], tag: str) -> Segment:
    return Segment(visible("".join(words)), differs=tag != "equal")


def _whole(text: str) -> tuple[Segment, ...]:
    return (Segment(visible(text), differs=True),) if text else ()


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) if value else ""
