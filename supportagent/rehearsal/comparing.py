"""Two versions of an agent on the same scenarios: what changed in each, in sum, and whether it is worse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb
from typing import Any

from supportagent.console.money import format_micros

DEARER = 1.10  # from this many times the cost on, a version does worse


@dataclass(frozen=True)
class Played:
    """How one scenario went with one version, over all its playings. `passed` means every one of them.

    `cost_micros` is that of the models by the ledger; `called` are tools by their names without the server's.
    """

    passed: bool
    problems: tuple[str, ...]
    ended: str
    called: tuple[str, ...]
    approvals: int
    hand_overs: int
    cost_micros: int


@dataclass(frozen=True)
class Totals:
    """The sums of one version."""

    passed: int
    approvals: int
    hand_overs: int
    cost_micros: int

    @classmethod
    def of(cls, played: Sequence[Played]) -> Totals:
        return cls(
            passed=sum(one.passed for one in played),
            approvals=sum(one.approvals for one in played),
            hand_overs=sum(one.hand_overs for one in played),
            cost_micros=sum(one.cost_micros for one in played),
        )


@dataclass(frozen=True)
class Pair:
    """One scenario with both versions."""

    name: str
    before: Played
    after: Played

    @property
    def better(self) -> bool:
        return self.after.passed and not self.before.passed

    @property
    def worse(self) -> bool:
        return self.before.passed and not self.after.passed

    def differences(self) -> list[str]:
        """What is not the same, in words; a cost that differs is told in the sum."""
        words = []
        for name in ("ended", "called", "approvals", "hand_overs"):
            old, new = getattr(self.before, name), getattr(self.after, name)
            if old != new:
                words.append(f"{name.replace('_', '-')}: {_said(old)} -> {_said(new)}")
        return words


@dataclass(frozen=True)
class Compared:
    """All pairs. `before` is the version that is compared against, `after` the candidate."""

    pairs: tuple[Pair, ...]

    @property
    def before(self) -> Totals:
        return Totals.of([pair.before for pair in self.pairs])

    @property
    def after(self) -> Totals:
        return Totals.of([pair.after for pair in self.pairs])

    @property
    def better(self) -> list[str]:
        return [pair.name for pair in self.pairs if pair.better]

    @property
    def worse(self) -> list[str]:
        return [pair.name for pair in self.pairs if pair.worse]

    @property
    def p_value(self) -> float:
        """How likely at least this uneven a split of the changed scenarios is, if both versions were equally good."""
        return exact_mcnemar(len(self.better), len(self.worse))

    def figures(self) -> dict[str, Any]:
        """The result as JSON holds it."""
        return {
            "before": vars(self.before),
            "after": vars(self.after),
            "better": self.better,
            "worse": self.worse,
            "p": round(self.p_value, 4),
        }


def worse_because(before: Totals, after: Totals) -> list[str]:
    """Why the candidate does worse, in words; empty where it does not. The one definition of "worse".

    It does worse when fewer scenarios pass, when it asks people for more (approvals or hand-overs in sum), or when
    its models cost more than a tenth more. Chance is no excuse: with few scenarios nothing would ever be significant,
    and all that follows from "worse" is that a second person looks.
    """
    reasons = []
    if after.passed < before.passed:
        reasons.append(f"{after.passed} instead of {before.passed} scenarios pass")
    if after.approvals > before.approvals:
        reasons.append(f"it asks for {after.approvals} approvals instead of {before.approvals}")
    if after.hand_overs > before.hand_overs:
        reasons.append(f"it hands over to people {after.hand_overs} times instead of {before.hand_overs}")
    if after.cost_micros > before.cost_micros * DEARER:
        reasons.append(
            f"its models cost {format_micros(after.cost_micros)} instead of {format_micros(before.cost_micros)}"
        )
    return reasons


def exact_mcnemar(better: int, worse: int) -> float:
    """Two-sided exact McNemar test (a sign test of the pairs that differ): 1.0 where none differs."""
    n = better + worse
    tail = sum(comb(n, k) for k in range(min(better, worse) + 1))
    return min(1.0, 2 * tail / 2**n)


def _said(value: Any) -> str:
    return ", ".join(value) or "none" if isinstance(value, tuple) else str(value)
