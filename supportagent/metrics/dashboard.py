"""From figures to cards: what is shown, its formula in words, and how it moved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from supportagent.console.money import format_micros
from supportagent.metrics import reports
from supportagent.metrics.reports import Figure
from supportagent.periods import last_days
from supportagent.shares import Share
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, has
from supportagent.tickets.accuracy import triage_accuracy


@dataclass(frozen=True)
class Kind:
    """How one figure is written. `good` says which direction is an improvement: 1 up, -1 down, 0 neither."""

    key: str
    label: str
    formula: str
    write: Callable[[float], str]
    rows: str
    good: int = 0
    as_points: bool = False


@dataclass(frozen=True)
class Card:
    label: str
    formula: str
    value: str
    basis: str
    delta: str
    trend: str


def number(value: float) -> str:
    return f"{value:,.0f}"


def percent(value: float) -> str:
    return f"{value * 100:.0f} %"


def cost(value: float) -> str:
    return format_micros(round(value))


def duration(seconds: float) -> str:
    """`42 s`, `7 min`, `3 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


TICKETS = (
    Kind("tickets", "Tickets", "Tickets opened in the last 7 days.", number, "tickets"),
    Kind(
        "alone",
        "Solved by the agent alone",
        "Tickets with a finished answer of an agent, no message of a person and no hand-over ÷ tickets that an agent "
        "worked on.",
        percent,
        "tickets with an agent",
        good=1,
        as_points=True,
    ),
    Kind(
        "handed_over",
        "Handed over to a person",
        "Tickets with a hand-over ÷ tickets opened.",
        percent,
        "tickets",
        good=-1,
        as_points=True,
    ),
    Kind(
        "cost",
        "Model cost per ticket",
        "What model calls cost on these tickets ÷ tickets that an agent worked on.",
        cost,
        "tickets with an agent",
        good=-1,
    ),
)
DECISIONS = (
    Kind("decided", "Approvals decided", "Requests that a person approved or rejected.", number, "decisions"),
    Kind("approved", "Approved", "Requests approved ÷ requests decided.", percent, "decisions", as_points=True),
    Kind(
        "time_to_decide",
        "Time to decide",
        "Median time from the request to its last decision.",
        duration,
        "decisions",
        good=-1,
    ),
)


def cards(user: User) -> list[Card]:
    """The last 7 days against the 7 before. Each reader gets the figures of the records that they may see."""
    now = last_days(reports.DAYS)
    found: list[tuple[tuple[Kind, ...], dict[str, Figure], dict[str, Figure]]] = []
    if has(user, Permission.VIEW_TICKET) or has(user, Permission.VIEW_TEAM):
        found.append((TICKETS, reports.ticket_figures(user, now), reports.ticket_figures(user, now.before)))
    if has(user, Permission.VIEW_APPROVALREQUEST) or has(user, Permission.VIEW_TEAM):
        found.append((DECISIONS, reports.decision_figures(user, now), reports.decision_figures(user, now.before)))
    return [_card(kind, figures[kind.key], before[kind.key]) for kinds, figures, before in found for kind in kinds]


@dataclass(frozen=True)
class Sorted:
    """How triage did in one category, as the page writes it."""

    label: str
    labelled: int
    precision: str
    recall: str


def triage(user: User) -> list[Sorted]:
    """How often triage was right, by category, where people said what is right; one query."""
    if not (has(user, Permission.VIEW_TICKET) or has(user, Permission.VIEW_TEAM)):
        return []
    rows = triage_accuracy(reports.labels(user))
    return [
        Sorted(row.label, row.labelled, _share(row.precision), _share(row.recall))
        for row in rows
        if row.labelled or row.claimed
    ]


def _share(share: Share) -> str:
    """`75 % (46 to 91 %, n = 12)`; a share of nothing is no figure."""
    if share.value is None:
        return ""
    low, high = share.interval
    return f"{percent(share.value)} ({low * 100:.0f} to {high * 100:.0f} %, n = {share.of:,})"


def _card(kind: Kind, figure: Figure, before: Figure) -> Card:
    delta, trend = _moved(kind, figure, before)
    value = "" if figure.value is None else kind.write(figure.value)
    return Card(kind.label, kind.formula, value, f"n = {figure.n:,} {kind.rows}", delta, trend)


def _moved(kind: Kind, figure: Figure, before: Figure) -> tuple[str, str]:
    """The change in words, and "up" or "down" where it is better or worse."""
    if figure.value is None:
        return "", ""
    if before.value is None or not before.n:
        return "no data in the 7 days before", ""
    change = figure.value - before.value
    if not change:
        return "as in the 7 days before", ""
    sign = "+" if change > 0 else "−"
    amount = f"{abs(change) * 100:.0f} points" if kind.as_points else kind.write(abs(change))
    better = kind.good * change
    return f"{sign}{amount} against the 7 days before", "up" if better > 0 else "down" if better < 0 else ""
