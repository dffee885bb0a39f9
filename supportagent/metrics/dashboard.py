"""From measures to a page: each figure in words with what it rests on and how it moved, each table with its drawing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from agents.costs.spending import amount, rounded
from supportagent.console import chart
from supportagent.console.chart import Chart
from supportagent.metrics.measures import Figure, Line, Section, Table

# Of these tables a drawing stands before the rows: which columns are stacked.
STACKED = {
    "by_time": ("unassisted", "assisted", "escalated", "abandoned", "by_person"),
    "cost_by_time": ("models", "tools", "people"),
}
# And of these each row has a bar, for this column.
BARS = {"ages": "waiting", "reasons": "rejected", "failing": "failed"}
FIGURES = "figures"  # the name of a section's own figures, among its tables
LEAST_OF_SCALE = {"number": 2, "micros": 20_000}


@dataclass(frozen=True)
class Card:
    """A figure as the page writes it. `trend` is "up" for better, "down" for worse, empty for neither; `basis` is what
    it rests on: `21 to 59 %`, `n = 21`.
    """

    figure: Figure
    value: str
    basis: list[str]
    delta: str
    trend: str


@dataclass(frozen=True)
class Row:
    """A line of a table. `bar` is its part of the longest one, in per cent."""

    label: str
    cards: list[Card]
    bar: int | None


@dataclass(frozen=True)
class Sheet:
    """A table as the page writes it: behind a drawing, with bars, or plain."""

    key: str
    title: str
    columns: list[str]
    rows: list[Row]
    chart: Chart | None
    has_bars: bool


@dataclass(frozen=True)
class Part:
    """A section as the page writes it."""

    key: str
    title: str
    cards: list[Card]
    sheets: list[Sheet]
    notes: list[str]

    @property
    def wide(self) -> list[Sheet]:
        return [sheet for sheet in self.sheets if sheet.chart]

    @property
    def narrow(self) -> list[Sheet]:
        return [sheet for sheet in self.sheets if not sheet.chart]


def parts(sections: Iterable[Section]) -> list[Part]:
    """All of a report."""
    return [
        Part(
            section.key,
            section.title,
            [card(figure, section.before.get(figure.key)) for figure in section.figures],
            [_sheet(table) for table in section.tables],
            section.notes,
        )
        for section in sections
    ]


def card(figure: Figure, before: Figure | None = None) -> Card:
    """One figure beside that of the period before."""
    value = "" if figure.value is None else write(figure.kind, figure.value)
    delta, trend = ("", "") if before is None else _moved(figure, before)
    return Card(figure, value, _basis(figure), delta, trend)


def write(kind: str, value: float) -> str:
    """`38 %`, `USD 2.24`, `13 min`, `3.9 of 5`, `1,234`."""
    if kind == "share":
        return f"{value * 100:.0f} %"
    if kind == "micros":
        return rounded(round(value))
    if kind == "seconds":
        return duration(value)
    if kind == "score":
        return f"{value:.1f} of 5"
    return f"{value:,.2f}" if isinstance(value, float) else f"{value:,}"


def duration(seconds: float) -> str:
    """`42 s`, `7 min`, `3 h 5 min`, `2 d 4 h`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{hours // 24} d {hours % 24} h"


def rows_of(section: Section, key: str) -> Iterator[list[Any]] | None:
    """A table of the section, or its own figures, for a spreadsheet: values as they are. None for another name."""
    if key == FIGURES:
        return _figures_as_rows(section)
    table = next((table for table in section.tables if table.key == key), None)
    return None if table is None else _table_as_rows(table)


def _figures_as_rows(section: Section) -> Iterator[list[Any]]:
    yield ["key", "label", "kind", "value", "n", "low", "high", "value_before", "n_before", "formula"]
    for figure in section.figures:
        before = section.before.get(figure.key)
        earlier = (None, None) if before is None else (before.value, before.n)
        yield [figure.key, figure.label, figure.kind, *_plain(figure), *earlier, figure.formula]


def _table_as_rows(table: Table) -> Iterator[list[Any]]:
    keys = [each.key for line in table.lines[:1] for each in line.figures]
    yield ["key", "label", *(f"{key}{end}" for key in keys for end in ("", "_n", "_low", "_high"))]
    for line in table.lines:
        yield [line.key, line.label, *(cell for figure in line.figures for cell in _plain(figure))]


def _plain(figure: Figure) -> tuple[Any, ...]:
    return (figure.value, figure.n, *(figure.interval or (None, None)))


def _sheet(table: Table) -> Sheet:
    bar = BARS.get(table.key)
    longest = max((_of(line, bar) for line in table.lines), default=0) if bar else 0
    return Sheet(
        table.key,
        table.title,
        [each.label for line in table.lines[:1] for each in line.figures],
        [
            Row(
                line.label,
                [card(each) for each in line.figures],
                round(100 * _of(line, bar) / longest) if longest else None,
            )
            for line in table.lines
        ],
        _drawing(table) if table.key in STACKED else None,
        bool(bar),
    )


def _drawing(table: Table) -> Chart | None:
    keys = STACKED[table.key]
    if not any(_of(line, key) for line in table.lines for key in keys):
        return None
    first = {each.key: each for each in table.lines[0].figures}
    kind = first[keys[0]].kind
    return chart.draw(
        [first[key].label for key in keys],
        [(line.label, [_of(line, key) for key in keys]) for line in table.lines],
        write=amount if kind == "micros" else "{:,}".format,
        least=LEAST_OF_SCALE[kind],
    )


def _of(line: Line, key: str | None) -> int:
    value = next((each.value for each in line.figures if each.key == key), None)
    return 0 if value is None else int(value)


def _basis(figure: Figure) -> list[str]:
    n = f"n = {figure.n:,}"
    if figure.interval is None:
        return [n]
    low, high = figure.interval
    return [f"{low * 100:.0f} to {high * 100:.0f} %", n]


def _moved(figure: Figure, before: Figure) -> tuple[str, str]:
    """The change in words, and whether it is for better or worse."""
    if figure.value is None:
        return "", ""
    if before.value is None:
        return "not enough data before", ""
    change = figure.value - before.value
    if not change:
        return "as before", ""
    sign = "+" if change > 0 else "−"
    size = f"{abs(change) * 100:.0f} points" if figure.kind == "share" else write(figure.kind, abs(change))
    trend = "up" if figure.good * change > 0 else "down" if figure.good * change < 0 else ""
    was = write(before.kind, before.value)
    return f"{sign}{size.removesuffix(' of 5')}, was {was}", trend
