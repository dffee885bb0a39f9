"""Which rule holds for a call, and what it asks for. Unknown or malformed means: a person decides."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from approvals.models import DEFAULT_EXPIRY, ApprovalPolicy, Tier
from supportagent.tools.models import Tool


def _in(value: Any, options: Any) -> bool:
    return value in options


OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "in": _in,
    "not_in": lambda value, options: not _in(value, options),
}


@dataclass(frozen=True)
class Ruling:
    """What the policy says about one call, and by which version of which rule."""

    outcome: str
    tier: str
    rule_id: int | None
    rule_name: str
    rule_version: int
    expires_after: timedelta = DEFAULT_EXPIRY

    @property
    def key(self) -> tuple[str, str, int | None, int]:
        """What must stay the same between the decision and the sending."""
        return (self.outcome, self.tier, self.rule_id, self.rule_version)


def evaluate(*, tool: Tool, arguments: Mapping[str, Any], facts: Mapping[str, Any], assurance: str) -> Ruling:
    """Ask the rules in order; without one that holds, the tool's own declaration decides."""
    subject = {"arguments": dict(arguments), "facts": dict(facts), "assurance": assurance}
    for rule in ApprovalPolicy.objects.filter(enabled=True):
        if rule.tool_id not in (None, tool.pk) or (rule.tool_id is None and not tool.writes):
            continue
        try:
            holds = all(_holds(condition, subject) for condition in rule.conditions)
        except (TypeError, KeyError, AttributeError):
            return _ruling(rule, outcome=ApprovalPolicy.Outcome.APPROVE, suffix=" (rule could not be read)")
        if holds:
            return _ruling(rule, outcome=rule.outcome)
    return _by_declaration(tool)


def _holds(condition: Mapping[str, Any], subject: Mapping[str, Any]) -> bool:
    value: Any = subject
    for part in condition["path"].split("."):
        value = value[part]
    return OPERATORS[condition["op"]](value, condition["value"])


def _ruling(rule: ApprovalPolicy, *, outcome: str, suffix: str = "") -> Ruling:
    return Ruling(
        outcome=outcome,
        tier=rule.tier,
        rule_id=rule.pk,
        rule_name=f"{rule.name}{suffix}",
        rule_version=rule.version,
        expires_after=rule.expires_after,
    )


def _by_declaration(tool: Tool) -> Ruling:
    harmless = tool.impact in (Tool.Impact.NONE, Tool.Impact.CUSTOMER_VISIBLE)
    if not tool.writes or (harmless and tool.reversible == Tool.Reversible.YES):
        return Ruling(ApprovalPolicy.Outcome.ALLOW, Tier.T1, None, "Reversible and low impact", 0)
    return Ruling(ApprovalPolicy.Outcome.APPROVE, Tier.T2, None, "Irreversible or high impact", 0)


def latest_versions() -> dict[str, int]:
    """The version of every enabled rule, by its id: what is in force right now."""
    return {
        str(pk): version for pk, version in ApprovalPolicy.objects.filter(enabled=True).values_list("pk", "version")
    }
