"""Columns that several admin pages draw alike: states, money, links and JSON."""

import json
from collections.abc import Callable
from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import display

from supportagent.console.money import format_micros, format_money
from supportagent.console.templatetags.console import STATUS_KINDS

NONE = "–"
Column = Callable[..., Any]


class _Kinds(dict[str, str]):
    """Colour of a state, for Unfold's labels; grey for one that has no colour."""

    def __missing__(self, state: str) -> str:
        return self.get(state.upper(), "default")


KINDS = _Kinds({state: kind for kind, states in STATUS_KINDS.items() for state in states})


def state_column(field: str = "state", description: str = "") -> Column:
    """A badge with the state in words."""

    @display(description=description or field, ordering=field, label=KINDS)
    def column(_admin: Any, row: Any) -> tuple[str, str]:
        return getattr(row, field), getattr(row, f"get_{field}_display")()

    return column


def micros_column(field: str, description: str) -> Column:
    """A cost in micro-units, as people write it."""

    @display(description=description, ordering=field)
    def column(_admin: Any, row: Any) -> str:
        amount = getattr(row, field)
        return NONE if amount is None else format_micros(amount)

    return column


def money_column(amount: str, currency: str, description: str) -> Column:
    """An amount in minor units with its currency, as people write it."""

    @display(description=description, ordering=amount)
    def column(_admin: Any, row: Any) -> str:
        minor = getattr(row, amount)
        return NONE if minor is None else format_money(minor, getattr(row, currency))

    return column


def json_column(field: str, description: str = "") -> Column:
    """A JSON value, laid out for reading. Text that holds JSON is laid out too."""

    @display(description=description or field.replace("_", " "))
    def column(_admin: Any, row: Any) -> SafeString | str:
        return block(getattr(row, field))

    return column


def block(value: Any) -> SafeString | str:
    """Preformatted text; JSON is indented."""
    if value in (None, "", [], {}):
        return NONE
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return preformatted(value)
    return preformatted(json.dumps(value, indent=2, ensure_ascii=False))


def preformatted(text: str) -> SafeString:
    return format_html('<pre style="white-space: pre-wrap; overflow-wrap: anywhere">{}</pre>', text)


def link(address: str, text: object) -> SafeString:
    return format_html('<a href="{}" class="text-primary-600 dark:text-primary-400">{}</a>', address, text)
