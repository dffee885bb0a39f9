"""The ledger beside a provider's own count, per day and model: where the two part, somebody should look."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Case, Count, Q, QuerySet, Sum, Value, When
from django.db.models.functions import TruncDate

from agents.costs.hours import COUNTED
from agents.costs.usage_export import Key, Used, family
from agents.models import Spend

TOKENS = ("input_tokens", "output_tokens", "cached_tokens")


@dataclass
class Booked:
    """What the ledger has for one day and model. `uncounted` attempts were charged in full: nobody saw their tokens."""

    attempts: int = 0
    uncounted: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: int = 0  # micro-units


@dataclass(frozen=True)
class Row:
    """One day and model. Differences are the ledger's figure less the provider's; None where the provider has none."""

    day: dt.date
    model: str
    booked: Booked
    used: Used

    @property
    def pairs(self) -> dict[str, tuple[int, int | None]]:
        """The ledger's and the provider's figure of each kind."""
        cost = None if self.used.cost is None else int(self.used.cost.to_integral_value())
        return {
            "input_tokens": (self.booked.input_tokens, self.used.input_tokens),
            "cached_tokens": (self.booked.cached_tokens, self.used.cached_tokens),
            "output_tokens": (self.booked.output_tokens, self.used.output_tokens),
            "cost_micros": (self.booked.cost, cost),
        }

    def differing(self, tolerance: Decimal = Decimal(0)) -> list[str]:
        """The kinds that differ by more than `tolerance` per cent of the provider's figure."""
        return [kind for kind, (ours, theirs) in self.pairs.items() if self._differs(kind, ours, theirs, tolerance)]

    def _differs(self, kind: str, ours: int, theirs: int | None, tolerance: Decimal) -> bool:
        if theirs is None:
            return False
        # Each attempt is rounded up to a whole micro-unit, a bill as a whole.
        rounding = self.booked.attempts if kind == "cost_micros" and ours > theirs else 0
        return abs(ours - theirs) - rounding > theirs * tolerance / 100


def compare(used: Mapping[Key, Used], *, providers: Collection[str] = ()) -> list[Row]:
    """Every day and model that either side knows, on the days from the export's first to its last.

    `providers` are the aliases whose attempts count; none given: all that send a bill.
    """
    days = [day for day, _ in used]
    ledger = booked(min(days), max(days), providers=providers)
    nothing = _nothing(used)
    return [
        Row(*key, booked=ledger.get(key, Booked()), used=used.get(key, nothing)) for key in sorted({*used, *ledger})
    ]


def _nothing(used: Mapping[Key, Used]) -> Used:
    """What an export says of a model that it does not name: none of what it states of others."""
    states_cached = any(each.cached_tokens is not None for each in used.values())
    states_cost = any(each.cost is not None for each in used.values())
    return Used(cached_tokens=0 if states_cached else None, cost=Decimal(0) if states_cost else None)


def booked(first: dt.date, last: dt.date, *, providers: Collection[str] = ()) -> dict[Key, Booked]:
    """The ledger per day (UTC, when an attempt began) and model, in one statement."""
    start, end = (dt.datetime.combine(day, dt.time(), dt.UTC) for day in (first, last))
    rows = Spend.objects.filter(
        kind=Spend.Kind.MODEL,
        created_at__gte=start,
        # Not `end + 1 day`, which the last day of the calendar does not have.
        created_at__lte=end.replace(hour=23, minute=59, second=59, microsecond=999_999),
        state__in=COUNTED,
    )
    rows = rows.filter(provider__in=providers) if providers else rows.exclude(provider__in=settings.DEMO_PROVIDERS)
    found: dict[Key, Booked] = {}
    for row in _sums(rows):
        total = found.setdefault((row["day"], family(row["model"])), Booked())
        total.attempts += row["attempts"]
        total.uncounted += row["attempts"] if not row["counted"] else 0
        for name in TOKENS:
            setattr(total, name, getattr(total, name) + row[f"sum_{name}"])
        total.cost += row["sum_charged"]
    return found


def _sums(rows: QuerySet[Spend]) -> Iterable[Any]:
    seen = Q(input_tokens__gt=0) | Q(output_tokens__gt=0) | Q(charged=0)
    counted = Case(When(seen, then=Value(1)), default=Value(0))
    return (
        rows.order_by()
        .annotate(day=TruncDate("created_at", tzinfo=dt.UTC), counted=counted)
        .values("day", "model", "counted")
        .annotate(
            attempts=Count("pk"),
            **{f"sum_{name}": Sum(name) for name in (*TOKENS, "charged")},
        )
    )
