"""How long customers wait."""

from supportagent.metrics.measures.figures import FEWEST, Figure
from supportagent.metrics.measures.medians import median
from supportagent.metrics.measures.scope import Scope
from supportagent.metrics.measures.tally import Tally

_ANSWER = "the first answer of an agent or a person"
_TIMES = (
    ("first_answer", "Time to the first answer", _ANSWER, "first_answer_seconds", "answered"),
    ("time_to_resolution", "Time to resolution", "the end", "resolution_seconds", "timed"),
)


def figures(scope: Scope, tally: Tally) -> list[Figure]:
    """Two statements."""
    return [
        Figure(
            key,
            label,
            f"Median seconds from the customer's first words to {until}, of conversations that ended.",
            "seconds",
            n := tally.count(counted),
            median(scope.ended(), name, n),
            -1,
            FEWEST,
        )
        for key, label, until, name, counted in _TIMES
    ]
