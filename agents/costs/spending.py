"""What a budget has used in the period that runs now, for people and for metrics."""

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from agents.models import Budget
from supportagent.console.money import format_micros, format_money

CENT = 10_000  # micro-units
DOLLAR = 100 * CENT


@dataclass(frozen=True)
class Use:
    """Micro-units of one budget, now."""

    cap: int
    spent: int
    reserved: int

    @property
    def left(self) -> int:
        return max(self.cap - self.spent - self.reserved, 0)

    @property
    def ratio(self) -> float:
        """Spent and reserved, as a part of the cap; a cap of nothing is used up."""
        return (self.spent + self.reserved) / self.cap if self.cap else 1.0

    def __str__(self) -> str:
        used = f"{amount(self.spent)} of {amount(self.cap)}"
        return f"{used}, {amount(self.reserved)} reserved" if self.reserved else used


def amount(micros: int) -> str:
    """`USD 20.00`, and `USD 0.0098` where cents do not say it."""
    return format_money(micros // CENT, "USD") if micros % CENT == 0 else format_micros(micros)


def rounded(micros: int) -> str:
    """`USD 20.00` for what is worth a dollar and more, to the cent; `USD 0.0098` for less."""
    return amount((micros + CENT // 2) // CENT * CENT) if abs(micros) >= DOLLAR else amount(micros)


def use_of(budget: Budget, today: dt.date | None = None) -> Use:
    """The counters of the row; what was spent in a period that is over counts no more, what is reserved does."""
    today = today or timezone.now().date()
    start = today.replace(day=1) if budget.period == Budget.Period.MONTH else today
    over = budget.period != Budget.Period.EVER and (budget.period_start is None or budget.period_start < start)
    return Use(cap=budget.cap, spent=0 if over else budget.spent, reserved=budget.reserved)
