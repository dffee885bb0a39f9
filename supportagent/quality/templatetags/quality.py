"""Shares and agreement in words."""

from django import template

from supportagent.quality.agreement import LEAST, Agreement

register = template.Library()


@register.filter
def percent(share: float) -> str:
    return f"{share:.0%}"


@register.filter
def between(interval: tuple[float, float]) -> str:
    low, high = interval
    return f"{low:.0%} and {high:.0%}"


@register.filter
def agreement(found: Agreement) -> str:
    """ "kappa 0.62, 9 of 11 alike", or why there is none."""
    if not found.enough:
        return f"{found.items} judged twice; {LEAST} are needed"
    kappa = "no kappa: every verdict was the same" if found.kappa is None else f"kappa {found.kappa:.2f}"
    return f"{kappa}, {found.same} of {found.items} alike"
