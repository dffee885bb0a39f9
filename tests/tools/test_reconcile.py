"""A read before and a read after show whether a call was carried out, and never more than that."""

from typing import Any

import pytest

from supportagent.tools.reconciliation import carried_out, problems

BEFORE = {"refunded_minor": 500, "status": "paid", "revision": 1, "refunds": [{"reference": "a"}]}
AFTER = {
    "refunded_minor": 1700,
    "status": "refunded",
    "revision": 2,
    "refunds": [{"reference": "a"}, {"reference": "b"}],
}
ARGUMENTS = {"amount_minor": 1200, "reference": "b", "flag": True, "one": 1}


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ({"path": "after.status", "op": "eq", "value": "refunded"}, True),
        ({"path": "after.status", "op": "ne", "value": "refunded"}, False),
        ({"path": "after.revision", "op": "gt", "than": "before.revision"}, True),
        ({"path": "after.refunded_minor", "op": "eq", "than": "before.refunded_minor"}, False),
        (
            {
                "path": "after.refunded_minor",
                "op": "eq",
                "than": "before.refunded_minor",
                "plus": "arguments.amount_minor",
            },
            True,
        ),
        ({"path": "after.refunds", "op": "contains", "with": {"reference": "arguments.reference"}}, True),
        ({"path": "after.refunds", "op": "contains", "with": {"reference": "after.status"}}, False),
        ({"path": "arguments.flag", "op": "eq", "than": "arguments.one"}, False),
        ({"path": "after.nothing", "op": "eq", "value": 1}, None),
        ({"path": "after.status", "op": "gt", "value": 1}, None),
        ({"path": "after.revision", "op": "contains", "with": {"reference": "arguments.reference"}}, None),
        ({"path": "after.status.deeper", "op": "eq", "value": 1}, None),
        ({"path": "before.revision", "op": "gt", "than": "after.status"}, None),
    ],
)
def test_a_condition_says_yes_no_or_nothing(condition: dict[str, Any], verdict: bool | None) -> None:
    assert problems([condition]) == []
    assert carried_out([condition], before=BEFORE, after=AFTER, arguments=ARGUMENTS) is verdict


def test_an_item_that_was_there_before_proves_nothing() -> None:
    condition = {"path": "after.refunds", "op": "contains", "with": {"reference": "arguments.reference"}}
    assert carried_out([condition], before=AFTER, after=AFTER, arguments=ARGUMENTS) is False


def test_all_conditions_must_hold_and_be_readable() -> None:
    holds = {"path": "after.status", "op": "eq", "value": "refunded"}
    fails = {"path": "after.revision", "op": "eq", "value": 1}
    unreadable = {"path": "after.nothing", "op": "eq", "value": 1}

    def verdict(*conditions: dict[str, Any]) -> bool | None:
        return carried_out(list(conditions), before=BEFORE, after=AFTER, arguments=ARGUMENTS)

    assert verdict(holds) is True
    assert verdict(holds, fails) is False
    assert verdict(fails, unreadable) is None
    assert verdict() is None, "without a condition nothing is proved"


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ({}, "JSON list"),
        (["after"], "write an object"),
        ([{"path": "after.a", "op": "like", "value": 1}], "unknown"),
        ([{"path": "after.a", "op": ["eq"], "value": 1}], "unknown"),
        ([{"path": "after.a", "op": "eq"}], "needs path"),
        ([{"path": "after.a", "op": "eq", "value": 1, "than": "before.a"}], "needs path"),
        ([{"path": "after", "op": "eq", "value": 1}], "no path"),
        ([{"path": "later.a", "op": "eq", "value": 1}], "no path"),
        ([{"path": "after..a", "op": "eq", "value": 1}], "no path"),
        ([{"path": ["after", "a"], "op": "eq", "value": 1}], "no path"),
        ([{"path": "after.a", "op": "gt", "value": "1"}], "whole number"),
        ([{"path": "after.a", "op": "eq", "value": 1.5}], "compares with"),
        ([{"path": "arguments.a", "op": "eq", "value": 1}], "no argument a"),
        ([{"path": "before.a", "op": "contains", "with": {"b": "arguments.reference"}}], "after."),
        ([{"path": "after.a", "op": "contains", "with": {}}], "contains needs"),
        ([{"path": "after.a", "op": "eq", "value": 1}] * 21, "More than 20"),
    ],
)
def test_a_condition_that_cannot_be_read_is_refused_in_words(conditions: Any, words: str) -> None:
    assert words in " ".join(problems(conditions, argument_names=["reference"]))
    if conditions and "no argument" not in words:
        assert carried_out(conditions, before=BEFORE, after=AFTER, arguments=ARGUMENTS) is None
