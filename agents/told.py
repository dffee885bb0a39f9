"""What a brief tells, laid out for a page: facts with where they come from, what was tried, the open question.

A brief is JSON that was composed from records (`agents/briefs.py`), and older or shorter ones hold less: whatever is
not known here is shown as a line of its own, so that nothing of it is lost.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from supportagent.tickets.models import Ticket
from supportagent.tickets.rendering import escape_hidden

SHORT = 400  # characters of a fact
LABELS = {"customer": "Customer", "left_out": "Facts that its role may not read"}


@dataclass(frozen=True)
class Fact:
    """One result of a read: which tool brought it, what it was asked about, and in short what it said."""

    source: str
    about: str
    says: str
    call: str = ""


@dataclass(frozen=True)
class Told:
    """A brief as people read it."""

    facts: list[Fact] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    question: str = ""
    others: list[tuple[str, str]] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.facts or self.tried or self.question or self.others)


def told(brief: Any) -> Told:
    """Read a brief, whatever is in it."""
    if not isinstance(brief, Mapping):
        return Told(others=[("Brief", _text(brief))] if brief else [])
    rest = {str(name): value for name, value in brief.items()}
    facts, tried, question = rest.pop("facts", []), rest.pop("tried", []), rest.pop("question", "")
    sorted_as = rest.pop("sorted", {})
    others = [(_label(name), _text(value)) for name, value in rest.items() if value not in (None, "", 0, [], {})]
    if sorted_as:
        others.append(("Sorted", _sorting(sorted_as)))
    return Told(
        facts=[_fact(each) for each in (facts if isinstance(facts, list) else [facts])],
        tried=[_text(each) for each in (tried if isinstance(tried, list) else [tried])],
        question=_text(question),
        others=others,
    )


def _fact(value: Any) -> Fact:
    if not isinstance(value, Mapping):
        return Fact("", "", _text(value))
    says = value["result"] if "result" in value else value.get("note", "")
    about = _parsed(value.get("about", ""))
    if isinstance(about, Mapping):
        about = ", ".join(_text(part) for name, part in about.items() if name != "stated_reason")
    return Fact(_text(value.get("source", "")), _text(about), _in_short(says), str(value.get("call", "")))


def _in_short(result: Any) -> str:
    """The plain values of a result by name, else its JSON; cut where it is long."""
    result = _parsed(result)
    if isinstance(result, Mapping):
        plain = [f"{_label(str(k)).lower()} {_text(v)}" for k, v in result.items() if not isinstance(v, Mapping | list)]
        more = [f"{_label(str(k)).lower()}: {len(v)}" for k, v in result.items() if isinstance(v, list)]
        result = " · ".join([*plain, *more]) or result
    text = _text(result)
    return text if len(text) <= SHORT else f"{text[:SHORT]} …"


def _sorting(value: Any) -> str:
    if not isinstance(value, Mapping):
        return _text(value)
    categories = dict(Ticket.Category.choices)
    names = ("category", "priority", "language", "sentiment")
    parts = [str(categories.get(str(value[name]), value[name])) for name in names if value.get(name)]
    return escape_hidden(" · ".join([*parts, *([f"{value['confidence']} % sure"] if "confidence" in value else [])]))


def _label(name: str) -> str:
    return LABELS.get(name, name.replace("_", " ").capitalize())


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in "{[":
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        value = {True: "yes", False: "no", None: "none"}[value]
    return escape_hidden(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str))
