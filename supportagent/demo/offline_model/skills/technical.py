"""A fault in the shop itself: look at the logs, file an issue, tell the customer its id."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .. import entities
from ..context import Aim, Moment
from ..desk import CannotHelp, Desk
from ..phrases import plain

LOGS = "engineering__get_service_logs"
ISSUE = "engineering__create_engineering_issue"
_SERVICE_WORDS: dict[str, str] = {
    "checkout": r"\b(?:check ?out|cart|basket|pay|payment|order|card)\b",
    "notif": r"\b(?:e-?mail|notification|confirmation|push|newsletter|reset)\b",
    "sync": r"\b(?:app|sync|kettle|bluetooth|device|connect|pair)\w*",
    "auth": r"\b(?:log ?in|sign ?in|password|account)\b",
}
_LONG_NUMBER = re.compile(r"\d[\d -]{10,}\d")


def technical_fault(desk: Desk, moment: Moment, aim: Aim) -> str:
    """File the fault with the engineers. Log lines decide how severe it is; they are not shown to the customer."""
    if not desk.offers(ISSUE):
        raise CannotHelp("technical", "the customer reports a fault in the shop", "That should not happen, I am sorry.")
    arguments = _where(desk, aim)
    troubled = _troubled(desk, arguments) if desk.offers(LOGS) else []
    symptom = _without_personal_data(f"{aim.background} {aim.text}".strip())
    call = desk.request(
        ISSUE,
        "a customer meets a fault that support cannot mend",
        title=plain(f"Customer reports: {symptom}", 120),
        summary=_summary(symptom, troubled),
        severity="high" if troubled else "medium",
        **arguments,
    )
    if not call.done or not call.data.get("issue_id"):
        raise CannotHelp("technical", f"the fault could not be filed: {call.error or 'no answer'}")
    known = "I can see trouble on our side as well. " if troubled else ""
    return (
        f"I am sorry about that. {known}Our engineers now have it as issue {plain(call.data['issue_id'], 40)}. If it "
        "still happens tomorrow, write here and name this issue."
    )


def _where(desk: Desk, aim: Aim) -> dict[str, str]:
    """{"service": name} for the one offered service that the words point to, else {}."""
    low = f"{aim.background} {aim.text}".lower()
    for name in desk.choices(ISSUE, "service"):
        if name in low or any(part in name and re.search(words, low) for part, words in _SERVICE_WORDS.items()):
            return {"service": name}
    return {}


def _troubled(desk: Desk, arguments: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    data = desk.read(LOGS, "see whether the fault is a known incident", **arguments, hours=24)
    entries = [entry for entry in data.get("entries") or () if isinstance(entry, Mapping)]
    return [entry for entry in entries if str(entry.get("level")).lower() in ("error", "critical", "warning")]


def _summary(symptom: str, troubled: list[Mapping[str, Any]]) -> str:
    lines = [
        f"{plain(e.get('at'), 40)} {plain(e.get('service'), 40)}: {plain(e.get('message'), 200)}" for e in troubled[:5]
    ]
    logs = "\n".join(lines) or "No warnings or errors in the last 24 hours."
    return f"In the customer's words: {plain(symptom, 600)}\n\nService logs:\n{logs}"


def _without_personal_data(text: str) -> str:
    return _LONG_NUMBER.sub("(number)", entities.EMAIL.sub("(e-mail)", text))
