"""Which rule holds: order, operators, paths, sums, provenance. What cannot be read goes to a person."""

from datetime import timedelta
from typing import Any

import pytest

from approvals.models import ApprovalPolicy
from approvals.policy import UNCONFIRMED_DESTINATION, Asked, Ruling, compile_rules, evaluate
from supportagent.tools.models import Tool

REFUND = {"order_id": "ORD-1042", "amount_minor": 8400, "currency": "EUR"}
FACTS = {
    "status": "delivered",
    "gift": False,
    "returned_at": None,
    "weight": 1.5,
    "payment": {"method": "card", "captures": [{"amount_minor": 5000}, {"amount_minor": 3400}]},
    "lines": [{"sku": "MUG-1", "count": 1}, {"sku": "KETTLE-2", "count": 2}],
    "claims": [],
    "mixed": [{"count": 1}, {"count": "2"}],
}
SUMS = {"customer": {"count": 3, "amount_minor": 120_000}, "subject": {"count": 1, "amount_minor": 8400}}
SOURCES = {"order_id": "the customer's message", "amount_minor": "the model"}


def tool(**changes: Any) -> Tool:
    """A tool that moves money, or what the test needs."""
    usual = {"pk": 1, "qualified_name": "store__issue_refund", "effect": "WRITE", "impact": "money", "reversible": "no"}
    return Tool(**{**usual, **changes})


def rule(*conditions: Any, outcome: str = "deny", order: int = 10, **changes: Any) -> ApprovalPolicy:
    """A rule that is not kept; its conditions are written as (path, operator, value)."""
    written = [
        dict(zip(("path", "op", "value"), each, strict=True)) if isinstance(each, tuple) else each
        for each in conditions
    ]
    return ApprovalPolicy(name=f"rule {order}", conditions=written, outcome=outcome, order=order, **changes)


def ask(*rules: ApprovalPolicy, of: Tool | None = None, trace: list[Asked] | None = None, **changes: Any) -> Ruling:
    """What these rules say to the refund."""
    call = {"arguments": REFUND, "facts": FACTS, "assurance": "verified", "sums": SUMS, "provenance": SOURCES}
    return evaluate(tool=of or tool(), rules=compile_rules(rules), trace=trace, **{**call, **changes})


def said(*rules: ApprovalPolicy, **changes: Any) -> tuple[str, str, str]:
    ruling = ask(*rules, **changes)
    return ruling.outcome, ruling.tier, ruling.rule_name


ALLOW_ALL = rule(outcome="allow", order=99)
UNREAD = "rule 10 (rule could not be read)"


def holds(path: str, op: str, value: Any) -> str:
    """`yes`, `no`, or `a person` where it cannot be known."""
    outcome, _, name = said(rule((path, op, value)), ALLOW_ALL)
    return {("deny", "rule 10"): "yes", ("allow", "rule 99"): "no", ("approve", UNREAD): "a person"}[outcome, name]


def test_the_first_rule_in_order_that_holds_decides() -> None:
    unverified = rule(("assurance", "ne", "verified"), order=1)
    large = rule(("arguments.amount_minor", "gt", 50_000), outcome="approve", tier="T3", order=2)
    every = rule(outcome="approve", tier="T2", order=3)
    rules = (every, ALLOW_ALL, large, unverified)
    assert said(*rules) == ("approve", "T2", "rule 3")
    assert said(*rules, arguments={**REFUND, "amount_minor": 50_001}) == ("approve", "T3", "rule 2")
    assert said(*rules, assurance="claimed") == ("deny", "T2", "rule 1")


def test_a_rule_is_asked_for_its_own_tool_or_for_every_tool_that_writes() -> None:
    other, every = rule(order=1, tool_id=2), rule(outcome="approve", tier="T3", order=2)
    assert said(other, every) == ("approve", "T3", "rule 2")
    read = tool(pk=3, effect="READ", impact="none", reversible="yes")
    assert said(other, every, of=read) == ("allow", "T1", "Reversible and low impact")
    assert said(rule(order=1, tool_id=3), of=read)[0] == "deny"


def test_without_a_rule_the_declaration_of_the_tool_decides() -> None:
    assert said() == ("approve", "T2", "Irreversible or high impact")
    assert said(of=tool(impact="customer-visible", reversible="yes"))[0] == "allow"
    assert said(of=tool(impact="customer-visible", reversible="compensable"))[0] == "approve"
    assert said(of=tool(impact="account", reversible="yes"))[0] == "approve"


@pytest.mark.parametrize(
    ("path", "op", "value", "expected"),
    [
        ("arguments.amount_minor", "eq", 8400, "yes"),
        ("arguments.amount_minor", "ne", 8400, "no"),
        ("arguments.amount_minor", "lt", 8400, "no"),
        ("arguments.amount_minor", "lte", 8400, "yes"),
        ("arguments.amount_minor", "gt", 8399, "yes"),
        ("arguments.amount_minor", "gte", 8401, "no"),
        ("arguments.currency", "in", ["EUR", "USD"], "yes"),
        ("arguments.currency", "not_in", ["EUR", "USD"], "no"),
        ("assurance", "eq", "verified", "yes"),
        ("facts.gift", "eq", False, "yes"),
        ("facts.returned_at", "eq", None, "yes"),
        ("facts.status", "ne", None, "yes"),
        ("facts.returned_at", "in", [None, "2026-01-01"], "yes"),
        ("facts.payment.method", "eq", "card", "yes"),
        ("facts.payment.captures[0].amount_minor", "eq", 5000, "yes"),
        ("sums.customer.amount_minor", "gt", 100_000, "yes"),
        ("sums.subject.count", "gt", 1, "no"),
        ("provenance.amount_minor", "eq", "the model", "yes"),
        ("provenance.order_id", "not_in", ["the host", "the customer's record"], "yes"),
    ],
)
def test_an_operator_compares_what_its_path_finds(path: str, op: str, value: Any, expected: str) -> None:
    assert holds(path, op, value) == expected


@pytest.mark.parametrize(
    ("path", "op", "value", "expected"),
    [
        ("facts.lines[*].sku", "eq", "KETTLE-2", "yes"),
        ("facts.lines[*].sku", "eq", "PAN-3", "no"),
        ("facts.lines[all].count", "gte", 1, "yes"),
        ("facts.lines[all].count", "gte", 2, "no"),
        ("facts.claims[*]", "eq", "x", "no"),
        ("facts.claims[all]", "eq", "x", "no"),
        ("facts.lines[2].sku", "eq", "PAN-3", "a person"),
        ("facts.lines[*].colour", "eq", "red", "a person"),
        ("facts.mixed[*].count", "eq", 1, "a person"),
        ("facts.status[*]", "eq", "d", "a person"),
    ],
)
def test_a_path_goes_through_the_elements_of_a_list(path: str, op: str, value: Any, expected: str) -> None:
    assert holds(path, op, value) == expected


@pytest.mark.parametrize(
    ("path", "op", "value"),
    [
        ("arguments.amount", "gt", 1),  # no such argument
        ("facts.payment.fee.amount_minor", "gt", 1),  # no such fact
        ("facts.status.text", "eq", "delivered"),  # text has no parts
        ("arguments.amount_minor", "eq", "8400"),  # a number is not text
        ("arguments.order_id", "gt", 5),  # text is not a number
        ("facts.gift", "eq", 0),  # false is not 0
        ("facts.gift", "lt", 1),
        ("facts.gift", "in", [0, 1]),
        ("facts.returned_at", "eq", "2026-01-01"),  # null is not known
        ("facts.returned_at", "lt", 5),
        ("facts.weight", "gt", 1),  # a number with a point is never an amount
        ("facts.lines", "eq", "MUG-1"),  # a list is not a value
        ("sums.agent.count", "gt", 1),  # nobody counted
        ("provenance.currency", "eq", "the model"),  # nobody looked
    ],
)
def test_what_a_rule_does_not_find_or_cannot_compare_goes_to_a_person(path: str, op: str, value: Any) -> None:
    assert holds(path, op, value) == "a person"


@pytest.mark.parametrize("value", [1, True])
def test_true_is_not_one(value: Any) -> None:
    other = True if value == 1 and value is not True else 1
    for op, wanted in (("eq", value), ("in", [value])):
        assert said(rule(("facts.x", op, wanted)), ALLOW_ALL, facts={"x": value})[0] == "deny"
        assert said(rule(("facts.x", op, wanted)), ALLOW_ALL, facts={"x": other})[:1] == ("approve",)


MALFORMED = [
    "assurance",
    None,
    5,
    {},
    {"path": "assurance", "op": "eq"},
    {"path": "assurance", "op": "eq", "value": "verified", "or": 1},
    ("assurance", "is", "verified"),
    ("assurance", ["eq"], "verified"),
    ("assurance", "eq", {"a": 1}),
    ("assurance", "in", "verified"),
    ("assurance", "in", []),
    ("arguments.amount_minor", "gt", "1"),
    ("arguments.amount_minor", "gt", True),
    ("arguments.amount_minor", "gt", 1.5),
    (["assurance"], "eq", "verified"),
    ("assurance.level", "eq", "verified"),
    ("arguments", "eq", 1),
    ("arguments.", "eq", 1),
    ("arguments..x", "eq", 1),
    ("arguments[0]", "eq", 1),
    ("arguments.x[-1]", "eq", 1),
    ("arguments.x[*", "eq", 1),
    ("arguments.x[*].y[all]", "eq", 1),
    ("sums.customer", "gt", 1),
    ("sums.order.count", "gt", 1),
    ("provenance.address.city", "eq", "the host"),
    ("__class__.__init__", "eq", 1),
    ("ticket.number", "eq", 1),
    ("", "eq", 1),
]


@pytest.mark.parametrize("condition", MALFORMED)
@pytest.mark.parametrize("outcome", ["allow", "deny", "approve"])
def test_a_malformed_rule_goes_to_a_person_and_is_named(condition: Any, outcome: str) -> None:
    never = ("assurance", "eq", "nobody")
    for conditions in ((condition,), (never, condition)):
        assert said(rule(*conditions, outcome=outcome, tier="T1"), ALLOW_ALL) == ("approve", "T2", UNREAD)


@pytest.mark.parametrize(
    "changes", [{"conditions": "always"}, {"conditions": None}, {"outcome": "maybe"}, {"tier": "T9"}]
)
def test_a_malformed_row_goes_to_a_person(changes: dict[str, Any]) -> None:
    broken = rule(outcome="allow")
    for name, value in changes.items():
        setattr(broken, name, value)
    assert said(broken, ALLOW_ALL) == ("approve", "T2", UNREAD)


def test_a_rule_that_allows_may_not_be_satisfied_by_one_element_among_others() -> None:
    cheap = ("facts.payment.captures[*].amount_minor", "lte", 5000)
    assert said(rule(cheap, outcome="allow")) == ("approve", "T2", UNREAD)
    every = ("facts.payment.captures[all].amount_minor", "lte", 5000)
    assert said(rule(every, outcome="allow"))[0] == "allow"


def test_an_earlier_condition_that_does_not_hold_ends_a_rule_before_an_unknown_one() -> None:
    guarded = rule(("facts.status", "eq", "lost"), ("facts.lost_at", "ne", None), outcome="allow")
    assert said(guarded) == ("approve", "T2", "Irreversible or high impact")


def test_leaving_an_argument_out_gains_nothing_over_the_rules_below() -> None:
    optional = rule(("arguments.note", "eq", "goodwill"), outcome="allow", tier="T1")
    two_people = rule(outcome="approve", tier="T3", order=20)
    assert said(optional, two_people) == ("approve", "T3", UNREAD)
    assert said(optional, rule(order=20))[0] == "deny"
    assert said(rule(("arguments.note", "eq", "fraud")), optional, ALLOW_ALL)[0] == "approve"


def test_a_thousand_unreadable_rules_are_one_answer() -> None:
    broken = [rule(("arguments.note", "eq", "x"), outcome="allow", order=number) for number in range(1000)]
    assert said(*broken, ALLOW_ALL) == ("approve", "T2", "rule 0 (rule could not be read)")


def test_a_long_name_leaves_room_for_what_is_wrong() -> None:
    broken = rule("nothing", outcome="allow")
    broken.name = "x" * 120
    name = ask(broken).rule_name
    assert len(name) == 120
    assert name.endswith("(rule could not be read)")


def test_the_same_text_in_another_form_of_unicode_is_the_same() -> None:
    assert holds("facts.status", "eq", "delivered") == "yes"
    composed, loose = "Zoë", "Zoe\u0308"
    assert said(rule(("arguments.name", "eq", loose)), arguments={"name": composed})[0] == "deny"
    assert said(rule(("arguments.name", "in", [composed])), arguments={"name": loose})[0] == "deny"


ADDRESS = {"name": "store__update_account", "impact": "customer-visible", "reversible": "yes"}


@pytest.mark.parametrize(
    ("source", "outcome"),
    [
        ("the host", "allow"),
        ("the customer's record", "allow"),
        ("the customer's message", "approve"),
        ("result of store__get_order", "approve"),
        ("the model", "approve"),
        ("The Host", "approve"),
        (None, "approve"),
        (["the host"], "approve"),
    ],
)
def test_a_write_to_a_destination_that_words_named_is_never_automatic(source: Any, outcome: str) -> None:
    sent = {"arguments": {"address": "Elsewhere 1"}, "provenance": {"address": source}}
    moving = tool(**ADDRESS, destination_arguments=["address", "iban"])
    for rules in ((), (ALLOW_ALL,)):
        ruling = ask(*rules, of=moving, **sent)
        assert ruling.outcome == outcome
        if outcome == "approve":
            assert (ruling.tier, ruling.rule_name) == ("T2", UNCONFIRMED_DESTINATION)


def test_a_destination_that_the_host_filled_in_or_nobody_gave_is_no_question() -> None:
    bound = tool(**ADDRESS, destination_arguments=["address"], bound_arguments={"address": "customer"})
    assert ask(of=bound, arguments={"address": "CUS-1"}, provenance={"address": "the model"}).outcome == "allow"
    absent = tool(**ADDRESS, destination_arguments=["address"])
    assert ask(of=absent, arguments={"name": "Ana"}, provenance=None).outcome == "allow"
    assert ask(of=absent, arguments={"address": None}, provenance=None).outcome == "approve"
    assert ask(of=tool(**ADDRESS, destination_arguments="address")).outcome == "approve"


def test_a_ruling_says_how_long_it_waits_and_how_it_can_be_undone() -> None:
    times = {"expires_after": timedelta(hours=2), "respond_within": timedelta(minutes=5), "undo_seconds": 20}
    ruling = ask(rule(outcome="approve", tier="T1", **times))
    assert {name: getattr(ruling, name) for name in times} == times
    assert ruling.key == ("approve", "T1", None, 0)


def test_the_trace_has_every_rule_in_order_and_comes_from_the_same_questions() -> None:
    trace: list[Asked] = []
    large = rule(("arguments.amount_minor", "gt", 50_000), outcome="approve", tier="T3", order=1)
    broken = rule(("arguments.note", "eq", "x"), outcome="allow", order=2)
    rules = (large, broken, rule(outcome="approve", order=3), ALLOW_ALL)
    assert ask(*rules, trace=trace) == ask(*rules)
    answers = [(asked.rule.name, asked.answer.value, asked.decided) for asked in trace]
    assert answers == [
        ("rule 1", "does not hold", False),
        ("rule 2", "could not be read", False),
        ("rule 3", "holds", False),
        ("rule 99", "holds", True),
    ]
    assert trace[0].conditions[0].found == [8400]
