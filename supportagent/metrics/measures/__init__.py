"""Every measure of a period, each with its definition, what it rests on, and the same of the period before.

Pages and `manage.py report` show what `report` gives; docs/measures.md says the same in words. The number of
statements does not depend on the number of rows.
"""

from collections.abc import Iterable, Iterator

from supportagent.metrics.measures import (
    approvals,
    course,
    economy,
    failures,
    labels,
    resolution,
    satisfaction,
    times,
    triage,
    waiting,
)
from supportagent.metrics.measures.figures import FEWEST, FEWEST_OF_ACCURACY, Figure, Line, Section, Table
from supportagent.metrics.measures.scope import FILTERS, Scope
from supportagent.staff.permissions import Permission

__all__ = [
    "FEWEST",
    "FEWEST_OF_ACCURACY",
    "FILTERS",
    "Figure",
    "Line",
    "Scope",
    "Section",
    "Table",
    "report",
    "sections",
]


def report(scope: Scope) -> list[Section]:
    """All measures of the scope, of the records that its reader may see."""
    return list(sections(scope))


def sections(scope: Scope) -> Iterator[Section]:
    """The same one by one: who looks for a single one stops there, and nothing behind it is counted."""
    tickets = scope.sees(Permission.VIEW_TICKET)
    if tickets:
        yield from _conversations(scope)
    if scope.sees(Permission.VIEW_APPROVALREQUEST):
        yield from _approvals(scope)
    if tickets:
        yield from _work(scope)


def _conversations(scope: Scope) -> Iterator[Section]:
    before = scope.before
    yield _section(
        "resolution", "Resolution", resolution.figures(scope), resolution.figures(before), tables=[course.volume(scope)]
    )
    yield _section("satisfaction", "Satisfaction", satisfaction.figures(scope), satisfaction.figures(before))
    cost, notes = economy.figures(scope)
    yield _section("cost", "Cost", cost, economy.figures(before)[0], tables=[course.cost(scope)], notes=notes)
    yield _section("times", "Times", times.figures(scope), times.figures(before))


def _approvals(scope: Scope) -> Iterator[Section]:
    before = scope.before
    *decided, by_decisions = approvals.figures(scope)
    *earlier, by_decisions_before = approvals.figures(before)
    yield _section("approvals", "Approvals", decided, earlier, tables=approvals.tables(scope))
    now, ages = waiting.figures(scope)
    yield _section("waiting", "Waiting for a decision", now, [], tables=ages)
    is_blind = labels.is_blind(scope)
    is_hidden = is_blind and scope.plain()  # a part of the work
    yield _section(
        "accuracy",
        "Accuracy",
        [by_decisions, *([] if is_hidden else labels.figures(scope))],
        [by_decisions_before, *([] if is_hidden else labels.figures(before))],
        tables=[] if is_blind else labels.tables(scope),
        notes=[labels.BLIND] if is_blind else [],
    )


def _work(scope: Scope) -> Iterator[Section]:
    before = scope.before
    sorting, per_category = triage.figures(scope)
    yield _section("triage", "Triage", sorting, triage.figures(before)[0], tables=per_category)
    yield _section("tools", "Tools", failures.figures(scope), failures.figures(before), tables=failures.tables(scope))


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
