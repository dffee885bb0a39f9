"""The days that a page about cost looks at, as its address says it; they are days of UTC, as those of budgets are."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from supportagent import periods

LONGEST = 366  # days
PRESETS = (("today", "Today"), ("7", "7 days"), ("28", "28 days"), ("month", "This month"))
USUAL = "28"


class InvalidPeriod(ValueError):
    """What the address asks for is no stretch of days; the text is for people."""


@dataclass(frozen=True)
class Days:
    """Whole days, both included. `preset` is empty for days that somebody chose."""

    first: date
    last: date
    preset: str = ""

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time(), UTC)

    @property
    def until(self) -> datetime:
        """The moment after the last day."""
        return datetime.combine(self.last, time(), UTC) + timedelta(days=1)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def grain(self) -> str:
        """By what a chart of it is drawn: `hour` up to two days, else `day`."""
        return "hour" if self.days <= 2 else "day"

    @property
    def moments(self) -> periods.Period:
        """As reports take it."""
        return periods.Period(self.since, self.until)

    @property
    def query(self) -> str:
        """As an address says it."""
        return f"period={self.preset}" if self.preset else f"from={self.first}&to={self.last}"

    def __str__(self) -> str:
        first = f"{self.first.day} {self.first:%B %Y}"
        return first if self.first == self.last else f"{first} to {self.last.day} {self.last:%B %Y}"


def named(preset: str, today: date) -> Days:
    """One of PRESETS; they end today. Raises InvalidPeriod."""
    if preset == "month":
        return Days(today.replace(day=1), today, preset)
    days = {"today": 1, "7": 7, "28": 28}.get(preset)
    if days is None:
        raise InvalidPeriod("Choose today, 7 days, 28 days or this month.")
    return Days(today - timedelta(days=days - 1), today, preset)


def asked_for(parameters: Mapping[str, str], today: date) -> Days:
    """What `period`, or `from` and `to`, say; 28 days where they say nothing. Raises InvalidPeriod."""
    first, last = (parameters.get(name, "").strip() for name in ("from", "to"))
    if not first and not last:
        return named(parameters.get("period", USUAL), today)
    try:
        chosen = Days(date.fromisoformat(first), date.fromisoformat(last))
    except ValueError:
        raise InvalidPeriod("Write both days as 2026-01-31.") from None
    if chosen.first > chosen.last:
        raise InvalidPeriod("The first day lies after the last one.")
    if chosen.days > LONGEST:
        raise InvalidPeriod(f"Choose at most {LONGEST} days.")
    if not 1990 <= chosen.first.year <= chosen.last.year <= today.year + 1:
        raise InvalidPeriod("Choose days since 1990.")
    return chosen
