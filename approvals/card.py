"""The card that an approver reads, made by code from the bytes that the digest covers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from approvals.models import ApprovalRequest
from supportagent.console.money import format_money
from supportagent.tickets.rendering import escape_hidden
from supportagent.tools.models import Tool


@dataclass(frozen=True)
class Line:
    """One labelled value, and where the value was seen first."""

    label: str
    value: str
    source: str = ""


@dataclass(frozen=True)
class Card:
    """What will happen, on which facts, and what changed since it was last decided."""

    arguments: list[Line]
    facts: list[Line]
    changes: list[tuple[str, str, str]]
    sums: list[Line]
    payee: str


def card_of(request: ApprovalRequest) -> Card:
    """Make the card; nothing in it is the model's prose."""
    arguments = json.loads(request.bound_arguments)
    currency = _currency(request.tool, arguments, request.facts)
    return Card(
        arguments=arguments_in_words(request.tool, arguments, request.provenance, currency),
        facts=_lines(request.facts, currency),
        changes=[
            (_label(c["field"]), _value(c["field"], c["was"], currency), _value(c["field"], c["now"], currency))
            for c in request.what_changed
        ],
        sums=sums_of(request),
        payee=str(request.facts.get("payment_method", "")),
    )


def arguments_in_words(
    tool: Tool, arguments: Mapping[str, Any], provenance: Mapping[str, str], currency: str = ""
) -> list[Line]:
    """What a call was made with, each value with where it was seen first; what no source is known of is the host's."""
    currency = currency or _currency(tool, arguments, {})
    return [
        Line(_label(name), _argument(tool, name, value, currency), provenance.get(name, "the host"))
        for name, value in arguments.items()
    ]


def _currency(tool: Tool, arguments: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    return str(arguments.get(tool.currency_argument) or tool.fixed_currency or facts.get("currency", ""))


@dataclass(frozen=True)
class Version:
    """One of the requests that followed each other for a call: how it came about, and with which arguments."""

    request: ApprovalRequest
    how: str
    arguments: list[Line]


def versions_of(request: ApprovalRequest) -> list[Version]:
    """What was proposed, and what became of it by edits and drift, oldest first; empty if nothing was replaced."""
    found = ApprovalRequest.objects.filter(call_id=request.call_id).select_related("tool").order_by("pk")
    if len(found) < 2:
        return []
    return [
        Version(
            each,
            each.supersedes_because or f"{each.requested_by_name} proposed it",
            card_of(each).arguments,
        )
        for each in found
    ]


def sums_of(request: ApprovalRequest) -> list[Line]:
    """The running totals of the day with this call, in words."""
    subject = request.subject.partition(":")[0] or "subject"
    return [
        Line(f"Today for the {subject if scope == 'subject' else scope}", _total(sums, request.currency))
        for scope, sums in request.sums.items()
    ]


def _total(sums: Mapping[str, Any], currency: str) -> str:
    calls = f"{sums['count']} call{'' if sums['count'] == 1 else 's'}"
    return f"{calls}, {format_money(sums['amount_minor'], currency)}" if currency else calls


def _lines(facts: Mapping[str, Any], currency: str, prefix: str = "") -> list[Line]:
    lines: list[Line] = []
    for name, value in facts.items():
        if isinstance(value, Mapping):
            lines += _lines(value, currency, prefix=f"{_label(name)}: ")
        else:
            lines.append(Line(prefix + _label(name), _value(name, value, currency)))
    return lines


def _label(name: str) -> str:
    return name.removesuffix("_minor").replace("_", " ").capitalize()


def _argument(tool: Tool, name: str, value: Any, currency: str) -> str:
    """An argument in words; of an amount it is known which one it is, whatever its server calls it."""
    if name == tool.amount_argument and currency and type(value) is int:
        return format_money(value, currency)
    return _value(name, value, currency)


def _value(name: str, value: Any, currency: str) -> str:
    if name.endswith("_minor") and isinstance(value, int):
        return format_money(value, currency)
    if value in ("", None, []):
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return escape_hidden(text)
