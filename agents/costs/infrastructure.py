"""What running the installation cost in a period, by what admins enter per month."""

import datetime as dt
from collections.abc import Iterable
from fractions import Fraction

from django.db.models import Sum

from agents.costs.rounding import half_up
from agents.models import InfrastructureCost
from supportagent.periods import Period

NOTHING_ENTERED = "No infrastructure cost is entered for {months}."


def infrastructure_in(period: Period) -> tuple[int | None, list[str]]:
    """The share of each month's cost that falls into the period, by time, in micro-units; None where no month has any.

    And what is missing, in words. One statement.
    """
    months = list(_months(period))
    entered: dict[dt.date, int] = {}
    if months:
        rows = InfrastructureCost.objects.filter(month__range=(months[0], months[-1])).order_by().values_list("month")
        entered = dict(rows.annotate(Sum("amount_micros")))
    missing = [f"{month:%Y-%m}" for month in months if month not in entered]
    notes = [NOTHING_ENTERED.format(months=", ".join(missing))] if missing else []
    if not entered:
        return None, notes
    return half_up(sum((amount * _share(month, period) for month, amount in entered.items()), Fraction(0))), notes


def _months(period: Period) -> Iterable[dt.date]:
    """The first days of the months that the period touches, in UTC."""
    month = period.start.astimezone(dt.UTC).date().replace(day=1)
    while _midnight(month) < period.end:
        yield month
        month = _next(month)


def _share(month: dt.date, period: Period) -> Fraction:
    start, end = _midnight(month), _midnight(_next(month))
    inside = min(end, period.end) - max(start, period.start)
    microsecond = dt.timedelta(microseconds=1)
    return Fraction(inside // microsecond, (end - start) // microsecond)


def _next(month: dt.date) -> dt.date:
    return (month + dt.timedelta(days=31)).replace(day=1)


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
