"""Whether an agent spends far more than it is used to, and when a budget is used up at the present pace. Pure.

What is usual is the median of the same hour of the week, over the weeks that are remembered, each levelled to what the
last week cost: an agent that grows is no alarm. How far off is too far is a robust z-score. Its spread has two parts:
how much that hour differs from week to week (MAD), and what chance does when few conversations make up the sum (shot
noise). The second shrinks with the root of the time that is looked at, the first with the time itself, so the first
five minutes of an hour can be judged as well as the whole.

Until 28 days are remembered there is no such baseline, and an absolute rule stands in: a share of the day's cap, or a
multiple of the mean.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from math import sqrt
from statistics import mean, median

from supportagent.periods import midnight

HOURS_OF_A_WEEK = 168
WEEKS = 8  # remembered
MINIMUM_WEEKS = 4  # 28 days: with fewer, no median of an hour of the week
MINIMUM_DAYS = 3  # with fewer, no mean of an hour of the day
SCORE = 5.0
LUMPS = 4  # typical conversations that are forgiven before the score: sums of few are skewed, and no bell curve
SPREAD_OF_A_MEAN = 0.5  # a Monday is no Sunday, and three days do not know it
LEAST_SPREAD = 0.2  # of what is usual: equal weeks are luck, not a law
MULTIPLE = 3.0
SHARE_OF_CAP = 0.25  # of a day's cap, in one hour
LEAST_EXCESS = 500_000  # micro-units: nobody is called for less than half a dollar
LEVELLING = 4.0  # growth and decline beyond it are no trend
MAD_TO_SIGMA = 1.4826
SHORT_MINUTES = 5


@dataclass(frozen=True)
class Past:
    """Micro-units per full hour without gaps, beginning with `first` (hours since 1970).

    `sums` are those of all hours before each. `grain` is what a typical conversation costs, weighted by its cost: the
    sum of squares by the sum.
    """

    first: int
    costs: list[int]
    sums: list[int]
    grain: float

    @classmethod
    def of(cls, hours: Mapping[int, int], *, grain: float) -> "Past":
        """From what was spent in some hours; in all between them nothing was."""
        first = min(hours, default=0)
        costs = [hours.get(hour, 0) for hour in range(first, max(hours, default=-1) + 1)]
        return cls(first, costs, [0, *accumulate(costs)], grain)

    def cost(self, hour: int) -> int:
        place = hour - self.first
        return self.costs[place] if 0 <= place < len(self.costs) else 0

    def total(self, hour: int, until: int) -> int:
        """Of the hours from `hour` to before `until`."""
        start, end = (min(max(each - self.first, 0), len(self.costs)) for each in (hour, until))
        return self.sums[end] - self.sums[start]


@dataclass(frozen=True)
class Window:
    """What was spent in the last so many minutes."""

    minutes: int
    micros: int


@dataclass(frozen=True)
class Usual:
    """What an hour usually costs. `weeks` is 0 while the absolute rule stands in, `hour` None before there is one."""

    hour: float | None
    spread: float
    grain: float
    weeks: int


@dataclass(frozen=True)
class Spike:
    """More than usual: how much, what would have been usual in that time, and by which rule."""

    rule: str
    window: Window
    usual: int
    score: float


def hour_of(at: datetime) -> int:
    """Hours since 1970."""
    return int(at.timestamp() // 3600)


def usual_for(past: Past, hour: int) -> Usual:
    """What the hour usually costs, by the full hours before it."""
    age = hour - past.first if past.costs else 0
    weeks = min(age // HOURS_OF_A_WEEK, WEEKS)
    if weeks >= MINIMUM_WEEKS:
        return _by_hour_of_the_week(past, hour, weeks)
    return _by_mean(past, hour, age)


def spike(usual: Usual, windows: Iterable[Window], *, daily_cap: int | None = None) -> Spike | None:
    """The first of the windows, which end now, that costs far more than usual; None while all is as it should be."""
    for window in windows:
        if found := _judged(usual, window, daily_cap):
            return found
    return None


def _by_hour_of_the_week(past: Past, hour: int, weeks: int) -> Usual:
    ends = [hour - HOURS_OF_A_WEEK * week for week in range(weeks + 1)]
    totals = [past.total(end - HOURS_OF_A_WEEK, end) for end in ends]
    levelled = [past.cost(ends[week + 1]) * _growth(totals[0], totals[week]) for week in range(weeks)]
    middle = median(levelled)
    deviation = MAD_TO_SIGMA * median([abs(each - middle) for each in levelled])
    return Usual(middle, max(deviation, LEAST_SPREAD * middle), past.grain, weeks)


def _growth(now: int, then: int) -> float:
    return min(max(now / then, 1 / LEVELLING), LEVELLING) if then else 1.0


def _by_mean(past: Past, hour: int, age: int) -> Usual:
    """The mean of the same hour of the day, and never less than that of all hours: a quiet start is no law."""
    days = age // 24
    if days < MINIMUM_DAYS:
        return Usual(None, 0, past.grain, 0)
    same = mean(past.cost(hour - 24 * day) for day in range(1, days + 1))
    overall = past.total(past.first, hour) / age
    hour_cost = max(same, overall)
    return Usual(hour_cost, SPREAD_OF_A_MEAN * hour_cost, past.grain, 0)


def _judged(usual: Usual, window: Window, daily_cap: int | None) -> Spike | None:
    by_weeks = usual.weeks >= MINIMUM_WEEKS
    if not by_weeks and daily_cap and window.micros >= max(SHARE_OF_CAP * daily_cap, LEAST_EXCESS):
        return Spike("cap", window, round(SHARE_OF_CAP * daily_cap), 0)
    if usual.hour is None:
        return None
    part = window.minutes / 60
    expected = usual.hour * part
    excess = window.micros - expected
    if excess < LEAST_EXCESS or (not by_weeks and window.micros < MULTIPLE * expected):
        return None
    score = (excess - LUMPS * usual.grain) / _sigma(usual, part)
    return Spike("weeks" if by_weeks else "mean", window, round(expected), score) if score >= SCORE else None


def _sigma(usual: Usual, part: float) -> float:
    """Of a part of the hour. What chance does adds up like a random walk; a busy week is busy in all its minutes."""
    hour = usual.hour or 0
    # An hour in which nothing happened so far may still see a conversation.
    chance = max(hour, usual.grain) * usual.grain
    return sqrt(part * chance + part * part * max(usual.spread**2 - chance, 0)) or 1.0


@dataclass(frozen=True)
class Forecast:
    """When the cap is reached if it goes on like this, and what the period would cost."""

    reached_at: datetime
    by_the_end: int


def forecast(*, cap: int, spent: int, period: str, now: datetime) -> Forecast | None:
    """When the cap is reached at the pace of this period so far.

    None where that is not within the period, where it has been reached already, where the period has no end, and
    in its first twelfth, whose pace says nothing.
    """
    bounds = bounds_of(period, now)
    if bounds is None or not 0 < spent < cap:
        return None
    start, end = bounds
    gone = now - start
    if gone < (end - start) / 12:
        return None
    by_the_end = spent * ((end - start) / gone)
    if by_the_end <= cap:  # asked first: a pace that is next to nothing would reach it in a year that no calendar has
        return None
    return Forecast(start + gone * (cap / spent), round(by_the_end))


def bounds_of(period: str, now: datetime) -> tuple[datetime, datetime] | None:
    """Beginning and end of the day or month of `now`, by UTC as budgets count; None for a period without end."""
    day = midnight(now)
    if period == "day":
        return day, day + timedelta(days=1)
    if period == "month":
        first = day.replace(day=1)
        return first, (first + timedelta(days=32)).replace(day=1)
    return None
