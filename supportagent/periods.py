"""From when to when something is counted, as commands and addresses say it. Days are those of UTC."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

DAYS = 28  # that reports look at where nobody says which
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONGEST = 1830 * DAY
YEARS = range(2000, 2200)
BY_HOUR_UP_TO, BY_DAY_UP_TO = 2 * DAY, 120 * DAY
_STEPS = {"hour": HOUR, "day": DAY, "week": 7 * DAY}


class InvalidPeriod(ValueError):
    """What somebody typed is no period; the text is for people."""

    status = 422


@dataclass(frozen=True)
class Period:
    """From `start` on, up to `end` but without it."""

    start: datetime
    end: datetime

    @property
    def before(self) -> Period:
        """The period of the same length that ends where this one starts."""
        return Period(self.start - (self.end - self.start), self.start)

    @property
    def grain(self) -> str:
        """`hour`, `day` or `week`: as fine as a drawing of the whole period can be read."""
        length = self.end - self.start
        return "hour" if length <= BY_HOUR_UP_TO else "day" if length <= BY_DAY_UP_TO else "week"

    @property
    def steps(self) -> list[tuple[datetime, str]]:
        """When every hour, day or week begins that the period touches, with its name."""
        at = midnight(self.start)
        if self.grain == "hour":
            at = self.start.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        elif self.grain == "week":
            at -= timedelta(days=at.weekday())
        found = []
        while at < self.end:
            found.append((at, f"{at.day} {at:%b}, {at:%H:%M}" if self.grain == "hour" else f"{at.day} {at:%b}"))
            at += _STEPS[self.grain]
        return found

    @property
    def first(self) -> str:
        """The first day, as a field for days takes it."""
        return f"{self.start.astimezone(UTC):%Y-%m-%d}"

    @property
    def last(self) -> str:
        return f"{self.end.astimezone(UTC) - timedelta(microseconds=1):%Y-%m-%d}"

    @property
    def written(self) -> dict[str, str]:
        """As an address or a command says it: whole days as days, both included."""
        start, end = (each.astimezone(UTC) for each in (self.start, self.end))
        return {
            "from": self.first if start == midnight(start) else start.replace(tzinfo=None).isoformat(),
            "to": self.last if end == midnight(end) else end.replace(tzinfo=None).isoformat(),
        }

    def __str__(self) -> str:
        start, end = (each.astimezone(UTC) for each in (self.start, self.end))
        if (start, end) != (midnight(start), midnight(end)):
            return f"{start.day} {start:%b %Y, %H:%M} to {end.day} {end:%b %Y, %H:%M}"
        last = end - DAY
        first = f"{start.day} {start:%B %Y}"
        return first if start == last else f"{first} to {last.day} {last:%B %Y}"


class Preset(NamedTuple):
    """A period that a page offers: its words, and what it is at a moment."""

    label: str
    at: Callable[[datetime], Period]


@dataclass(frozen=True)
class Chosen:
    """The period that an address asks for. `preset` is empty where somebody chose days; `problem` tells people what was
    asked in vain.
    """

    period: Period
    preset: str
    problem: str = ""

    @property
    def written(self) -> dict[str, str]:
        """As an address says it."""
        return {"period": self.preset} if self.preset else self.period.written

    @property
    def query(self) -> str:
        return urlencode(self.written)


def chosen(parameters: Mapping[str, str], now: datetime, presets: Mapping[str, Preset], usual: str) -> Chosen:
    """What `period`, or `from` and `to`, say; the usual one of the presets where they say nothing or what cannot be."""
    first, last = (parameters.get(name, "").strip() for name in ("from", "to"))
    preset = parameters.get("period", "").strip() or usual
    problem = ""
    if first or last:
        try:
            return Chosen(read(first, last, now), "")
        except InvalidPeriod as refused:
            problem = str(refused)
    elif preset not in presets:
        problem = f"Choose {', '.join(each.label for each in presets.values())}, or the days from and to."
    else:
        usual = preset
    return Chosen(presets[usual].at(now), usual, problem)


def last_days(days: int, now: datetime | None = None) -> Period:
    """The days up to this moment."""
    end = now or timezone.now()
    return Period(end - timedelta(days=days), end)


def whole_days(days: int, now: datetime) -> Period:
    """So many days, the last of which is the one that runs now."""
    end = midnight(now) + DAY
    return Period(end - days * DAY, end)


def midnight(at: datetime) -> datetime:
    """The beginning of its day."""
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def add_period_arguments(parser: CommandParser) -> None:
    """`--from` and `--to` of a command; without them it looks at the last 28 days."""
    for name, words in (("--from", "the first day, or moment"), ("--to", "the last day, or the moment it ends at")):
        parser.add_argument(name, metavar="WHEN", help=f"{words}, of UTC: 2026-03-01 or 2026-03-01T12:00")


def period_of(options: Mapping[str, Any]) -> Period:
    """What a command's options name. Raises CommandError (exit code 2) for what is no period."""
    try:
        return read(options["from"], options["to"])
    except InvalidPeriod as problem:
        raise CommandError(str(problem), returncode=2) from None


def read(first: str | None, last: str | None, now: datetime | None = None) -> Period:
    """A period as people type it: two days, both included, or moments, of UTC where they name no offset.

    Without the last it ends now, without the first it has 28 days. Raises InvalidPeriod.
    """
    end = _moment(last, DAY) or now or timezone.now()
    start = _moment(first, timedelta()) or end - timedelta(days=DAYS)
    if start >= end:
        raise InvalidPeriod("The period ends before it begins.")
    if end - start > LONGEST:
        raise InvalidPeriod(f"A period has at most {LONGEST.days} days.")
    return Period(start, end)


def _moment(text: str | None, day: timedelta) -> datetime | None:
    """A moment as it is written; of a day its beginning and `day` more."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        found = (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidPeriod(f"{text[:40]!r} is no day and no moment. Write it as in 2026-03-01.") from None
    if found.year not in YEARS:
        raise InvalidPeriod(f"{text[:40]!r} is not between {YEARS.start} and {YEARS.stop}.")
    return found + day if len(text) <= len("2026-03-01") else found
