"""What a rule says, in words that somebody can check against what was meant."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from approvals.models import ApprovalPolicy, Tier
from approvals.policy import condition_in_words

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
