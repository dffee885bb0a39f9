"""How long customers wait."""

from django.db.models import Count

from supportagent.metrics.measures.figures import FEWEST, Figure
from supportagent.metrics.measures.medians import median
from supportagent.metrics.measures.scope import Scope

_TIMES = (
    ("first_answer", "Time to the first answer", "first_answer_seconds", "the first answer of an agent or a person"),
    ("time_to_resolution", "Time to resolution", "resolution_seconds", "the end"),
)


def figures(scope: Scope) -> list[Figure]:
    """Three statements."""
    ended = scope.ended()
    counts = ended.aggregate(**{name: Count(name) for _, _, name, _ in _TIMES})
    return [
        Figure(
            key,
            label,
            f"Median seconds from the customer's first words to {until}, of conversations that ended.",
            "seconds",
            counts[name],
            median(ended, name, counts[name]),
            -1,
            FEWEST,
        )
        for key, label, name, until in _TIMES
    ]
