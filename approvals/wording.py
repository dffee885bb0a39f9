"""What a rule says, and what it said to a call, in words that somebody can check against what was meant."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from approvals.models import ApprovalPolicy, Tier
from approvals.policy import Asked, Judged, condition_in_words, kind_of
from approvals.policy.conditions import Condition, sign, value_in_words
from supportagent.tickets.rendering import escape_hidden

EVERY_TOOL = "every tool that writes"
DECIDE = {Tier.T1: "one person decides with one click", Tier.T2: "one person decides and confirms amount and payee"}


def duration_in_words(duration: timedelta) -> str:
    """`4 h`, `90 min`, `2 d`, `45 s`."""
    seconds = int(duration.total_seconds())
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def conditions_in_words(conditions: Any) -> str:
    """`arguments.amount_minor ≤ 2000 and assurance = verified`, or `always`."""
    if not isinstance(conditions, list):
        return str(conditions)
    return " and ".join(condition_in_words(condition) for condition in conditions) or "always"


def rule_in_words(rule: ApprovalPolicy, roles: Iterable[str]) -> str:
    """One sentence: which calls, when, what then, who decides, and what silence means."""
    which = f"A call of {rule.tool or EVERY_TOOL}"
    when = f"when {conditions_in_words(rule.conditions)}" if rule.conditions else "whatever it says"
    return f"{which}, {when}: {_then(rule, list(roles))}."


def _then(rule: ApprovalPolicy, roles: list[str]) -> str:
    if rule.outcome == ApprovalPolicy.Outcome.ALLOW:
        return "it is carried out without a person"
    if rule.outcome == ApprovalPolicy.Outcome.DENY:
        return "it is refused"
    who = f" ({' or '.join(roles)})" if roles else ""
    undo = ""
    if rule.tier == Tier.T1:
        undo = f"; it can be undone for {rule.undo_seconds} s" if rule.undo_seconds else "; it cannot be undone"
    return (
        f"{_care(rule.tier)}{who}{undo}; without a decision it goes on to more people after "
        f"{duration_in_words(rule.respond_within)} and is refused after {duration_in_words(rule.expires_after)}"
    )


def _care(tier: str) -> str:
    return "two different people decide" if tier == Tier.T3 else DECIDE.get(Tier(tier), tier)


_PHRASES = {
    "eq": ("is {}", "is not {}"),
    "ne": ("is not {}", "is {}"),
    "in": ("is one of {}", "is none of {}"),
    "not_in": ("is none of {}", "is one of {}"),
}
MOST_VALUES, LONGEST_VALUE = 5, 60


def because(asked: Asked) -> list[str]:
    """Why a rule holds or does not: one line per condition that was asked."""
    if asked.rule.fault:
        return [asked.rule.fault]
    return [judged_in_words(judged) for judged in asked.conditions] or ["it has no condition, so it always holds"]


def judged_in_words(judged: Judged) -> str:
    """`arguments.amount_minor 8400 is not > 50000`."""
    path, condition, found = judged.condition.path, judged.condition, judged.found
    if found is None:
        return f"{path.text} is not there, so nobody knows"
    wanted = value_in_words(condition.value)
    if judged.answer is None:
        return f"{path.text} {_shown(found)} cannot be compared: {condition_in_words(vars_of(condition))}"
    holds, fails = _PHRASES.get(condition.op, (f"is {sign(condition.op)} {{}}", f"is not {sign(condition.op)} {{}}"))
    if not path.quantifier:
        return f"{path.text} {_shown(found)} {(holds if judged.answer else fails).format(wanted)}"
    if not found:
        return f"{path.text} has no element"
    which = {("*", True): "one of", ("*", False): "none of", ("all", True): "each of", ("all", False): "not each of"}
    return f"{which[path.quantifier, judged.answer]} {path.text} ({_shown(found)}) {holds.format(wanted)}"


def vars_of(condition: Condition) -> dict[str, Any]:
    """A condition as it is stored."""
    return {"path": condition.path.text, "op": condition.op, "value": condition.value}


def _shown(found: list[Any]) -> str:
    words = [
        escape_hidden(value_in_words(each) if kind_of(each) else json.dumps(each, ensure_ascii=False, default=str))
        for each in found[:MOST_VALUES]
    ]
    cut = [word if len(word) <= LONGEST_VALUE else f"{word[:LONGEST_VALUE]}…" for word in words]
    return ", ".join([*cut, *(["…"] if len(found) > MOST_VALUES else [])])
