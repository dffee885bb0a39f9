"""How the page of costs writes numbers."""

from django import template

from agents.costs.spending import CENT, amount

register = template.Library()

DOLLAR = 100 * CENT


@register.filter
def money(micros: int) -> str:
    """`USD 20.00` for what is worth cents, `USD 0.0098` where they do not say it."""
    return amount((micros + CENT // 2) // CENT * CENT) if micros >= DOLLAR else amount(micros)


@register.filter
def whole(number: int) -> str:
    """`1,234,567`"""
    return f"{number:,}"


@register.filter
def plain(number: float) -> str:
    """A length in a drawing: `7.5`, with a point in every language."""
    return f"{number:g}"
