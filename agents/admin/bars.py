"""How full a budget is, drawn."""

from django.utils.html import format_html
from django.utils.safestring import SafeString

from agents.costs.spending import use_of
from agents.models import Budget

WARNING, FULL = 0.8, 1.0


def bar(budget: Budget) -> SafeString:
    """A bar with what is spent and what is reserved of the cap, and the same in words."""
    use = use_of(budget)
    colour = "var(--color-primary-600)"
    if use.ratio >= WARNING:
        colour = "oklch(57.7% .245 27.325)" if use.ratio >= FULL else "oklch(70.5% .213 47.604)"
    total = max(use.cap, use.spent + use.reserved, 1)
    return format_html(
        '<span style="display: inline-grid; gap: 4px; min-width: 180px">'
        '<span aria-hidden="true" style="display: flex; height: 6px; border-radius: 3px; overflow: hidden;'
        ' background: color-mix(in oklab, currentColor 15%, transparent)">'
        '<span style="width: {}%; background: {}"></span>'
        '<span style="width: {}%; background: {}; opacity: .45"></span></span>'
        '<span style="font-variant-numeric: tabular-nums; white-space: nowrap">{}</span></span>',
        f"{100 * use.spent / total:.2f}",
        colour,
        f"{100 * use.reserved / total:.2f}",
        colour,
        use,
    )
