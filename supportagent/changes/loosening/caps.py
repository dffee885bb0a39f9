"""Caps: what may be spent, at which prices, and how often something may be done."""

from datetime import datetime

from agents.costs import prices
from agents.costs.prices import Rate
from agents.models import Budget, Price, VelocityCap
from supportagent.changes.kinds import Values, govern
from supportagent.changes.loosening.words import changed, others, raised
from supportagent.console.money import format_micros


def budget_loosens(before: Values | None, after: Values | None) -> list[str]:
    """More may be spent. An agent runs only when it has a budget, so its first one sets it to work.

    From when on people are told loosens nothing: the cap stops all the same, and is told of by itself.
    """
    if after is None:
        return ["without it, nothing limits what it was for"]
    if before is None:
        return ["an agent with a budget may run"] if after["scope"] == Budget.Scope.AGENT else []
    sentences = []
    if raised(before, after, "cap"):
        sentences.append(f"the cap is raised from {format_micros(before['cap'])} to {format_micros(after['cap'])}")
    return sentences + others(changed(before, after), ("cap", "warn_at"))


def velocity_loosens(before: Values | None, after: Values | None) -> list[str]:
    """More may be done in a day."""
    if before is None or not before["enabled"]:
        return []
    if after is None:
        return ["without it, nothing limits what it was for"]
    sentences = [] if after["enabled"] else ["it is switched off"]
    if raised(before, after, "max_count"):
        sentences.append("more calls a day go through")
    if raised(before, after, "max_amount_minor"):
        sentences.append("more money a day goes through")
    return sentences + others(changed(before, after), ("enabled", "max_count", "max_amount_minor"))


PRICED = {"input": "input", "cached": "cached input", "output": "output", "thinking": "reasoning"}
FIGURES = ("input_micros", "cached_micros", "output_micros", "reasoning_micros")


def price_loosens(before: Values | None, after: Values | None) -> list[str]:
    """A lower price. Caps count money, so under the same cap more calls go through, and at a price of nothing all do.

    Compared is with what would hold without the row: the row of the book before it, else the price list. Where there
    is none, the row sets a model to work whose calls are blocked.
    """
    sentences = []
    if before is not None and after is not None:
        sentences = _lowered([_rate(before)], [_rate(after)])
        if not changed(before, after, harmless=("note", *FIGURES)):
            return sentences
    if before is not None and (behind := _without(before)):
        sentences += _lowered([_rate(before)], behind)
    if after is not None:
        behind = _without(after)
        sentences += _lowered(behind, [_rate(after)]) if behind else ["a model without a price may be used"]
    return list(dict.fromkeys(sentences))


def _rate(values: Values) -> Rate:
    return prices.book_rate(*(values[name] for name in FIGURES))


def _without(values: Values) -> list[Rate]:
    """The rates that hold at the row's moment without it; empty where there is no price."""
    earlier = Price.objects.filter(
        provider=values["provider"],
        model=values["model"],
        effective_from__lt=datetime.fromisoformat(values["effective_from"]),
    )
    row = earlier.order_by("-effective_from").values_list(*FIGURES).first()
    if row is not None:
        return [prices.book_rate(*row)]
    try:
        return list(prices.listed(provider=values["provider"], model=values["model"]).rates)
    except prices.PriceUnknown:
        return []


def _lowered(old: list[Rate], new: list[Rate]) -> list[str]:
    """A price list may ask more for long requests: lower than the highest is lower."""
    sentences = []
    for kind, words in PRICED.items():
        was, will = (max(getattr(rate, kind) for rate in rates) for rates in (old, new))
        if will < was:
            sentences.append(
                f"{words} is priced at {format_micros(will)} instead of {format_micros(was)} per million tokens: "
                "caps hold more calls"
            )
    return sentences


govern(Price, price_loosens)
govern(Budget, budget_loosens, omitted=("reserved", "spent", "period_start"))
govern(VelocityCap, velocity_loosens)
