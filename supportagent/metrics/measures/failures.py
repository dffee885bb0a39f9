"""Which tools fail."""

from django.db.models import Count

from supportagent.metrics.measures.figures import Figure, Line, Table, count
from supportagent.metrics.measures.scope import Scope

MOST = 10  # tools in the table


def figures(scope: Scope) -> list[Figure]:
    """One statement."""
    formula = "Calls of tools that were sent in the period and failed."
    return [count("failed", "Calls of tools that failed", formula, scope.failed_calls().count(), good=-1)]


def tables(scope: Scope) -> list[Table]:
    """One statement."""
    counted = scope.failed_calls().values_list("tool__qualified_name").annotate(n=Count("pk"))
    most = counted.order_by("-n", "tool__qualified_name")[:MOST]
    formula = "Calls that were sent in the period and failed."
    lines = [Line(name, name, [count("failed", "Failed", formula, n)]) for name, n in most]
    return [Table("failing", "Tools that fail", lines)]
