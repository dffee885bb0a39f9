"""Every measure of a period, each with its definition, what it rests on, and the same of the period before.

Pages and `manage.py report` show what `report` gives; docs/measures.md says the same in words. The number of
statements does not depend on the number of rows.
"""

from collections.abc import Iterable, Iterator

from agents.costs.labour import Labour
from supportagent.metrics.measures import (
    approvals,
    economy,
    failures,
    labels,
    resolution,
    satisfaction,
    times,
    triage,
    waiting,
)
from supportagent.metrics.measures.course import Course
from supportagent.metrics.measures.figures import FEWEST, FEWEST_OF_ACCURACY, Figure, Line, Section, Table
from supportagent.metrics.measures.scope import FILTERS, Scope
from supportagent.metrics.measures.tally import tally
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
    labour = Labour.known()
    ended, before = tally(scope, labour), tally(scope.before, labour)
    course = Course.of(scope, labour)
    yield _section(
        "resolution", "Resolution", resolution.figures(ended), resolution.figures(before), tables=[course.volume()]
    )
    yield _section("satisfaction", "Satisfaction", satisfaction.figures(ended), satisfaction.figures(before))
    yield _section(
        "cost",
        "Cost",
        economy.figures(ended),
        economy.figures(before),
        tables=[course.cost()],
        notes=economy.notes(ended),
    )
    yield _section("times", "Times", times.figures(scope, ended), times.figures(scope.before, before))


def _approvals(scope: Scope) -> Iterator[Section]:
    requests, earlier_requests = approvals.counted(scope), approvals.counted(scope.before)
    *decided, by_decisions = approvals.figures(scope, requests)
    *earlier, by_decisions_before = approvals.figures(scope.before, earlier_requests)
    yield _section("approvals", "Approvals", decided, earlier, tables=approvals.tables(scope, requests))
    now, ages = waiting.figures(scope)
    yield _section("waiting", "Waiting for a decision", now, [], tables=ages)
    is_blind = labels.is_blind(scope)
    figures, before, tables = [by_decisions], [by_decisions_before], []
    if not (is_blind and scope.plain()):  # of a part of the work nothing is read that must not be told
        judged = labels.judged(scope)
        figures += labels.figures(judged)
        before += labels.figures(labels.judged(scope.before))
        tables = [] if is_blind else labels.tables(judged)
    notes = [labels.BLIND] if is_blind else []
    yield _section("accuracy", "Accuracy", figures, before, tables=tables, notes=notes)


def _work(scope: Scope) -> Iterator[Section]:
    sorting, per_category = triage.figures(scope)
    yield _section("triage", "Triage", sorting, triage.figures(scope.before)[0], tables=per_category)
    failed, before = failures.failed(scope)
    yield _section("tools", "Tools", failures.figures(failed), failures.figures(before), tables=failures.tables(failed))


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
