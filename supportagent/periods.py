"""From when to when something is counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

DAYS = 28  # that reports look at where nobody says which


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


def period_of(options: Mapping[str, Any], now: datetime | None = None) -> Period:
    """What a command's options name. Raises CommandError (exit code 2) for what is no period."""
    end = _moment(options["to"], "--to", timedelta(days=1)) or now or timezone.now()
    start = _moment(options["from"], "--from") or end - timedelta(days=DAYS)
    if start >= end:
        raise CommandError("The period ends before it begins.", returncode=2)
    return Period(start, end)


def _moment(text: str | None, name: str, day: timedelta = timedelta()) -> datetime | None:
    """A moment as it is written, in UTC without an offset; of a day its beginning and `day` more."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
        is_day = "T" not in text.upper() and " " not in text
        return found.astimezone(UTC) + day if is_day else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise CommandError(f"{name} is a day or a moment, as 2026-03-01.", returncode=2) from None
