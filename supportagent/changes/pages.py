"""A changed row as people read it: field by field, before and after, with what stays as it is below."""

import json
from dataclasses import dataclass
from typing import Any

from django.db import models
from django.utils.dateparse import parse_duration

from supportagent.changes.difference import Row
from supportagent.changes.kinds import canonical, kind_of
from supportagent.console.columns import NONE
from supportagent.console.money import format_micros
from supportagent.tickets.rendering import escape_hidden


@dataclass(frozen=True)
class Field:
    """One field: equal texts mean that it stays. `items` of a list say what leaves and what comes."""

    label: str
    before: str
    after: str
    leaving: tuple[str, ...] = ()
    coming: tuple[str, ...] = ()
    is_list: bool = False


@dataclass(frozen=True)
class ShownRow:
    """`verb` says what happens to the row as a whole."""

    kind: str
    name: str
    verb: str
    changed: tuple[Field, ...]
    staying: tuple[Field, ...]


def shown(row: Row) -> ShownRow:
    """The row in words. Text of people and servers is shown with its hidden characters escaped."""
    kind = kind_of(row.model)
    verb = "is added" if row.before is None else "is deleted" if row.after is None else "is changed"
    fields = [(_field(field, row), _differs(field, row)) for field in kind.fields()]
    return ShownRow(
        kind=row.kind,
        name=escape_hidden(row.name),
        verb=verb,
        changed=tuple(field for field, differs in fields if differs),
        staying=() if None in (row.before, row.after) else tuple(field for field, differs in fields if not differs),
    )


def _differs(field: models.Field, row: Row) -> bool:
    before, after = (row.before or {}).get(field.name), (row.after or {}).get(field.name)
    if row.before is None or row.after is None:
        # Of a new or deleted row, what is empty says nothing.
        return (before or after) not in (None, "", [], {})
    return canonical(before) != canonical(after)


def _field(field: models.Field, row: Row) -> Field:
    label = str(field.verbose_name)
    before, after = (row.before or {}).get(field.name), (row.after or {}).get(field.name)
    old, new = (
        "" if values is None else _words(field, value) for values, value in ((row.before, before), (row.after, after))
    )
    if not field.many_to_many:
        return Field(label, old, new)
    had, has = ({each["id"]: each["name"] for each in value or ()} for value in (before, after))
    return Field(
        label,
        old,
        new,
        leaving=tuple(escape_hidden(name) for pk, name in had.items() if pk not in has),
        coming=tuple(escape_hidden(name) for pk, name in has.items() if pk not in had),
        is_list=True,
    )


def _words(field: models.Field, value: Any) -> str:
    if value is None or value in ("", [], {}):
        return NONE
    if isinstance(value, bool):
        return "yes" if value else "no"
    if field.many_to_many:
        return escape_hidden(", ".join(each["name"] for each in value))
    if field.is_relation:
        return escape_hidden(str(value["name"]))
    if field.choices:
        return str(dict(field.flatchoices).get(value, value))
    if isinstance(field, models.DurationField):
        return _duration(str(value))
    if field.name == "cap" or field.name.endswith("_micros"):
        return format_micros(value)
    if isinstance(field, models.JSONField):
        return escape_hidden(json.dumps(value, indent=2, ensure_ascii=False))
    return escape_hidden(str(value))


def _duration(text: str) -> str:
    duration = parse_duration(text)
    return text if duration is None else str(duration)
