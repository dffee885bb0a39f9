"""What the labels say, as the page of results writes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model

from agents.models import Agent
from supportagent.quality import queue
from supportagent.quality.accuracy import Accuracy, Judgements, Wanted, judgements
from supportagent.quality.models import Label, Stratum
from supportagent.staff.models import User

PERIODS = {"28": "4 weeks", "91": "13 weeks", "365": "a year"}
USUAL = "91"


@dataclass(frozen=True)
class Row:
    """One tool (or runs) of one version of an agent."""

    what: str
    agent: str
    since: datetime | None
    accuracy: Accuracy
    reasons: list[tuple[str, int]]


@dataclass(frozen=True)
class Results:
    """`is_blind`: the reader still has items to judge, so nothing is said of a single tool or agent."""

    totals: list[tuple[str, Accuracy]]
    rows: list[Row]
    is_blind: bool


def results_for(user: User, days: str, now: datetime) -> Results:
    """Of the last so many days, for the teams that `user` sees: a dozen statements, however many rows there are."""
    wanted = Wanted(start=now - timedelta(days=int(days)), end=now)
    is_blind = queue.is_led(user)
    judged = judgements(user, wanted)
    return Results(_totals(judged), [] if is_blind else _rows(judged), is_blind)


def _totals(judged: Judgements) -> list[tuple[str, Accuracy]]:
    parts = judged.by("kind")
    names = {Stratum.Kind.ACTION: "Actions", Stratum.Kind.RUN: "Runs"}
    return [(name, parts.get((kind.value,), Accuracy())) for kind, name in names.items()]


def _rows(judged: Judgements) -> list[Row]:
    parts = judged.by("kind", "tool", "agent", "version")
    agents = Agent.objects.in_bulk({agent for _, _, agent, _ in parts})
    history: Any = Agent.history  # type: ignore[attr-defined]
    versions = {version for _, _, _, version in parts if version is not None}
    since = dict(history.filter(history_id__in=versions).values_list("history_id", "history_date"))
    reasons = dict(Label.Reason.choices)
    rows = [
        Row(
            what=tool or "Whole runs",
            agent=_name(agents.get(agent)),
            since=since.get(version),
            accuracy=found,
            reasons=[(str(reasons[reason]), count) for reason, count in found.reasons.most_common()],
        )
        for (_, tool, agent, version), found in parts.items()
    ]
    return sorted(rows, key=lambda row: (row.what == "Whole runs", row.what, row.agent, _age(row.since)))


def _name(row: Model | None) -> str:
    return str(row) if row is not None else "an agent that is gone"


def _age(since: datetime | None) -> float:
    """Newest first; what is not known comes last."""
    return -since.timestamp() if since else 0.0
