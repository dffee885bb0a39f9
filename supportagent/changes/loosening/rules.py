"""Approval rules: the first enabled rule whose conditions hold decides, so what a rule held back may come through."""

from django.utils.dateparse import parse_duration

from approvals.models import ApprovalPolicy
from supportagent.changes.kinds import Values, govern
from supportagent.changes.loosening.words import changed, names, others

Outcome = ApprovalPolicy.Outcome
STRICTNESS = {Outcome.ALLOW: 0, Outcome.APPROVE: 1, Outcome.DENY: 2}
HARMLESS = ("name",)
OF_APPROVAL = ("tier", "expires_after", "respond_within", "undo_seconds", "approvers")


def loosens(before: Values | None, after: Values | None) -> list[str]:
    """Which calls need less care afterwards, or reach more people, or wait longer."""
    was, is_now = before is not None and before["enabled"], after is not None and after["enabled"]
    if not was:
        return _appearing(after) if is_now else []  # type: ignore[arg-type]
    if not is_now:
        return _disappearing(before)  # type: ignore[arg-type]
    return _changing(before, after)  # type: ignore[arg-type]


def _appearing(after: Values) -> list[str]:
    """A new rule takes calls from the rules below it: only one that denies cannot be looser than they are."""
    if after["outcome"] == Outcome.DENY:
        return []
    if after["outcome"] == Outcome.ALLOW:
        return ["calls that it holds for go ahead without a person"]
    return ["calls that it holds for are decided by it, and by no rule below it"]


def _disappearing(before: Values) -> list[str]:
    """Without the rule the next one decides: only where it allowed everything can that be no looser."""
    if before["outcome"] == Outcome.ALLOW:
        return []
    held = "denied" if before["outcome"] == Outcome.DENY else "held for a person"
    return [f"what it {held} is left to the rules below it"]


def _changing(before: Values, after: Values) -> list[str]:
    fields = changed(before, after, harmless=HARMLESS)
    sentences = []
    if {"tool", "conditions", "order"} & set(fields):
        sentences += [
            f"{words} changed, so other calls are decided by it"
            for name, words in (
                ("tool", "its tool is"),
                ("conditions", "its conditions are"),
                ("order", "its place is"),
            )
            if name in fields
        ]
    if STRICTNESS[Outcome(after["outcome"])] < STRICTNESS[Outcome(before["outcome"])]:
        sentences.append(f"it says “{Outcome(after['outcome']).label}” instead of “{Outcome(before['outcome']).label}”")
    if before["outcome"] == after["outcome"] == Outcome.APPROVE:
        sentences += _care(before, after)
    return sentences + others(fields, ("tool", "conditions", "order", "outcome", "enabled", *OF_APPROVAL))


def _care(before: Values, after: Values) -> list[str]:
    """Of a rule that asks for a person, before and after: who, how careful, how long."""
    sentences = []
    if after["tier"] < before["tier"]:
        sentences.append(f"the tier falls from {before['tier']} to {after['tier']}")
    if before["approvers"] and not after["approvers"]:
        sentences.append(f"every role that may decides, not only {names(before['approvers'])}")
    had = [each["id"] for each in before["approvers"]]
    more = [each for each in after["approvers"] if each["id"] not in had]
    if had and more:
        sentences.append(f"{names(more)} may decide too")
    if _seconds(after["expires_after"]) > _seconds(before["expires_after"]):
        sentences.append("a request may wait longer before silence is a no")
    if _seconds(after["respond_within"]) < _seconds(before["respond_within"]):
        sentences.append("a request goes on to more people sooner")
    if after["undo_seconds"] < before["undo_seconds"]:
        sentences.append("there is less time to take an approval back")
    return sentences


def _seconds(text: str) -> float:
    duration = parse_duration(text)
    return duration.total_seconds() if duration is not None else 0.0


govern(ApprovalPolicy, loosens, omitted=("version",))
