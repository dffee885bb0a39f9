"""Two versions of an agent on the same scenarios: which they are, how they are played, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from agents import comparisons
from agents.models import Agent, Comparison
from supportagent.changes.difference import Difference
from supportagent.changes.models import ProposedChange
from supportagent.demo.rehearsal.casting import Casting
from supportagent.demo.rehearsal.rehearse import compare
from supportagent.demo.rehearsal.stage import PLAYER
from supportagent.rehearsal.comparing import Compared, Pair, worse_because
from supportagent.rehearsal.scripts import Scenario

LIVE = "live"


class CannotCompare(Exception):
    """The versions that were named are not there, or are the same; the message says which."""


@dataclass(frozen=True)
class Match:
    """What is compared: `before` is the version against which, `after` the candidate."""

    agent: Agent
    before: dict[str, Any]
    after: dict[str, Any]
    before_version: int | None
    change: ProposedChange | None

    def castings(self, provider: str, model: str) -> tuple[Casting, Casting]:
        """Both, on the models that each names, or on the one that is given."""
        return (
            Casting(provider, model, told={self.agent.slug: self.before}),
            Casting(provider, model, change=self.change),
        )

    def providers(self) -> set[str]:
        """Of both versions."""
        return {values["provider"] or settings.DEFAULT_MODEL_PROVIDER for values in (self.before, self.after)}


def find(*, slug: str, against: str, change: int | None) -> Match:
    """The two versions. `against` is a history id of the agent, or `live`. Raises CannotCompare."""
    agent = Agent.objects.filter(slug=slug).first()
    if agent is None:
        known = ", ".join(Agent.objects.order_by("slug").values_list("slug", flat=True))
        raise CannotCompare(f"--agent: there is no agent {slug!r}; known: {known}")
    now = comparisons.values_of(agent)
    before, version = (now, None) if against == LIVE else _version(agent, against)
    proposed = None if change is None else _proposed(change)
    after = now if proposed is None else _changed(proposed, agent)
    if comparisons.version_digest(before) == comparisons.version_digest(after):
        raise CannotCompare(
            "Both versions are the same: name an earlier one, or the proposed change that is the candidate (--change)."
        )
    return Match(agent, before, after, version, proposed)


def play(
    match: Match,
    scenarios: list[Scenario],
    *,
    repeat: int,
    whole: bool,
    provider: str = "",
    model: str = "",
    told: Callable[[Pair], None] = lambda pair: None,
) -> tuple[Compared, Comparison]:
    """Play both and keep the result. It counts for the gate when it is the `whole` of the scenarios, on own models.

    Raises changes.errors.ChangeError.
    """
    before, after = match.castings(provider, model)
    compared = compare(scenarios, before=before, after=after, repeat=repeat, told=told)
    kept = comparisons.store(
        agent=match.agent,
        before=match.before,
        after=match.after,
        before_version=match.before_version,
        change_id=None if match.change is None else match.change.pk,
        figures=compared.figures(),
        because=worse_because(compared.before, compared.after),
        scenarios=len(scenarios),
        repeats=repeat,
        counts=whole and not provider,
        runs_on=f"{provider} · {model}" if provider else comparisons.runs_on(match.after),
        actor=PLAYER,
    )
    return compared, kept


def _version(agent: Agent, against: str) -> tuple[dict[str, Any], int]:
    rows = Agent.history.filter(id=agent.pk)  # type: ignore[attr-defined]
    row = rows.filter(history_id=int(against)).first() if against.isascii() and against.isdecimal() else None
    if row is None:
        ids = rows.order_by("-history_id").values_list("history_id", flat=True)[:10]
        raise CannotCompare(
            f"--against: {agent.slug} has no version {against!r}; the newest are {', '.join(map(str, ids))}, or {LIVE}"
        )
    return comparisons.values_of(row), row.history_id


def _proposed(pk: int) -> ProposedChange:
    change = ProposedChange.objects.filter(pk=pk).first()
    if change is None or not change.is_open:
        raise CannotCompare(f"--change: C-{pk} " + ("is not there" if change is None else "does not wait any more"))
    return change


def _changed(change: ProposedChange, agent: Agent) -> dict[str, Any]:
    for row in Difference.parse(change.rows).rows:
        if row.model == Agent._meta.label_lower and row.id == str(agent.pk) and row.after is not None:
            return {name: row.after[name] for name in comparisons.COMPARED}
    raise CannotCompare(f"--change: {change.reference} does not touch {agent.slug}")
