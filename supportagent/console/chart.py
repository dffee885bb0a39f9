"""Stacked bars as a drawing: places and heights in user units of an SVG that stretches, so that no script draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

HEIGHT = 100
SLOT = 10  # of one bar with its gap
BAR = 7
STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Piece:
    """One part of a bar. `place` numbers its series, from 1: the stylesheet colours by it."""

    place: int
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """One hour, day or week: the first series at the bottom. `words` say what the bar stands for."""

    label: str
    words: str
    x: float
    pieces: list[Piece]


@dataclass(frozen=True)
class Chart:
    """`scale` are the lines behind the bars with their amounts, from the top down; `ticks` the words below them;
    `series` the names of what is stacked, with their places, where there is more than one to tell apart.
    """

    bars: list[Bar]
    scale: list[tuple[float, str]]
    ticks: list[str]
    series: list[tuple[int, str]]

    @property
    def width(self) -> int:
        return SLOT * len(self.bars)

    @property
    def height(self) -> int:
        return HEIGHT

    @property
    def bar_width(self) -> int:
        return BAR


def draw(
    series: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]], *, write: Callable[[int], str], least: int
) -> Chart:
    """A bar for each row of a label and its values, one of each series. The scale ends at `least` or above."""
    top = _round_up(max((sum(values) for _, values in rows), default=0), least)
    bars = [_bar(number, label, values, top, write) for number, (label, values) in enumerate(rows)]
    scale = [(HEIGHT * part / 2, write(top * (2 - part) // 2)) for part in range(3)]
    ticks = [bars[place].label for place in sorted({0, len(bars) // 2, len(bars) - 1})] if bars else []
    used = [(place, name) for place, name in enumerate(series, 1) if any(values[place - 1] for _, values in rows)]
    return Chart(bars, scale, ticks, used if len(used) > 1 else [])


def _bar(number: int, label: str, values: Sequence[int], top: int, write: Callable[[int], str]) -> Bar:
    pieces, below = [], 0.0
    for place, value in enumerate(values, 1):
        height = round(HEIGHT * value / top, 2)
        if value:
            pieces.append(Piece(place, round(HEIGHT - below - height, 2), height))
        below += height
    return Bar(label, f"{label}: {write(sum(values))}", number * SLOT + (SLOT - BAR) / 2, pieces)


def _round_up(value: int, least: int) -> int:
    """The next of 2, 5, 10, 20, 50 ... times `least` / 2 above it, so that half of it is written well too."""
    power = max(least // 2, 1)
    while True:
        for step in STEPS:
            if step * 2 * power >= value:
                return step * 2 * power
        power *= 10
