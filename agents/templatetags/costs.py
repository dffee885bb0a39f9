"""How the page of costs writes numbers."""

from fractions import Fraction

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.costs.economics import half_up
from agents.costs.spending import rounded

register = template.Library()

register.filter("money", rounded)


@register.filter
def money_or_none(micros: Fraction | int | None) -> SafeString | str:
    """An amount that nobody may know: what is unknown is no zero."""
    whole_micros = half_up(micros)
    if whole_micros is None:
        return format_html('<span class="not-available">{}</span>', "not enough data")
    return rounded(whole_micros)


@register.filter
def whole(number: int) -> str:
    """`1,234,567`"""
    return f"{number:,}"
