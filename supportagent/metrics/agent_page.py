"""The versions of an agent side by side: who changed what, and how conversations went with each."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet

from agents import evidence
from agents.evidence import Fared
from agents.models import Agent
from supportagent.metrics.dashboard import Card, card
from supportagent.metrics.measures import Figure, Scope, labels
from supportagent.metrics.measures.figures import share
from supportagent.metrics.measures.tally import OF_AGENTS, Resolution, Tally, by_version
from supportagent.quality.accuracy import Accuracy
from supportagent.quality.models import Stratum
from supportagent.staff.models import Team

SHOWN = 10  # versions
UNTOLD = {"id", "history"}


@dataclass(frozen=True)
class Version:
    """One state of an agent's configuration, with the figures of the period."""

    id: int
    since: datetime
    by: str
    changed: str
    is_current: bool
    cards: list[Card]


def versions(agent: Agent, scope: Scope, *, is_blind: bool) -> list[Version]:
    """The latest ones, newest first; as many statements however many there are, and however many rows."""
    history: QuerySet[Any] = Agent.history.filter(id=agent.pk)
    rows = list(history.select_related("history_user").order_by("-history_id")[: SHOWN + 1])
    ended = by_version(scope)
    seen = Q() if scope.teams is None else Q(team_id__in=scope.teams)
    fared = evidence.by_version(agent, scope.period.start, seen)
    judged: dict[Any, Accuracy] = {}
    if not is_blind:
        parts = labels.judged(scope).by("kind", "version")
        judged = {version: found for (kind, version), found in parts.items() if kind == Stratum.Kind.ACTION}
    teams = dict(Team.objects.values_list("pk", "name"))
    found = []
    for place, row in enumerate(rows[:SHOWN]):
        figures = _figures(
            ended.get(row.history_id, Tally([])),
            fared.get(row.history_id, Fared()),
            None if is_blind else judged.get(row.history_id, Accuracy()),
        )
        earlier = rows[place + 1] if place + 1 < len(rows) else None
        by = str(row.history_user) if row.history_user else "The system"
        changed = _changed(row, earlier, teams)
        found.append(
            Version(row.history_id, row.history_date, by, changed, place == 0, [card(each) for each in figures])
        )
    return found


def _figures(ended: Tally, fared: Fared, judged: Accuracy | None) -> list[Figure]:
    alone, of = ended.count("stayed", [Resolution.UNASSISTED]), ended.count("settled", OF_AGENTS)
    calls = ended.sums.calls_per_interaction
    n = ended.n
    right = [] if judged is None else [labels.figure("right", "Actions right, by labels", Stratum.Kind.ACTION, judged)]
    cost = "(Model calls + priced tools + people's time x rate) ÷ conversations ended."
    return [
        Figure("n", "Conversations", "Conversations that ended in the period.", "number", n, n),
        share(
            "resolution",
            "Resolved alone",
            "Resolved by agents alone and not opened again ÷ settled conversations.",
            alone,
            of,
            good=1,
        ),
        share(
            "agreement",
            "Sent as written",
            "Drafts of its own accord that a person sent with at most 2 % changed ÷ those decided about.",
            fared.agreed,
            fared.decided,
            good=1,
        ),
        share(
            "reversals",
            "Reversed",
            "Answered threads that a person took over, that were opened again or had an answer withheld ÷ answered.",
            fared.reversed,
            fared.answered,
            good=-1,
        ),
        *right,
        Figure("cost", "Cost per conversation", cost, "micros", n, ended.sums.per_interaction, -1),
        Figure(
            "model_calls",
            "Model calls per conversation",
            "Attempts of model calls that were sent ÷ conversations ended.",
            "number",
            n,
            None if calls is None else float(calls),
            -1,
        ),
    ]


def _changed(row: Any, earlier: Any, teams: dict[int, str]) -> str:
    """What is different from the version before, in one line: long texts by name only."""
    if earlier is None:
        return "The first version" if row.history_type == "+" else "An older one is not kept"
    said = []
    for field in Agent._meta.concrete_fields:
        before, after = (getattr(each, field.attname) for each in (earlier, row))
        if field.name in UNTOLD or before == after:
            continue
        name = str(field.verbose_name).capitalize()
        if field.name == "team":
            before, after = teams.get(before, ""), teams.get(after, "")
        short = all(len(str(value)) <= 40 for value in (before, after)) and field.name != "service_user"
        said.append(f"{name}: {_word(field, before)} → {_word(field, after)}" if short else f"{name} changed")
    return "; ".join(said) or "Saved without a change"


def _word(field: Any, value: Any) -> str:
    words = dict(field.flatchoices).get(value, value)
    return "none" if words in ("", None, []) else str(words)
