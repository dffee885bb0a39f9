"""Bars of what was spent, hour by hour or day by day: places and heights in user units of a drawing that stretches."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.costs.spending import amount

HEIGHT = 100
SLOT = 10  # of one bar with its gap
BAR = 7
STEPS = (1, 2, 5)


@dataclass(frozen=True)
class Bar:
    """One hour or day: models at the bottom, priced tools on top of them."""

    at: datetime
    label: str
    model: int
    tools: int
    x: float
    model_y: float
    model_height: float
    tools_y: float
    tools_height: float

    @property
    def total(self) -> int:
        return self.model + self.tools


@dataclass(frozen=True)
class Chart:
    """`scale` are the lines behind the bars with their amounts, from the top down; `ticks` the words below them."""

    bars: list[Bar]
    scale: list[tuple[float, str]]
    ticks: list[str]
    grain: str

    @property
    def width(self) -> int:
        return SLOT * len(self.bars)

    @property
    def height(self) -> int:
        return HEIGHT

    @property
    def bar_width(self) -> int:
        return BAR

    @property
    def has_tools(self) -> bool:
        return any(bar.tools for bar in self.bars)


def draw(
    since: datetime, until: datetime, grain: str, *, models: Mapping[datetime, int], tools: Mapping[datetime, int]
) -> Chart:
    """A bar for every hour or day from `since` to before `until`, also where nothing was spent."""
    step = timedelta(hours=1) if grain == "hour" else timedelta(days=1)
    times = [since + step * number for number in range((until - since) // step)]
    top = _round_up(max((models.get(at, 0) + tools.get(at, 0) for at in times), default=0))
    bars = [_bar(number, at, models.get(at, 0), tools.get(at, 0), top, grain) for number, at in enumerate(times)]
    scale = [(HEIGHT * part / 2, amount(top * (2 - part) // 2)) for part in range(3)]
    ticks = [bars[place].label for place in sorted({0, len(bars) // 2, len(bars) - 1})]
    return Chart(bars, scale, ticks, grain)


def _bar(number: int, at: datetime, model: int, tools: int, top: int, grain: str) -> Bar:
    model_height, tools_height = (round(HEIGHT * micros / top, 2) for micros in (model, tools))
    label = f"{at.day} {at:%b}, {at:%H:%M}" if grain == "hour" else f"{at.day} {at:%b}"
    return Bar(
        at=at,
        label=label,
        model=model,
        tools=tools,
        x=number * SLOT + (SLOT - BAR) / 2,
        model_y=round(HEIGHT - model_height, 2),
        model_height=model_height,
        tools_y=round(HEIGHT - model_height - tools_height, 2),
        tools_height=tools_height,
    )


def _round_up(micros: int) -> int:
    """The next of 2, 5, 10, 20, 50 ... above it, so that half of it is written well too; a cent at least."""
    power = 10_000
    while True:
        for step in STEPS:
            if step * 2 * power >= micros:
                return step * 2 * power
        power *= 10
