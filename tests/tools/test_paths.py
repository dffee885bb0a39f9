"""Paths into answers, and amounts of servers that count in euros."""

from typing import Any

import pytest

from supportagent.grants.strict import InvalidArguments
from supportagent.tools import amounts, paths
from supportagent.tools.models import Tool

ANSWER = {
    "order": {"id": 7, "items": [{"sku": "A", "tags": ["x", "y"]}, {"sku": "B", "tags": []}]},
    "orders": [{"owner": "C-1"}, {"owner": "C-2"}, {}],
    "none": None,
}


@pytest.mark.parametrize(
    ("path", "found"),
    [("order.id", [7]), ("order.items.sku", ["A", "B"]), ("order.items.tags", [["x", "y"], []]), ("none", [None])],
)
def test_a_path_goes_down_through_objects_and_through_every_entry_of_a_list(path: str, found: list[Any]) -> None:
    assert paths.values(ANSWER, path) == found


@pytest.mark.parametrize("path", ["order.nothing", "orders.owner", "none.x", "order.id.x", "x"])
def test_a_path_that_one_entry_lacks_leads_nowhere(path: str) -> None:
    with pytest.raises(paths.Nowhere):
        paths.values(ANSWER, path)


def test_an_empty_list_proves_nothing() -> None:
    with pytest.raises(paths.Nowhere):
        paths.values({"orders": []}, "orders.owner")


def test_what_is_cut_out_is_gone_from_every_entry_and_the_rest_stays() -> None:
    cut = paths.without(ANSWER, ["order.items.sku", "orders.owner", "not.there"])
    assert cut["order"] == {"id": 7, "items": [{"tags": ["x", "y"]}, {"tags": []}]}
    assert cut["orders"] == [{}, {}, {}]
    assert ANSWER["orders"][0] == {"owner": "C-1"}, "a copy"


@pytest.mark.parametrize("path", ["", ".", "a..b", "a.", 7, None, "a\x00b", ".".join("a" * 13)])
def test_what_is_no_path_is_said(path: Any) -> None:
    assert "is no path" in paths.problem(path)


def tool(kind: str) -> Tool:
    declared = {"properties": {"total": {"type": kind}}}
    return Tool(amount_argument="total", amount_unit="major", fixed_currency="EUR", input_schema=declared)


@pytest.mark.parametrize(
    ("kind", "minor", "sent"),
    [
        ("number", 1250, 12.5),
        ("number", 1200, 12),
        ("number", 1, 0.01),
        ("string", 1250, "12.50"),
        ("string", 5, "0.05"),
    ],
)
def test_minor_units_are_sent_as_exact_decimals(kind: str, minor: int, sent: Any) -> None:
    given = amounts.as_sent(tool(kind), {"total": minor})["total"]
    assert given == sent and type(given) is type(sent)


@pytest.mark.parametrize("minor", [12.5, "1250", True, None])
def test_what_is_no_whole_number_is_not_sent(minor: Any) -> None:
    with pytest.raises(InvalidArguments):
        amounts.as_sent(tool("number"), {"total": minor})


@pytest.mark.parametrize(
    ("said", "currency", "minor"),
    [("84.0", "EUR", 8400), (84, "EUR", 8400), ("0.29", "EUR", 29), ("1000", "JPY", 1000), ("1.234", "BHD", 1234)],
)
def test_a_decimal_of_an_answer_is_read_exactly(said: Any, currency: str, minor: int) -> None:
    assert amounts.to_minor(said, currency) == minor


@pytest.mark.parametrize("said", ["84.005", "1e3", "", "84,00", True, None, "NaN", "１２", "9" * 16])
def test_what_is_no_exact_amount_is_refused(said: Any) -> None:
    with pytest.raises(ValueError, match=r"no "):
        amounts.to_minor(said, "EUR")
