import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import chain

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)


def test_the_canonical_form_has_sorted_keys_no_space_and_composed_characters():
    assert chain.canonical({"b": [True, None, -1], "a": "e\u0301"}) == '{"a":"é","b":[true,null,-1]}'.encode()


def test_the_order_in_which_keys_were_written_does_not_matter():
    assert chain.canonical({"x": 1, "y": {"b": 1, "a": 2}}) == chain.canonical({"y": {"a": 2, "b": 1}, "x": 1})


@pytest.mark.parametrize(
    "value",
    [1.0, float("nan"), {1: "a"}, {"a": b"bytes"}, {"a": {1, 2}}, "\ud800", {"\u00e9": 1, "e\u0301": 2}],
)
def test_what_has_no_single_form_is_refused(value):
    with pytest.raises(chain.NotCanonical):
        chain.canonical(value)


@given(VALUES)
def test_the_canonical_form_is_stable(value):
    try:
        once = chain.normalised(value)
    except chain.NotCanonical:
        return
    assert chain.canonical(once) == chain.canonical(value)


def test_the_documented_arithmetic_gives_the_hash_of_an_entry():
    inner = hashlib.sha256(b"\x00" + b"{}").digest()
    expected = hashlib.sha256(b"supportagent audit link 1\x00" + bytes(32) + inner).digest()
    assert chain.link(chain.GENESIS, b"{}") == expected


def test_the_format_of_a_leaf_never_changes():
    """Old logs must verify for ever: a new version may be added, this one may not be touched."""
    fact = chain.Fact(
        action="store.refund.issued",
        actor=("agent", "7"),
        target=("refund", "REF-1"),
        on_behalf_of="CUS-1001",
        ticket="T-1",
        run="r",
        request="q",
        outcome="issued",
        cost_micros=12,
        data={"amount_minor": 8400},
        refs=(("order", "ORD-1042"), ("order", "ORD-1042"), ("customer", "CUS-1001")),
    )
    content = chain.content(fact, seq=3, at=datetime(2026, 1, 31, 9, 30, tzinfo=UTC), details="ab")
    assert chain.canonical(content) == (
        b'{"action":"store.refund.issued","actor":["agent","7"],"at":"2026-01-31T09:30:00.000000Z",'
        b'"cost_micros":12,"data":{"amount_minor":8400},"details":"ab","on_behalf_of":"CUS-1001",'
        b'"outcome":"issued","refs":[["customer","CUS-1001"],["order","ORD-1042"]],"request":"q","run":"r",'
        b'"seq":3,"target":["refund","REF-1"],"ticket":"T-1","v":1}'
    )
