"""Every measure of a period, each with its definition, what it rests on, and the same of the period before.

Pages and `manage.py report` show what `report` gives; docs/measures.md says the same in words. The number of
statements does not depend on the number of rows.
"""

from collections.abc import Iterable

from supportagent.metrics.measures import approvals, economy, resolution, satisfaction, times, triage
from supportagent.metrics.measures.figures import FEWEST, FEWEST_OF_ACCURACY, Figure, Line, Section, Table
from supportagent.metrics.measures.scope import FILTERS, Scope

__all__ = ["FEWEST", "FEWEST_OF_ACCURACY", "FILTERS", "Figure", "Line", "Scope", "Section", "Table", "report"]


def report(scope: Scope) -> list[Section]:
    """All measures of the scope."""
    before = scope.before
    cost, notes = economy.figures(scope)
    sorting, per_category = triage.figures(scope)
    return [
        _section("resolution", "Resolution", resolution.figures(scope), resolution.figures(before)),
        _section("satisfaction", "Satisfaction", satisfaction.figures(scope), satisfaction.figures(before)),
        _section("cost", "Cost", cost, economy.figures(before)[0], notes=notes),
        _section("times", "Times", times.figures(scope), times.figures(before)),
        _section(
            "approvals",
            "Approvals",
            approvals.figures(scope),
            approvals.figures(before),
            tables=approvals.tables(scope),
        ),
        _section("triage", "Triage", sorting, triage.figures(before)[0], tables=per_category),
    ]


def _section(
    key: str,
    title: str,
    figures: list[Figure],
    before: Iterable[Figure],
    *,
    tables: list[Table] | None = None,
    notes: list[str] | None = None,
) -> Section:
    return Section(key, title, figures, tables or [], {each.key: each for each in before}, notes or [])
