"""What a conversation costs, beside what it would cost without agents. docs/measures.md says what each figure means.

Sums are exact until each figure is rounded once, half up, at its end. What nobody stated is unknown, never zero.
The statements are as many however many conversations there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

from django.db.models import BigIntegerField, Case, Count, QuerySet, Sum, Value, When

from agents.costs.conversations import settled
from agents.costs.infrastructure import infrastructure_in
from agents.costs.labour import Labour
from agents.costs.prices import CURRENCY
from agents.costs.rounding import half_up
from agents.models import Agent, HumanRate, Interaction
from supportagent.periods import Period
from supportagent.tickets.models import Ticket

HOUR = 3600  # seconds
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


@dataclass(frozen=True)
class Cell:
    """Conversations that are alike in some columns: these values, what they cost, and what else was counted of them."""

    key: tuple[Any, ...]
    sums: Sums
    counts: Mapping[str, int]


def economics(period: Period, conversations: QuerySet[Interaction] | None = None) -> Economics:
    """What the conversations that ended in the period cost, of all or of these; a fixed number of statements."""
    chosen = Interaction.objects.all() if conversations is None else conversations
    total = Sums()
    found: tuple[dict[tuple[str, str], Sums], ...] = ({}, {}, {})  # by category, agent and channel
    agents = {pk: names for pk, *names in Agent.objects.values_list("pk", "slug", "name")}
    for cell in compared(period, chosen, ("agent", "channel")):
        category, agent, channel = cell.key
        total += cell.sums
        slug, name = agents.get(agent, ("", "Without an agent"))
        keys = (
            (category, str(Ticket.Category(category).label)),
            (slug, name),
            (channel, str(Ticket.Channel(channel).label)),
        )
        for rows, key in zip(found, keys, strict=True):
            rows[key] = rows.get(key, Sums()) + cell.sums
    by_category, by_agent, by_channel = (
        [Row(*key, rows[key]) for key in sorted(rows, key=lambda key: key[1])] for rows in found
    )
    infrastructure, notes = infrastructure_in(period)
    return Economics(period, total, by_category, by_agent, by_channel, infrastructure, [*notes_on(total), *notes])


def dearer(period: Period) -> dict[int, Sums]:
    """Agents, by key, whose conversations cost more than people alone would for the same categories: four statements.

    Counted are those that ended in the period and can no longer be opened again.
    """
    found: dict[int, Sums] = {}
    for cell in compared(period, Interaction.objects.filter(settled(period.end)).exclude(agent=None), ("agent",)):
        _, agent = cell.key
        found[agent] = found.get(agent, Sums()) + cell.sums
    return {
        agent: sums
        for agent, sums in found.items()
        if sums.baseline_n >= ENOUGH_TO_COMPARE and sums.compared > sums.baseline
    }


def compared(
    period: Period,
    conversations: QuerySet[Interaction],
    columns: tuple[str, ...],
    *,
    labour: Labour | None = None,
    **counts: Any,
) -> list[Cell]:
    """What conversations that ended in the period cost, by category and these columns, beside what people alone would:
    two statements, and two for what people's time costs where it is not given.
    """
    labour = labour or Labour.known()
    return cells(period, conversations, ("category", *columns), labour, labour.baselines(period.end), **counts)


def cells(
    period: Period,
    conversations: QuerySet[Interaction],
    columns: tuple[str, ...],
    labour: Labour,
    baselines: Mapping[str, Fraction] | None = None,
    **counts: Any,
) -> list[Cell]:
    """What conversations that ended in the period cost, by these columns: one statement.

    `counts` are further aggregates; they add up. With `baselines` (seconds), the first column is the category.
    """
    rates = labour.in_force(period)
    rate: Any = Value(0 if not rates else rates[-1].pk, output_field=BigIntegerField())
    if any(each.effective_from > period.start for each in rates):
        begun = [When(ended_at__gte=each.effective_from, then=Value(each.pk)) for each in rates]
        rate = Case(*begun, default=Value(0), output_field=BigIntegerField())
    rows = (
        conversations.filter(ended_at__gte=period.start, ended_at__lt=period.end)
        .order_by()
        .annotate(rate=rate)
        .values_list(*columns, "rate")
        .annotate(**_MONEY, **counts)
    )
    found: dict[tuple[Any, ...], Cell] = {}
    for row in rows:
        key, pk, figures = row[: len(columns)], row[len(columns)], row[len(columns) + 1 :]
        money, others = figures[: len(_MONEY)], figures[len(_MONEY) :]
        usual = None if baselines is None else baselines.get(key[0])
        sums = _sums(money, next((each for each in rates if each.pk == pk), None), usual)
        counted = dict(zip(counts, others, strict=True))
        if earlier := found.get(key):  # another rate was in force
            sums += earlier.sums
            counted = {name: n + earlier.counts[name] for name, n in counted.items()}
        found[key] = Cell(key, sums, counted)
    return list(found.values())


_MONEY = {
    "n": Count("pk"),
    "model": Sum("model_micros"),
    "tool": Sum("tool_micros"),
    "calls": Sum("model_calls"),
    "seconds": Sum("human_seconds"),
    "decided": Sum("decisions"),
}


def _sums(figures: tuple[int, ...], rate: HumanRate | None, usual: Fraction | None) -> Sums:
    """Conversations that ended while one rate was in force, of one category where `usual`, seconds, are given."""
    n, model, tool, calls, seconds, decided = figures
    found = Sums(n, model, tool, calls, seconds)
    if rate is None:
        return replace(found, human=None)
    seconds += decided * rate.decision_seconds
    human = Fraction(seconds * rate.hourly_micros, HOUR)
    found = replace(found, human=human, human_seconds=seconds)
    if usual is None:
        return found
    baseline = n * usual * rate.hourly_micros / HOUR
    return replace(found, baseline_n=n, baseline=baseline, compared=model + tool + human)


def notes_on(total: Sums) -> Iterable[str]:
    """What is to be said about the cost of people."""
    if total.human is None:
        yield NOT_PRICED
    if total.n > total.baseline_n:
        yield NO_BASELINE.format(n=total.n - total.baseline_n, of=total.n)
