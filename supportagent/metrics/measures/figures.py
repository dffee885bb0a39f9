"""What a figure is: a value with what it rests on, its definition, and how sure one can be of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from supportagent.shares import Share

FEWEST = 5  # rows that a share or a mean rests on at least
FEWEST_OF_ACCURACY = 30


@dataclass(frozen=True)
class Figure:
    """One measure of one period. Below `fewest` rows there is no value: it would say more than is known.

    `kind` says what the value is: "share" (0 to 1), "micros", "seconds", "score" (1 to 5) or "number". `good` is 1
    where more is better, -1 where less is.
    """

    key: str
    label: str
    formula: str
    kind: str
    n: int
    exact: float | int | None
    good: int = 0
    fewest: int = 0
    bounds: tuple[float, float] | None = None

    @property
    def value(self) -> float | int | None:
        return None if self.n < self.fewest else self.exact

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between which shares the true one lies, 95 % (Wilson)."""
        return None if self.value is None else self.bounds

    def plain(self) -> dict[str, Any]:
        return {"value": self.value, "n": self.n, "interval": None if self.interval is None else list(self.interval)}


@dataclass(frozen=True)
class Line:
    """One row of a table: a tool, a rule, a category, with figures of its own."""

    key: str
    label: str
    figures: list[Figure]


@dataclass(frozen=True)
class Table:
    key: str
    title: str
    lines: list[Line]


@dataclass(frozen=True)
class Section:
    """Figures about one subject. `before` has those of the period before, by key."""

    key: str
    title: str
    figures: list[Figure]
    tables: list[Table] = field(default_factory=list)
    before: Mapping[str, Figure] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "figures": {each.key: self._with_before(each) for each in self.figures},
            "tables": {table.key: _lines(table) for table in self.tables},
            "notes": self.notes,
        }

    def _with_before(self, figure: Figure) -> dict[str, Any]:
        said = {"label": figure.label, "formula": figure.formula, "kind": figure.kind, "fewest": figure.fewest}
        before = self.before.get(figure.key)
        return {**said, **figure.plain(), "before": None if before is None else before.plain()}


def _lines(table: Table) -> list[dict[str, Any]]:
    return [
        {"key": line.key, "label": line.label, **{each.key: each.plain() for each in line.figures}}
        for line in table.lines
    ]


def share(key: str, label: str, formula: str, hits: int, of: int, *, good: int = 0, fewest: int = FEWEST) -> Figure:
    """So many of so many."""
    found = Share(hits, of)
    return Figure(key, label, formula, "share", of, found.value, good, fewest, found.interval)


def count(key: str, label: str, formula: str, n: int, *, good: int = 0) -> Figure:
    """How many; nothing is too few to be counted."""
    return Figure(key, label, formula, "number", n, n, good)
