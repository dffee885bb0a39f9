"""How much of what agents did was right, by what people said of a sample. docs/measures.md says how it is weighed."""

from collections.abc import Mapping
from typing import Any

from supportagent.metrics.measures.figures import FEWEST_OF_ACCURACY, Figure, Line, Table
from supportagent.metrics.measures.scope import Scope
from supportagent.quality import queue
from supportagent.quality.accuracy import Accuracy, Wanted, accuracy_by
from supportagent.quality.models import Stratum

BLIND = (
    "What labels say of a part of the work is shown once you have judged what waits for you: knowing how others judged "
    "would lead you."
)
_KINDS = (
    (Stratum.Kind.ACTION.value, "labelled_actions", "Actions that were right, by labels"),
    (Stratum.Kind.RUN.value, "labelled_runs", "Runs that were right, by labels"),
)
_FORMULA = "Of {} in the period, the share that people judged right in a drawn sample, weighed by what it stands for."
_WHAT = {
    Stratum.Kind.ACTION.value: "the actions that agents finished",
    Stratum.Kind.RUN.value: "the runs that agents finished",
}


def is_blind(scope: Scope) -> bool:
    """Whether the reader has still to judge some of what the figures would be about."""
    return scope.user is not None and queue.is_led(scope.user)


def figures(scope: Scope) -> list[Figure]:
    """Four statements; none of a part of the work for whoever must not be led."""
    found: Mapping[tuple[Any, ...], Accuracy] = accuracy_by(scope.user, wanted(scope), "kind")
    return [figure(key, label, kind, found.get((kind,), Accuracy())) for kind, key, label in _KINDS]


def tables(scope: Scope) -> list[Table]:
    """Per tool: four statements."""
    found = accuracy_by(scope.user, wanted(scope), "tool", "kind")
    lines = [
        Line(tool, tool, [figure("right", "Right", kind, parts)])
        for (tool, kind), parts in sorted(found.items())
        if kind == Stratum.Kind.ACTION
    ]
    return [Table("labels_per_tool", "Actions per tool, by labels", lines)]


def figure(key: str, label: str, kind: str, found: Accuracy) -> Figure:
    """The weighted share with its interval; n are the labelled ones."""
    return Figure(
        key,
        label,
        _FORMULA.format(_WHAT[kind]),
        "share",
        found.labelled,
        found.weighted,
        1,
        FEWEST_OF_ACCURACY,
        found.interval,
    )


def wanted(scope: Scope) -> Wanted:
    """The same part of the work, as labels know it."""
    return Wanted(
        start=scope.period.start,
        end=scope.period.end,
        tool=scope.tool,
        category=scope.category,
        agent_slug=scope.agent,
        team_slug=scope.team,
        language=scope.language,
        channel=scope.channel,
    )
