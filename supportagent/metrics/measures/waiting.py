"""What waits for people at this moment, whatever the period is."""

from datetime import timedelta

from django.db.models import Count, Min, Q

from supportagent.metrics.measures.figures import Figure, Line, Table, count
from supportagent.metrics.measures.scope import Scope

_AGES = (
    ("minutes", "Under 15 minutes", timedelta(), timedelta(minutes=15)),
    ("hour", "15 minutes to 1 hour", timedelta(minutes=15), timedelta(hours=1)),
    ("hours", "1 to 4 hours", timedelta(hours=1), timedelta(hours=4)),
    ("day", "4 to 24 hours", timedelta(hours=4), timedelta(days=1)),
    ("days", "Over a day", timedelta(days=1), timedelta(days=3650)),
)


def figures(scope: Scope) -> tuple[list[Figure], list[Table]]:
    """One statement."""
    now = scope.moment
    ages = {
        key: Count("pk", filter=Q(created_at__lte=now - since, created_at__gt=now - until))
        for key, _, since, until in _AGES
    }
    found = scope.pending().aggregate(all=Count("pk"), oldest=Min("created_at"), **ages)
    oldest = None if found["oldest"] is None else int((now - found["oldest"]).total_seconds())
    formula = "Requests that nobody decided about yet, now."
    lines = [Line(key, label, [count("waiting", "Waiting", formula, found[key])]) for key, label, _, _ in _AGES]
    return [
        count("waiting", "Requests that wait", formula, found["all"]),
        Figure("oldest", "The oldest waits for", "Since the request, now.", "seconds", found["all"], oldest, -1),
    ], [Table("ages", "How long requests wait", lines)]
