"""Writing a scenario as the file that `scripts` reads, with comments for what the format does not hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any

from supportagent.rehearsal.scripts import Scenario, StepScript

Notes = Mapping[int, Sequence[str]]


def write(scenario: Scenario, *, head: Sequence[str] = (), before_step: Notes | None = None) -> str:
    """The file's text: `scripts.parse` makes an equal scenario of it. What is as usual is left out.

    `head` are comments above everything, `before_step` those above the step of that index; the index after the last
    step stands for the end.
    """
    notes = before_step or {}
    lines = [*_comments(head), *_pairs(scenario, without=("name", "steps", "expected"))]
    for index, step in enumerate(scenario.steps):
        lines += ["", *_comments(notes.get(index, ())), "[[step]]", *_step(step)]
    lines += ["", *_comments(notes.get(len(scenario.steps), ())), "[expected]", *_pairs(scenario.expected)]
    return "\n".join(lines) + "\n"


def _comments(notes: Sequence[str]) -> Iterator[str]:
    """One line for each: whatever it is made of, it never ends the comment."""
    return (f"# {_string(note)[1:-1]}".rstrip() if not note.isprintable() else f"# {note}".rstrip() for note in notes)


def _step(step: StepScript) -> Iterator[str]:
    yield f"{step.who} = {_value(step.what)}"
    yield from _pairs(step, without=("who", "what"))


def _pairs(row: Any, without: tuple[str, ...] = ()) -> Iterator[str]:
    """`key = value` for each field that is not as it is by default."""
    for field in fields(row):
        value = getattr(row, field.name)
        if field.name not in without and not _usual(field, value):
            yield f"{field.name} = {_value(value)}"


def _usual(field: Any, value: Any) -> bool:
    return bool(value == field.default or (isinstance(value, Mapping) and not value))


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return _string(f"{value:f}")
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_string(key)} = {_value(one)}' for key, one in value.items())} }}"
    pairs = (f"{f.name} = {_value(getattr(value, f.name))}" for f in fields(value) if f.name == "name"
             or not _usual(f, getattr(value, f.name)))  # fmt: skip
    return f"{{ {', '.join(pairs)} }}"


def _string(text: str) -> str:
    """A basic string of TOML: JSON's escapes are TOML's, but for a character that JSON leaves as it is."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
