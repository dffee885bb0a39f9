"""What a conversation costs, beside what it would cost without agents. docs/measures.md says what each figure means.

Sums are exact until each figure is rounded once, half up, at its end. What nobody stated is unknown, never zero.
The statements are as many however many conversations there are.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import BigIntegerField, Case, Count, QuerySet, Sum, Value, When
from django.db.models.functions.datetime import TruncBase

from agents.costs.conversations import settled
from agents.costs.infrastructure import infrastructure_in
from agents.costs.prices import CURRENCY
from agents.costs.rounding import half_up
from agents.models import HumanBaseline, HumanRate, Interaction
from supportagent.periods import Period
from supportagent.tickets.models import Ticket

HOUR = 3600  # seconds
MEASURED_OVER = dt.timedelta(days=90)
ENOUGH_MEASURED = 20  # conversations of people alone, for a mean that stands for a category
ENOUGH_TO_COMPARE = 20  # conversations of an agent, before anybody is told that it costs too much
NOT_PRICED = "What people cost is not stated for all of these conversations, so the cost with people is unknown."
NO_BASELINE = "How long people take without agents is unknown for {n} of these {of} conversations."


@dataclass(frozen=True)
class Sums:
    """Some conversations taken together. Money in micro-units, exact; None where it is unknown."""

    n: int = 0
    model_micros: int = 0
    tool_micros: int = 0
    model_calls: int = 0
    human_seconds: int = 0  # at work, and for decisions
    human: Fraction | None = Fraction(0)
    baseline_n: int = 0  # conversations for which the cost without agents, and with them, is known
    baseline: Fraction = Fraction(0)  # of these
    compared: Fraction = Fraction(0)  # what these cost

    def __add__(self, other: Sums) -> Sums:
        human = None if self.human is None or other.human is None else self.human + other.human
        return Sums(
            self.n + other.n,
            self.model_micros + other.model_micros,
            self.tool_micros + other.tool_micros,
            self.model_calls + other.model_calls,
            self.human_seconds + other.human_seconds,
            human,
            self.baseline_n + other.baseline_n,
            self.baseline + other.baseline,
            self.compared + other.compared,
        )

    @property
    def total(self) -> Fraction | None:
        return None if self.human is None else self.model_micros + self.tool_micros + self.human

    @property
    def per_interaction(self) -> int | None:
        """Micro-units."""
        return half_up(None if self.total is None or not self.n else self.total / self.n)

    @property
    def agents_per_interaction(self) -> int | None:
        """Micro-units of models and tools alone."""
        return half_up(Fraction(self.model_micros + self.tool_micros, self.n) if self.n else None)

    @property
    def baseline_per_interaction(self) -> int | None:
        """Micro-units that one of the compared conversations would cost without agents."""
        return half_up(self.baseline / self.baseline_n if self.baseline_n else None)

    @property
    def compared_per_interaction(self) -> int | None:
        """Micro-units that one of the compared conversations costs."""
        return half_up(self.compared / self.baseline_n if self.baseline_n else None)

    @property
    def saving_micros(self) -> int | None:
        """What the compared conversations cost less than without agents; negative where they cost more."""
        return half_up(self.baseline - self.compared if self.baseline_n else None)

    @property
    def calls_per_interaction(self) -> Decimal | None:
        """Attempts of model calls, to two places."""
        hundredths = half_up(Fraction(100 * self.model_calls, self.n) if self.n else None)
        return None if hundredths is None else Decimal(hundredths) / 100

    def plain(self) -> dict[str, Any]:
        """As the command prints it and as pages show it."""
        calls = self.calls_per_interaction
        return {
            "interactions": self.n,
            "model_micros": self.model_micros,
            "tool_micros": self.tool_micros,
            "human_seconds": self.human_seconds,
            "human_micros": half_up(self.human),
            "total_micros": half_up(self.total),
            "cost_per_interaction_micros": self.per_interaction,
            "agents_cost_per_interaction_micros": self.agents_per_interaction,
            "compared_interactions": self.baseline_n,
            "baseline_per_interaction_micros": self.baseline_per_interaction,
            "saving_micros": self.saving_micros,
            "model_calls": self.model_calls,
            "model_calls_per_interaction": None if calls is None else f"{calls:.2f}",
        }


@dataclass(frozen=True)
class Row:
    """The conversations of one category, agent or channel."""

    key: str
    label: str
    sums: Sums

    def plain(self) -> dict[str, Any]:
        return {"key": self.key, "label": self.label, **self.sums.plain()}


@dataclass(frozen=True)
class Economics:
    """What the conversations that ended in a period cost."""

    period: Period
    total: Sums
    categories: list[Row]
    agents: list[Row]
    channels: list[Row]
    infrastructure_micros: int | None
    notes: list[str]
    currency: str = CURRENCY

    @property
    def with_infrastructure_micros(self) -> int | None:
        """All of it, the machines' share of the period included."""
        total = half_up(self.total.total)
        return None if total is None or self.infrastructure_micros is None else total + self.infrastructure_micros

    def plain(self) -> dict[str, Any]:
        return {
            "from": self.period.start.isoformat(),
            "to": self.period.end.isoformat(),
            "currency": self.currency,
            "total": self.total.plain(),
            "categories": [row.plain() for row in self.categories],
            "agents": [row.plain() for row in self.agents],
            "channels": [row.plain() for row in self.channels],
            "infrastructure_micros": self.infrastructure_micros,
            "with_infrastructure_micros": self.with_infrastructure_micros,
            "notes": self.notes,
        }


def economics(period: Period, conversations: QuerySet[Interaction] | None = None) -> Economics:
    """What the conversations that ended in the period cost, of all or of these; a fixed number of statements."""
    rates, known = list(HumanRate.objects.order_by("-effective_from")), baselines(period.end)
    total = Sums()
    found: tuple[dict[tuple[str, str], Sums], ...] = ({}, {}, {})  # by category, agent and channel
    for category, slug, name, channel, *figures in _cells(period, conversations, rates):
        cell = _sums(figures, rates, known.get(category))
        total += cell
        keys = (
            (category, str(Ticket.Category(category).label)),
            (slug or "", name or "Without an agent"),
            (channel, str(Ticket.Channel(channel).label)),
        )
        for rows, key in zip(found, keys, strict=True):
            rows[key] = rows.get(key, Sums()) + cell
    categories, agents, channels = (
        [Row(*key, rows[key]) for key in sorted(rows, key=lambda key: key[1])] for rows in found
    )
    infrastructure, notes = infrastructure_in(period)
    return Economics(period, total, categories, agents, channels, infrastructure, [*_notes(total), *notes])


def dearer(period: Period) -> dict[int, Sums]:
    """Agents, by key, whose conversations cost more than people alone would for the same categories: four statements.

    Counted are those that ended in the period and can no longer be opened again.
    """
    found = by_agent(period, Interaction.objects.filter(settled(period.end)))
    return {
        agent: sums
        for agent, sums in found.items()
        if sums.baseline_n >= ENOUGH_TO_COMPARE and sums.compared > sums.baseline
    }


def by_agent(period: Period, conversations: QuerySet[Interaction]) -> dict[int, Sums]:
    """What conversations that ended in the period cost, of each agent by its key: four statements."""
    rates, known = list(HumanRate.objects.order_by("-effective_from")), baselines(period.end)
    found: dict[int, Sums] = {}
    columns = ("category", "agent")
    for category, agent, *figures in _cells(period, conversations.exclude(agent=None), rates, columns):
        found[agent] = found.get(agent, Sums()) + _sums(figures, rates, known.get(category))
    return found


def by_time(period: Period, conversations: QuerySet[Interaction], trunc: type[TruncBase]) -> dict[dt.datetime, Sums]:
    """What conversations cost by the hour, day or week (UTC) in which they ended, without baselines: two statements."""
    rates = list(HumanRate.objects.order_by("-effective_from"))
    at_that = conversations.annotate(at=trunc("ended_at", tzinfo=dt.UTC))
    found: dict[dt.datetime, Sums] = {}
    for at, *figures in _cells(period, at_that, rates, ("at",)):
        found[at] = found.get(at, Sums()) + _sums(figures, rates, None)
    return found


def by_version(period: Period, conversations: QuerySet[Interaction]) -> dict[int, Sums]:
    """The same by the version (history id) of the agent that had them last: two statements."""
    rates = list(HumanRate.objects.order_by("-effective_from"))
    found: dict[int, Sums] = {}
    for version, *figures in _cells(period, conversations.exclude(agent_version=None), rates, ("agent_version",)):
        found[version] = found.get(version, Sums()) + _sums(figures, rates, None)
    return found


def baselines(until: dt.datetime) -> Mapping[str, Fraction]:
    """Seconds that a person takes for a conversation of a category without agents: the mean of those of the last 90
    days where there are enough, else what admins state. A category without either is missing. Two statements.
    """
    alone = Interaction.objects.filter(
        resolution=Interaction.Resolution.BY_PERSON, ended_at__gte=until - MEASURED_OVER, ended_at__lt=until
    )
    stated = {row.category: Fraction(row.minutes) * 60 for row in HumanBaseline.objects.all()}
    others = {category: stated[""] for category in Ticket.Category.values if "" in stated}
    sums = alone.order_by().values_list("category").annotate(n=Count("pk"), seconds=Sum("human_seconds"))
    return others | stated | {category: Fraction(total, n) for category, n, total in sums if n >= ENOUGH_MEASURED}


_BY = ("category", "agent__slug", "agent__name", "channel")


def _cells(
    period: Period,
    conversations: QuerySet[Interaction] | None,
    rates: Iterable[HumanRate],
    columns: tuple[str, ...] = _BY,
) -> Iterable[tuple[Any, ...]]:
    """Sums for whatever the money or the tables depend on; one statement. The last columns are for `_sums`."""
    chosen = Interaction.objects.all() if conversations is None else conversations
    ended = chosen.filter(ended_at__gte=period.start, ended_at__lt=period.end)
    in_force = [When(ended_at__gte=rate.effective_from, then=Value(rate.pk)) for rate in rates]
    rate = Case(*in_force, default=Value(0), output_field=BigIntegerField())
    return (
        ended.order_by()
        .annotate(rate=rate)
        .values_list(*columns, "rate")
        .annotate(
            n=Count("pk"),
            model=Sum("model_micros"),
            tool=Sum("tool_micros"),
            calls=Sum("model_calls"),
            seconds=Sum("human_seconds"),
            decided=Sum("decisions"),
        )
    )


def _sums(figures: list[Any], rates: Iterable[HumanRate], usual: Fraction | None) -> Sums:
    """One cell: conversations of one category, which ended while one rate was in force. `usual` are seconds."""
    pk, n, model, tool, calls, seconds, decided = figures
    found = Sums(n, model, tool, calls, seconds)
    rate = next((rate for rate in rates if rate.pk == pk), None)
    if rate is None:
        return replace(found, human=None)
    seconds += decided * rate.decision_seconds
    human = Fraction(seconds * rate.hourly_micros, HOUR)
    found = replace(found, human=human, human_seconds=seconds)
    if usual is None:
        return found
    baseline = n * usual * rate.hourly_micros / HOUR
    return replace(found, baseline_n=n, baseline=baseline, compared=model + tool + human)


def _notes(total: Sums) -> Iterable[str]:
    if total.human is None:
        yield NOT_PRICED
    if total.n > total.baseline_n:
        yield NO_BASELINE.format(n=total.n - total.baseline_n, of=total.n)
