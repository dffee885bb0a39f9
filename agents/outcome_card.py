"""What a person reads before settling an unknown outcome: made from the rows, never from a model's words."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from agents.models import Resolution, ToolCall
from supportagent.tickets.rendering import escape_hidden

VALUE_LIMIT = 400  # characters


@dataclass(frozen=True)
class Evidence:
    """One thing that is known about the call: when, what, and the bytes where there are any."""

    label: str
    text: str
    at: datetime | None = None


@dataclass(frozen=True)
class OutcomeCard:
    """What was sent, what is known about it, and what there is to look at."""

    arguments: list[tuple[str, str]]
    evidence: list[Evidence]
    changes: list[tuple[str, str, str]]
    what_to_check: str
    resolution: Resolution | None


def card_of(call: ToolCall, *, personal_data: bool) -> OutcomeCard:
    """The card; without `personal_data` no value that could name somebody is on it."""
    notes, tool = call.reconciliation or {}, call.tool
    arguments = json.loads(call.bound_arguments or "{}")
    return OutcomeCard(
        arguments=[(_label(name), _value(value)) for name, value in arguments.items()] if personal_data else [],
        evidence=_evidence(call, notes, personal_data=personal_data),
        changes=_changes(notes) if personal_data else [],
        what_to_check=(tool.what_to_check if tool else "")
        or "Look at the other system: was this carried out, once, with exactly these values?",
        resolution=Resolution.objects.select_related("resolved_by").filter(call=call.pk).first(),
    )


def _evidence(call: ToolCall, notes: dict[str, Any], *, personal_data: bool) -> list[Evidence]:
    found = [Evidence("Sent", f"{call.attempt} time{'s' if call.attempt > 1 else ''}", call.sent_at)]
    if notes.get("error"):
        found.append(Evidence("What we heard", escape_hidden(str(notes["error"])), _moment(notes.get("unknown_since"))))
    if call.deadline is not None:
        found.append(Evidence("An answer may come until", "", call.deadline))
    if notes.get("looked_at"):
        found.append(
            Evidence("The record was read again", f"{notes.get('looks', 1)} times", _moment(notes["looked_at"]))
        )
    if personal_data:
        found += [
            Evidence(label, _value(notes[key]))
            for key, label in (("evidence", "With it came"), ("late", "A late answer"))
            if notes.get(key)
        ]
    return found


def _changes(notes: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The record before the call and as it was last read: every field, so that what did not change is seen too."""
    before, after = notes.get("before"), notes.get("after")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return []
    return [(_label(name), _value(before.get(name)), _value(after.get(name))) for name in sorted({*before, *after})]


def _label(name: str) -> str:
    return str(escape_hidden(name.replace("_", " "))).capitalize()


def _value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = text if len(text) <= VALUE_LIMIT else text[:VALUE_LIMIT] + " …"
    return str(escape_hidden(shown))


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
