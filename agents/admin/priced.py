"""The price that a row keeps, in words."""

from typing import Any

from unfold.decorators import display

from agents.costs import prices


@display(description="price in words")
def price_in_words(_admin: Any, row: Any) -> str:
    return prices.explain(row.price_id)
