"""Level 3: a model that tries everything and learns from the denials does and tells nothing that it may not."""

from random import Random

import pytest

from tests.hostile.enumerating import proves, scenarios
from tests.hostile.enumerating.hints import repaired
from tests.hostile.report import Table
from tests.hostile.stage import Stage

TRIES, EXPLORERS = 5_000, 10


def test_a_few_tries_lead_nowhere(stage: Stage) -> None:
    stage.read_pages = False
    assert Table().play("sample", stage, scenarios(150, seed=0)).problems == []


@pytest.mark.hostile
@pytest.mark.parametrize("seed", range(1, EXPLORERS + 1))
def test_five_thousand_tries_lead_nowhere(stage: Stage, table: Table, seed: int) -> None:
    stage.read_pages = False
    level = table.play("3 enumerating", stage, scenarios(TRIES // EXPLORERS, seed))
    assert level.problems == []
    assert {"unknown_tool", "invalid_arguments", "duplicate"} <= set(level.codes)
    if proves(seed):
        assert level.effects, "nothing that was asked for and approved got through: the explorer hardly explored"
    else:
        assert not level.effects


DENIALS = {
    "is completed": ({"order_id": "ORD-1"}, "arguments: 'currency' is a required property", {"currency": "EUR"}),
    "is freed of what is too much": (
        {"order_id": "ORD-1", "x": 1},
        "arguments: Additional properties are not allowed ('x' was unexpected)",
        {"order_id": "ORD-1"},
    ),
    "is renamed": ({"ticket": "T-1"}, "ticket: set by the host, not by you", {"Ticket": "T-1"}),
    "takes an option": ({"category": "x"}, "category: 'x' is not one of ['refund']", {"category": "refund"}),
    "goes to the border": ({"n": 9}, "n: 9 is greater than the maximum of 5", {"n": 6}),
    "asks for what is left": ({"n": 9}, "at most 7 of 8 can be paid back", {"n": 7}),
    "takes the right form": ({"order_id": "x"}, "order_id: 'x' does not match '^ORD-'", {"order_id": "ORD-1042"}),
    "mends what is inside": (
        {"address": {"line1": "x", "y": 1}},
        "address: 'city' is a required property",
        {"address": {"line1": "x", "y": 1, "city": "EUR"}},
    ),
}


@pytest.mark.parametrize("how", DENIALS)
def test_after_a_denial_a_call(how: str) -> None:
    arguments, denial, better = DENIALS[how]
    form = {"properties": {"order_id": {"pattern": "^ORD-"}}}
    pool = ["ORD-1042"] if "match" in denial else ["EUR"]
    found = list(repaired(arguments, denial, form, Random(1), pool))
    assert any(better.items() <= each.items() for each in found)
