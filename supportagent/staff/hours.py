"""When a team answers: its opening hours as moments, on whichever side of a change of the clocks they lie.

A team without hours always answers. Nothing here looks further ahead than two weeks, whatever is asked. Moments are
given back in UTC, since between two of one zone Python compares and adds what the clocks show.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from supportagent.staff.models import OpeningHours, Team

logger = logging.getLogger(__name__)

AHEAD = timedelta(days=14)
LAST_MINUTE = time(23, 59)
Stretch = tuple[datetime, datetime]


def zone_named(name: str) -> ZoneInfo:
    """The time zone of this name. Raises ValueError for anything else."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown, no relative path, a folder of zones
        raise ValueError(f"There is no time zone {name!r}; a name looks like Europe/Lisbon.") from error


def zone_of(team: Team) -> ZoneInfo:
    """The team's time zone. What was written past the forms must not keep a customer from being handed over."""
    try:
        return zone_named(team.time_zone)
    except ValueError:
        logger.warning("the team %s has an unknown time zone, so UTC is used: %r", team.slug, team.time_zone)
        return ZoneInfo("UTC")


def is_open(team: Team, at: datetime) -> bool:
    """Does the team answer at this moment? At the minute of closing it no longer does."""
    back = next_opening(team, at)
    return back is not None and back <= at.astimezone(UTC)


def next_opening(team: Team, at: datetime) -> datetime | None:
    """When the team answers next: `at` itself while it is open, None when it does not open within two weeks."""
    at = at.astimezone(UTC)
    stretch = next(_stretches(team, at), None)
    return None if stretch is None else max(stretch[0], at)


def add_working_minutes(team: Team, start: datetime, minutes: int) -> datetime:
    """When `minutes` of the team's opening hours will have passed since `start`: two weeks later at the latest."""
    start = start.astimezone(UTC)  # to add to a moment of a zone is to turn the hands of its clock
    left = timedelta(minutes=min(minutes, AHEAD // timedelta(minutes=1)))
    for opens, closes in _stretches(team, start):
        begins = max(opens, start)
        if closes - begins >= left:
            return begins + left
        left -= closes - begins
    return start + AHEAD


def _stretches(team: Team, at: datetime) -> Iterator[Stretch]:
    """The stretches that are not over at `at`, in order, until two weeks later; those that touch are one."""
    hours = list(team.opening_hours.all())
    if not hours:
        yield at, at + AHEAD
        return
    current: Stretch | None = None
    for opens, closes in sorted(_every(team, hours, at)):
        if current is not None and opens <= current[1]:
            current = current[0], max(current[1], closes)
            continue
        if current is not None:
            yield current
        current = opens, closes
    if current is not None:
        yield current


def _every(team: Team, hours: list[OpeningHours], at: datetime) -> Iterator[Stretch]:
    zone = zone_of(team)
    first = at.astimezone(zone).date()
    for day in range(AHEAD.days + 1):
        date = first + timedelta(days=day)
        for each in hours:
            if each.weekday != date.weekday():
                continue
            opens = datetime.combine(date, each.opens, zone)
            # The later of two equal times on the night when the clocks go back.
            closes = datetime.combine(date, each.closes, zone).replace(fold=1)
            if each.closes >= LAST_MINUTE:  # No time of a day is its end: one minute before it means midnight.
                closes = datetime.combine(date + timedelta(days=1), time(0), zone)
            stretch = opens.astimezone(UTC), closes.astimezone(UTC)
            # An hour that the clocks skip does not take place.
            if stretch[0] < stretch[1] and at < stretch[1]:
                yield stretch
