"""How much of what agents did was right, by what people said of a sample. docs/measures.md says how it is weighed."""

from supportagent.metrics.measures.figures import FEWEST_OF_ACCURACY, Figure, Line, Table
from supportagent.metrics.measures.scope import Scope
from supportagent.quality import queue
from supportagent.quality.accuracy import Accuracy, Judgements, Wanted, judgements
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


def judged(scope: Scope) -> Judgements:
    """What was labelled of it: four statements."""
    return judgements(scope.user, wanted(scope))


def figures(found: Judgements) -> list[Figure]:
    """Of all of it."""
    parts = found.by("kind")
    return [figure(key, label, kind, parts.get((kind,), Accuracy())) for kind, key, label in _KINDS]


def tables(found: Judgements) -> list[Table]:
    """Per tool; none for whoever must not be led."""
    lines = [
        Line(tool, tool, [figure("right", "Right", kind, parts)])
        for (tool, kind), parts in sorted(found.by("tool", "kind").items())
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
