"""Whatever rules and calls look like, the policy answers; and what it cannot read it never allows."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from approvals.models import ApprovalPolicy, Tier
from approvals.policy import OPERATORS, compile_rules, evaluate
from supportagent.tools.models import Tool

TIERS = st.sampled_from([*Tier.values, "T9", ""])
OUTCOMES = st.sampled_from(["allow", "deny", "approve"])
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from(["", "a", "verified"]), st.floats())
NAMES = st.sampled_from(["a", "b", "amount_minor", "customer", "count", "0", ""])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
STEPS = st.sampled_from(
    [".a", ".b", ".amount_minor", "[0]", "[1]", "[*]", "[all]", "[-1]", "..", "[", ".customer", ".count"]
)
ROOTS = st.sampled_from(["arguments", "facts", "sums", "provenance", "assurance", "ticket", ""])
PATHS = st.one_of(
    st.builds(lambda root, steps: root + "".join(steps), ROOTS, st.lists(STEPS, max_size=4)),
    st.text(max_size=8),
    VALUES,
)
OPS = st.one_of(st.sampled_from([*OPERATORS, "is"]), VALUES)
CONDITIONS = st.one_of(
    st.fixed_dictionaries({"path": PATHS, "op": OPS, "value": VALUES}),
    VALUES,
)
RULES = st.lists(
    st.builds(
        ApprovalPolicy,
        name=st.text(max_size=5),
        order=st.integers(0, 3),
        outcome=st.one_of(OUTCOMES, st.just("maybe")),
        tier=TIERS,
        conditions=st.one_of(st.lists(CONDITIONS, max_size=3), VALUES),
    ),
    max_size=4,
)
TOOLS = st.builds(
    Tool,
    pk=st.just(1),
    effect=st.sampled_from(["READ", "WRITE"]),
    impact=st.sampled_from(["none", "customer-visible", "money", "account", "?"]),
    reversible=st.sampled_from(["yes", "no", "compensable", "?"]),
    destination_arguments=st.one_of(st.just([]), st.just(["a"]), VALUES),
    bound_arguments=VALUES,
)
CALLS = st.fixed_dictionaries(
    dict.fromkeys(("arguments", "facts", "assurance", "sums", "provenance"), VALUES),
)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(tool=TOOLS, rules=RULES, call=CALLS)
def test_the_policy_always_answers_and_its_trace_changes_nothing(tool: Any, rules: Any, call: dict[str, Any]) -> None:
    book = compile_rules(rules)
    ruling = evaluate(tool=tool, rules=book, **call)
    assert ruling.outcome in ("allow", "deny", "approve")
    assert ruling.tier in Tier.values
    trace: list[Any] = []
    assert evaluate(tool=tool, rules=book, trace=trace, **call) == ruling
    assert len(trace) == len(book.for_tool(tool))


PLAIN = st.fixed_dictionaries(
    {
        "path": st.sampled_from(["arguments.a", "arguments.b", "facts.a"]),
        "op": st.sampled_from(OPERATORS),
        "value": st.one_of(
            st.integers(-3, 3), st.booleans(), st.sampled_from(["a", "b"]), st.none(), st.just([1, "a"])
        ),
    }
)
MANY = st.lists(
    st.builds(
        ApprovalPolicy,
        name=st.integers(0, 99).map(str),
        order=st.integers(0, 50),
        outcome=OUTCOMES,
        conditions=st.lists(PLAIN, min_size=1, max_size=2),
    ),
    max_size=25,
)
FLAT = st.dictionaries(st.sampled_from(["a", "b"]), SCALARS, max_size=2)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(rules=MANY, arguments=FLAT, facts=FLAT)
def test_rules_that_are_not_looked_at_are_only_those_that_plainly_do_not_hold(
    rules: Any, arguments: Any, facts: Any
) -> None:
    tool = Tool(pk=1, effect="WRITE", impact="money", reversible="no")
    call = {"arguments": arguments, "facts": facts, "assurance": "verified", "rules": compile_rules(rules)}
    trace: list[Any] = []
    assert evaluate(tool=tool, **call) == evaluate(tool=tool, trace=trace, **call)


@settings(max_examples=300, deadline=None)
@pytest.mark.slow
@given(tool=TOOLS, rules=RULES, call=CALLS)
def test_a_call_is_allowed_only_by_a_rule_that_was_read_with_none_unread_above_it(
    tool: Any, rules: Any, call: dict[str, Any]
) -> None:
    trace: list[Any] = []
    ruling = evaluate(tool=tool, rules=compile_rules(rules), trace=trace, **call)
    asked = [each for each in trace if not each.decided]
    unread = [each for each in asked if each.answer.value == "could not be read"]
    deciding = [each for each in asked if each.answer.value == "holds"]
    if ruling.outcome == "allow":
        assert not unread
        assert all(each.rule.outcome == "allow" and not each.rule.fault for each in deciding)
    if unread and ruling.outcome == "approve":
        assert ruling.tier in ("T2", "T3")
    if any(each.rule.outcome == "deny" for each in deciding):
        assert ruling.outcome == "deny"


@settings(max_examples=200, deadline=None)
@pytest.mark.slow
@given(tool=TOOLS, rules=RULES, call=CALLS, condition=CONDITIONS)
def test_one_more_rule_that_cannot_be_read_never_makes_a_call_easier(
    tool: Any, rules: Any, call: dict[str, Any], condition: Any
) -> None:
    broken = ApprovalPolicy(name="broken", order=0, outcome="allow", tier="T1", conditions=[condition, "broken"])
    before = evaluate(tool=tool, rules=compile_rules(rules), **call)
    after = evaluate(tool=tool, rules=compile_rules([broken, *rules]), **call)
    care = {"allow": 0, "approve": 1, "deny": 2}
    assert (care[after.outcome], after.tier) >= (care[before.outcome], before.tier) or before.outcome != "approve"
    assert care[after.outcome] >= care[before.outcome]
    if tool.writes:
        assert after.outcome != "allow"
