"""How often agents sort requests right, by what people said."""

from supportagent.metrics.measures.figures import FEWEST_OF_ACCURACY, Figure, Line, Table, share
from supportagent.metrics.measures.scope import Scope
from supportagent.tickets.accuracy import CategoryAccuracy, overall, triage_accuracy

_PRECISION = "Requests that belong to the category ÷ labelled requests that an agent sorted into it."
_RECALL = "Requests that an agent sorted into the category ÷ labelled requests that belong to it."


def figures(scope: Scope) -> tuple[list[Figure], list[Table]]:
    """One statement."""
    rows = triage_accuracy(scope.labels())
    right = overall(rows)
    formula = "Requests that an agent sorted into the right category ÷ requests that a person labelled."
    whole = share("triage_accuracy", "Sorted right", formula, right.hits, right.of, good=1, fewest=FEWEST_OF_ACCURACY)
    lines = [_line(row) for row in rows if row.labelled or row.claimed]
    return [whole], [Table("per_category", "Per category", lines)]


def _line(row: CategoryAccuracy) -> Line:
    precision, recall = row.precision, row.recall
    figures = [
        share("precision", "Precision", _PRECISION, precision.hits, precision.of, good=1, fewest=FEWEST_OF_ACCURACY),
        share("recall", "Recall", _RECALL, recall.hits, recall.of, good=1, fewest=FEWEST_OF_ACCURACY),
    ]
    return Line(row.category, row.label, figures)
