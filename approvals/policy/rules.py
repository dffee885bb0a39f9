"""A rule as it is asked: read once, in order, with what it says when it holds and when it cannot be read."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from approvals.models import ApprovalPolicy, Tier
from approvals.policy.conditions import Condition, ConditionError, plain, read
from approvals.policy.paths import ANY, Path
from approvals.policy.ruling import Ruling

NAME_LENGTH = 120
UNREADABLE = " (rule could not be read)"
THE_HOST = "the host"
Outcome = ApprovalPolicy.Outcome


class Answer(enum.Enum):
    """What a rule says to a call."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    UNREADABLE = "could not be read"


class Call:
    """What rules look at. Each path is followed once, however many conditions name it."""

    def __init__(
        self,
        *,
        tool: Any,
        arguments: Mapping[str, Any],
        facts: Mapping[str, Any],
        assurance: str,
        sums: Mapping[str, Any] | None,
        provenance: Mapping[str, str] | None,
    ) -> None:
        bound = tool.bound_arguments if isinstance(tool.bound_arguments, Mapping) else {}
        sources = provenance if isinstance(provenance, Mapping) else {}
        self.roots: dict[str, Any] = {
            "arguments": arguments,
            "facts": facts,
            "assurance": assurance,
            "sums": sums,
            "provenance": {**sources, **dict.fromkeys(bound, THE_HOST)},
        }
        self._found: dict[str, list[Any] | None] = {}

    def at(self, path: Path) -> list[Any] | None:
        """The values at a path; None when it leads nowhere."""
        if path.text not in self._found:
            self._found[path.text] = path.find(self.roots[path.root])
        return self._found[path.text]


@dataclass(frozen=True)
class Judged:
    """What one condition said to a call; `found` is None when the path led nowhere, `answer` when it is unknown."""

    condition: Condition
    found: list[Any] | None
    answer: bool | None


@dataclass(frozen=True)
class Asked:
    """One rule's answer to a call. `decided`: a rule above had the last word, this one is shown only."""

    rule: "Rule"
    answer: Answer
    conditions: tuple[Judged, ...]
    decided: bool


@dataclass(frozen=True)
class Rule:
    """A rule that was read. `fault` says why it could not be; such a rule is asked all the same, and says so."""

    id: int | None
    name: str
    version: int
    tool_id: int | None
    outcome: str
    tier: str
    expires_after: timedelta
    respond_within: timedelta
    undo_seconds: int
    approver_roles: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = field(default=())
    fault: str = ""

    def ask(self, call: Call, said: list[Judged] | None = None) -> Answer:
        """Ask the conditions in order; the first that does not hold, or cannot be known, ends it."""
        if self.fault:
            return Answer.UNREADABLE
        for condition in self.conditions:
            found = call.at(condition.path)
            answer = condition.ask(found)
            if said is not None:
                said.append(Judged(condition, found, answer))
            if answer is not True:
                return Answer.UNREADABLE if answer is None else Answer.DOES_NOT_HOLD
        return Answer.HOLDS

    def ruling(self) -> Ruling:
        """What the rule says when it holds."""
        return self._says(self.outcome, self.tier, self.name)

    def unread(self, below: Ruling) -> Ruling:
        """What becomes of a call when this rule cannot be read and the rules below it would say `below`.

        Whoever can make a rule unreadable, say by leaving an argument out, must gain nothing: a person decides, with
        no less care and no wider circle than the rules below ask for, and what they deny stays denied.
        """
        tier = max(self.tier, Tier.T2.value) if self.tier in Tier.values else Tier.T2.value
        if below.outcome == Outcome.DENY:
            return below
        name = self.name[: NAME_LENGTH - len(UNREADABLE)] + UNREADABLE
        if below.outcome == Outcome.APPROVE:
            tier = max(tier, below.tier)
        mine = self._says(Outcome.APPROVE.value, tier, name)
        if below.outcome != Outcome.APPROVE:
            return mine
        return Ruling(**{**vars(mine), "approver_roles": _both(mine.approver_roles, below.approver_roles)})

    def _says(self, outcome: str, tier: str, name: str) -> Ruling:
        return Ruling(
            outcome=outcome,
            tier=tier,
            rule_id=self.id,
            rule_name=name,
            rule_version=self.version,
            expires_after=self.expires_after,
            respond_within=self.respond_within,
            undo_seconds=self.undo_seconds,
            approver_roles=self.approver_roles,
        )


def _both(mine: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    """The roles that both name; where they share none, or one of them names none, those that are named."""
    shared = tuple(role for role in mine if role in others)
    return shared or mine or others


def compile_rule(row: ApprovalPolicy, approver_roles: tuple[str, ...]) -> Rule:
    """Read a rule as it is stored. Never raises: what cannot be read becomes a fault of the rule."""
    conditions: tuple[Condition, ...] = ()
    try:
        conditions, fault = _conditions(row), ""
    except ConditionError as error:
        fault = str(error)
    return Rule(
        id=row.pk,
        name=plain(row.name),
        version=row.version,
        tool_id=row.tool_id,
        outcome=row.outcome,
        tier=row.tier,
        expires_after=row.expires_after,
        respond_within=row.respond_within,
        undo_seconds=row.undo_seconds,
        approver_roles=approver_roles,
        conditions=conditions,
        fault=fault,
    )


def _conditions(row: ApprovalPolicy) -> tuple[Condition, ...]:
    if row.outcome not in Outcome.values or row.tier not in Tier.values:
        raise ConditionError(f"it asks for {row.outcome!r} and {row.tier!r}, which is nothing known")
    if not isinstance(row.conditions, list):
        raise ConditionError("its conditions are not a list")
    conditions = tuple(read(condition) for condition in row.conditions)
    if row.outcome == Outcome.ALLOW:
        check_allowing(conditions)
    return conditions


def check_allowing(conditions: tuple[Condition, ...]) -> None:
    """Raise ConditionError when a rule that allows would be satisfied by one element beside others that are not."""
    for condition in conditions:
        if condition.path.quantifier == ANY:
            path = condition.path.text
            raise ConditionError(f"{path!r} holds for any element; a rule that allows asks for [all] of them")
