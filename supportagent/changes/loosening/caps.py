"""Caps: what may be spent, and how often something may be done."""

from agents.models import Budget, VelocityCap
from supportagent.changes.kinds import Values, govern
from supportagent.changes.loosening.words import changed, others, raised
from supportagent.console.money import format_micros


def budget_loosens(before: Values | None, after: Values | None) -> list[str]:
    """More may be spent. An agent runs only when it has a budget, so its first one sets it to work.

    From when on people are told loosens nothing: the cap stops all the same, and is told of by itself.
    """
    if after is None:
        return ["without it, nothing limits what it was for"]
    if before is None:
        return ["an agent with a budget may run"] if after["scope"] == Budget.Scope.AGENT else []
    sentences = []
    if raised(before, after, "cap"):
        sentences.append(f"the cap is raised from {format_micros(before['cap'])} to {format_micros(after['cap'])}")
    return sentences + others(changed(before, after), ("cap", "warn_at"))


def velocity_loosens(before: Values | None, after: Values | None) -> list[str]:
    """More may be done in a day."""
    if before is None or not before["enabled"]:
        return []
    if after is None:
        return ["without it, nothing limits what it was for"]
    sentences = [] if after["enabled"] else ["it is switched off"]
    if raised(before, after, "max_count"):
        sentences.append("more calls a day go through")
    if raised(before, after, "max_amount_minor"):
        sentences.append("more money a day goes through")
    return sentences + others(changed(before, after), ("enabled", "max_count", "max_amount_minor"))


govern(Budget, budget_loosens, omitted=("reserved", "spent", "period_start"))
govern(VelocityCap, velocity_loosens)
