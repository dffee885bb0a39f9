"""Which tools fail."""

from collections import Counter

from django.db.models import Count, Q

from supportagent.metrics.measures.figures import Figure, Line, Table, count
from supportagent.metrics.measures.scope import Scope

MOST = 10  # tools in the table


def failed(scope: Scope) -> tuple[Counter[str], Counter[str]]:
    """How often each tool failed in the period, and in the one before: one statement for both."""
    calls = scope.failed_calls(since=scope.before.period.start)
    is_now = Q(sent_at__gte=scope.period.start)
    now, before = Counter[str](), Counter[str]()
    for tool, n, earlier in calls.values_list("tool__qualified_name").annotate(
        # What the index has: counting keys would read every row.
        n=Count("sent_at", filter=is_now),
        earlier=Count("sent_at", filter=~is_now),
    ):
        now[tool], before[tool] = n, earlier
    return now, before


def figures(counted: Counter[str]) -> list[Figure]:
    """Of all of them."""
    formula = "Calls of tools that were sent in the period and failed."
    return [count("failed", "Calls of tools that failed", formula, counted.total(), good=-1)]


def tables(counted: Counter[str]) -> list[Table]:
    """Those that fail most often."""
    most = sorted(counted.items(), key=lambda each: (-each[1], each[0]))[:MOST]
    formula = "Calls that were sent in the period and failed."
    lines = [Line(name, name, [count("failed", "Failed", formula, n)]) for name, n in most if n]
    return [Table("failing", "Tools that fail", lines)]
