"""What the time of people costs, and how much of it a conversation takes without agents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from django.db.models import Count, Sum

from agents.models import HumanBaseline, HumanRate, Interaction
from supportagent.periods import Period
from supportagent.tickets.models import Ticket

MEASURED_OVER = timedelta(days=90)
ENOUGH_MEASURED = 20  # conversations of people alone, for a mean that stands for a category


@dataclass(frozen=True)
class Labour:
    """What people's time costs: the rates, newest first, and the seconds for a conversation that admins state."""

    rates: tuple[HumanRate, ...]
    stated: Mapping[str, Fraction]

    @classmethod
    def known(cls) -> Labour:
        """Two statements."""
        stated = {row.category: Fraction(row.minutes) * 60 for row in HumanBaseline.objects.all()}
        others = {category: stated[""] for category in Ticket.Category.values if "" in stated}
        return cls(tuple(HumanRate.objects.order_by("-effective_from")), others | stated)

    def baselines(self, until: datetime) -> Mapping[str, Fraction]:
        """Seconds that a person takes for a conversation of a category without agents: the mean of those of the last 90
        days where there are enough, else what admins state. A category without either is missing. One statement.
        """
        alone = Interaction.objects.filter(
            resolution=Interaction.Resolution.BY_PERSON, ended_at__gte=until - MEASURED_OVER, ended_at__lt=until
        )
        sums = alone.order_by().values_list("category").annotate(n=Count("*"), seconds=Sum("human_seconds"))
        measured = {category: Fraction(total, n) for category, n, total in sums if n >= ENOUGH_MEASURED}
        return dict(self.stated) | measured

    def in_force(self, period: Period) -> list[HumanRate]:
        """The rates for what ended in the period, newest first."""
        found = []
        for rate in self.rates:
            if rate.effective_from < period.end:
                found.append(rate)
            if rate.effective_from <= period.start:
                break
        return found
