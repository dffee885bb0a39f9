"""The conversations that ended in a period, counted once for every section that speaks of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, reduce
from operator import add
from typing import Any

from django.db.models import Count, Expression, Q, Sum

from agents.costs.conversations import settled
from agents.costs.economics import Cell, Sums, cells, compared
from agents.costs.labour import Labour
from agents.models import Interaction
from supportagent.metrics.measures.scope import Scope

Resolution = Interaction.Resolution
OF_AGENTS = (Resolution.UNASSISTED, Resolution.ASSISTED, Resolution.ESCALATED, Resolution.ABANDONED)
GOOD = 4  # of 5


@dataclass(frozen=True)
class Tally:
    """Conversations that are alike in some columns, the last of which is how they ended."""

    cells: list[Cell]

    @property
    def n(self) -> int:
        return self.sums.n

    @cached_property
    def sums(self) -> Sums:
        """What all of them cost."""
        return reduce(add, (cell.sums for cell in self.cells), Sums())

    def of(self, *how: str) -> int:
        """How many ended in one of these ways."""
        return sum(cell.sums.n for cell in self.cells if cell.key[-1] in how)

    def count(self, name: str, how: Collection[str] = tuple(Resolution)) -> int:
        """One of the counts, over the conversations that ended in one of these ways."""
        return sum(cell.counts[name] for cell in self.cells if cell.key[-1] in how)


def tally(scope: Scope, labour: Labour) -> Tally:
    """Beside what people alone would cost: two statements."""
    chosen = scope.conversations()
    return Tally(compared(scope.period, chosen, ("resolution",), labour=labour, **_counts(scope.moment)))


def by_time(scope: Scope, labour: Labour, at: Expression) -> dict[datetime, Tally]:
    """By the hour, day or week in which they ended, without baselines and counts: one statement."""
    chosen = scope.conversations().annotate(at=at)
    return _grouped(cells(scope.period, chosen, ("at", "resolution"), labour))


def by_version(scope: Scope) -> dict[int, Tally]:
    """By the version (history id) of the agent that had them last: three statements."""
    chosen = scope.conversations().exclude(agent_version=None)
    columns = ("agent_version", "resolution")
    return _grouped(cells(scope.period, chosen, columns, Labour.known(), **_counts(scope.moment)))


def _grouped(found: Iterable[Cell]) -> dict[Any, Tally]:
    parts: dict[Any, list[Cell]] = {}
    for cell in found:
        parts.setdefault(cell.key[0], []).append(cell)
    return {key: Tally(alike) for key, alike in parts.items()}


def _counts(moment: datetime) -> Mapping[str, Any]:
    is_settled = settled(moment)
    return {
        "settled": Count("pk", filter=is_settled),
        "stayed": Count("pk", filter=is_settled & Q(reopened_at=None)),  # settled, and never opened again
        "handed_over": Count("pk", filter=Q(handed_over=True)),
        "rated": Count("score"),
        "scores": Sum("score", default=0),
        "rated_good": Count("pk", filter=Q(score__gte=GOOD)),
        "answered": Count("first_answer_seconds"),
        "timed": Count("resolution_seconds"),
    }
