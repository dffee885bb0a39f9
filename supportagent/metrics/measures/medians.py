"""The middle one of many rows, which only one of the two databases would work out by itself."""

from typing import Any

from django.db.models import QuerySet


def median(rows: "QuerySet[Any]", name: str, n: int) -> Any:
    """The middle value of `name` over its `n` rows, the upper of two; None for none. One statement."""
    if not n:
        return None
    return rows.exclude(**{name: None}).order_by(name).values_list(name, flat=True)[n // 2]
