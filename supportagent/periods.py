"""From when to when something is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

DAYS = 28  # that reports look at where nobody says which
LONGEST = timedelta(days=1830)
YEARS = range(2000, 2200)


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


def last_days(days: int, now: datetime | None = None) -> Period:
    """The days up to this moment."""
    end = now or timezone.now()
    return Period(end - timedelta(days=days), end)


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
    end = _moment(last, timedelta(days=1)) or now or timezone.now()
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
