"""What a comparison of two versions of an agent says, and for which change it speaks."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from agents.models import Agent, Comparison
from agents.models.comparison import ComparisonQuerySet
from agents.versions import KEPT
from audit import log as audit_log
from audit.context import Actor

# What an agent is told and thinks with: what of a live one is changed by two, or by one and a comparison.
TOLD = ("goal", "success_criteria", "instructions", "provider", "model", "fallback_model", "reasoning_effort")
COMPARED = tuple(sorted({*KEPT, *TOLD}))

Values = Mapping[str, Any]


def values_of(agent: Any) -> dict[str, Any]:
    """What is compared of an agent, or of a row of its history."""
    return {name: getattr(agent, name) for name in COMPARED}


def runs_on(values: Values) -> str:
    """The provider and model that a version thinks with, here and now."""
    named = (values["provider"] or settings.DEFAULT_MODEL_PROVIDER, values["model"] or settings.DEFAULT_MODEL)
    return " · ".join(named)


def version_digest(values: Values) -> str:
    """By which a version is known: equal for whatever a run would take over from it, in every installation."""
    kept = {name: values[name] for name in COMPARED}
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def newest(slug: str, before: Values, after: Values) -> Comparison | None:
    """The last comparison that counts of exactly these two versions; once there is a newer one no older is asked.

    One that was played on another model than the candidate would have now (the installation's default has changed)
    says nothing about it.
    """
    return _of(slug, before, after).that_count().filter(runs_on=runs_on(after)).first()


def last(slug: str, before: Values, after: Values) -> Comparison | None:
    """The last comparison of exactly these two versions, whether it counts or not: for people."""
    return _of(slug, before, after).first()


def _of(slug: str, before: Values, after: Values) -> ComparisonQuerySet:
    pair = {"before_digest": version_digest(before), "after_digest": version_digest(after)}
    return Comparison.objects.filter(agent__slug=slug, **pair)


def store(
    *,
    agent: Agent,
    before: Values,
    after: Values,
    figures: Mapping[str, Any],
    because: Sequence[str],
    scenarios: int,
    repeats: int,
    counts: bool,
    runs_on: str,
    actor: Actor,
    before_version: int | None = None,
    change_id: int | None = None,
) -> Comparison:
    """Keep what a comparison said. Outside of the transaction in which it was played, which is undone."""
    with audit_log.transaction():
        comparison = Comparison.objects.create(
            agent=agent,
            before_digest=version_digest(before),
            after_digest=version_digest(after),
            before_version=before_version,
            change_id=change_id,
            runs_on=runs_on,
            scenarios=scenarios,
            repeats=repeats,
            counts=counts,
            does_worse=bool(because),
            because=list(because),
            figures=dict(figures),
        )
        audit_log.record(
            "agents.comparison.stored",
            target=("comparison", str(comparison.pk)),
            actor=actor,
            data={
                "before": comparison.before_digest,
                "after": comparison.after_digest,
                "scenarios": scenarios,
                "counts": counts,
            },
            refs=[("agent", agent.slug), *([("change", str(change_id))] if change_id else [])],
            outcome="worse" if because else "not_worse",
        )
    return comparison
