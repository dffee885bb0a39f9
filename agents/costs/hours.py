"""The ledger hour by hour: summed once an hour is over, and read together with the hours that are not yet.

An hour is over for the sums when no attempt of it is reserved any more. What is settled never changes, so a sum that
was written once stays true, and a report over months reads some rows for each hour instead of one for each attempt.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from django.db import connection, transaction
from django.db.models import Aggregate, Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncDay, TruncHour, TruncWeek

from agents.models import RollupMark, Spend, SpendHour
from audit.clock import database_now

MARK = "spend_hours"
HOUR = timedelta(hours=1)
HOURS_AT_ONCE = 100
# Race: a worker takes the time of an attempt from its own clock and commits it a moment later, so an attempt of an
# hour may appear after that hour is over. This is longer than any such transaction, and than clocks may differ.
LATECOMERS = timedelta(minutes=5)
# What was given back never started, and what is reserved has no cost yet.
COUNTED = (Spend.State.SETTLED, Spend.State.FORFEITED)

DIMENSIONS = ("agent", "provider", "model", "category", "channel", "kind")
FIGURES = ("charged", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens")
TIMES = {"hour": TruncHour, "day": TruncDay, "week": TruncWeek}


@dataclass(frozen=True)
class Sums:
    """What some attempts came to: how many there were, micro-units, tokens."""

    attempts: int = 0
    charged: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(Sums)))


def roll_up(*, limit: int = HOURS_AT_ONCE) -> int:
    """Sum hours that are over, at most so many with attempts in them, oldest first; how many. Safe in parallel."""
    until = _over_until(database_now())
    done = 0
    while done < limit and (hour := _next(until)) is not None:
        done += _write(*hour)
    return done


def spent(
    *, since: datetime, until: datetime, by: tuple[str, ...] = (), agents: Collection[str] | None = None
) -> dict[tuple[Any, ...], Sums]:
    """What attempts that began from `since` to before `until` came to, grouped by names of DIMENSIONS or TIMES (UTC).

    `agents` are the slugs that count; None for all, and for what belongs to no agent. Three statements at most.
    """
    first = _number(since) + (since != _start(_number(since)))
    # Race: an hour is summed while we read. Where the sums end is read once, and what lies before it stays as it is.
    end = max(min(_number(until), _position() or 0), first)
    begun = Q(created_at__gte=since, created_at__lt=until)
    if first < end:
        begun &= Q(created_at__lt=_start(first)) | Q(created_at__gte=_start(end))
    hours = SpendHour.objects.filter(hour__gte=_start(first), hour__lt=_start(end))
    attempts = Spend.objects.filter(begun, state__in=COUNTED)
    found: dict[tuple[Any, ...], Sums] = {}
    for rows, at, count in ((hours, "hour", Sum("attempts")), (attempts, "created_at", Count("pk"))):
        for key, sums in _grouped(rows if agents is None else rows.filter(agent__in=agents), by, at, count):
            found[key] = found.get(key, Sums()) + sums
    return found


def _over_until(now: datetime) -> int:
    """The first hour (since 1970) that is not over yet."""
    oldest = (
        Spend.objects.filter(state=Spend.State.RESERVED).order_by("created_at").values_list("created_at", flat=True)
    )
    open_since = oldest.first()
    return min(_number(each) for each in (now - LATECOMERS, open_since) if each is not None)


def _next(until: int) -> tuple[int, int] | None:
    """Where the sums end, and the next hour before `until` in which something was spent; None where all is summed."""
    position = _position()
    if position is None and (position := _begin()) is None:
        return None
    waiting = Spend.objects.filter(created_at__gte=_start(position), created_at__lt=_start(until))
    first = waiting.order_by("created_at").values_list("created_at", flat=True).first()
    return None if first is None else (position, _number(first))


def _begin() -> int | None:
    first = Spend.objects.order_by("created_at").values_list("created_at", flat=True).first()
    if first is None:
        return None
    # Race: another process begins too, and may be on its way already. The key lets one write; its word counts.
    return RollupMark.objects.get_or_create(name=MARK, defaults={"position": _number(first)})[0].position


def _write(position: int, hour: int) -> bool:
    with transaction.atomic():
        # Race: another process sums the same hour. It waits here for our mark, finds it moved, and writes nothing.
        if not RollupMark.objects.filter(name=MARK, position=position).update(position=hour + 1):
            return False
        start, end = (connection.ops.adapt_datetimefield_value(_start(each)) for each in (hour, hour + 1))
        with connection.cursor() as cursor:
            cursor.execute(_summing(), [start, start, end, *COUNTED])
    return True


@lru_cache(maxsize=1)
def _summing() -> str:
    groups = ", ".join(DIMENSIONS)
    columns = f"{groups}, attempts, {', '.join(FIGURES)}"
    sums = ", ".join(f"SUM({each})" for each in FIGURES)
    table, ledger = SpendHour._meta.db_table, Spend._meta.db_table
    return (
        f"INSERT INTO {table} (hour, {columns}) SELECT %s, {groups}, COUNT(*), {sums} FROM {ledger} "  # noqa: S608
        f"WHERE created_at >= %s AND created_at < %s AND state IN (%s, %s) GROUP BY {groups}"
    )


def _grouped(
    rows: QuerySet[Any], by: tuple[str, ...], at: str, attempts: Aggregate
) -> Iterator[tuple[tuple[Any, ...], Sums]]:
    keys = {f"by_{name}": TIMES[name](at, tzinfo=UTC) if name in TIMES else F(name) for name in by}
    sums = {"sum_attempts": attempts, **{f"sum_{name}": Sum(name) for name in FIGURES}}
    # A grouping there must be: without one, no rows would come to a row of nothing.
    grouped = rows.order_by().values(**(keys or {"by_kind": F("kind")})).annotate(**sums)
    for row in grouped:
        yield tuple(row[name] for name in keys), Sums(*(row[name] for name in sums))


def _position() -> int | None:
    return RollupMark.objects.filter(name=MARK).values_list("position", flat=True).first()


def _number(at: datetime) -> int:
    """Hours since 1970."""
    return int(at.timestamp() // 3600)


def _start(number: int) -> datetime:
    return datetime.fromtimestamp(number * 3600, tz=UTC)
