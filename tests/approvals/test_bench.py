"""The test bench asks what the gate asks, says what each rule said, and names who may decide."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals.models import ApprovalPolicy, ApprovalRequest
from supportagent.staff.models import User
from supportagent.tools.models import Tool
from tests.approvals.desk import colleague, limit, open_as, set_rule
from tests.world import World

pytestmark = pytest.mark.django_db
PAGE = "/admin/approvals/approvalpolicy/bench/"


@pytest.fixture
def root(world: World) -> Client:
    return open_as(User.objects.create_superuser("root"))


def refund() -> Tool:
    return Tool.objects.get(qualified_name="store__issue_refund")


def ask(client: Client, address: str = "", **changes: Any) -> Any:
    """Fill in the form as it is shown, with these changes, and ask the rules."""
    address = address or f"{PAGE}?tool={refund().pk}"
    form = client.get(address).context["form"]
    shown = {name: form[name].value() for name in form.fields}
    shown = {name: form.fields[name].prepare_value(value) for name, value in shown.items()}
    usual = {"argument-order_id": "ORD-1042", "argument-amount_minor": "8400", "argument-currency": "EUR"}
    entered = {**{name: value for name, value in shown.items() if value is not None}, **changes}
    for name, value in usual.items():
        entered[name] = entered.get(name) or value
    return client.post(address, entered)


def words(answer: Any, testid: str) -> str:
    """What a part of the page says, without its tags."""
    body = answer.content.decode()
    start = body.index(f'data-testid="{testid}"')
    text = re.sub(r"<[^>]+>", " ", body[body.index(">", start) + 1 :])
    return re.sub(r"\s+", " ", text).replace("&gt;", ">").replace("&lt;", "<").replace("&#x27;", "'")


def test_a_refund_goes_to_one_person_and_each_rule_says_why(root: Client) -> None:
    answer = ask(root)
    assert words(answer, "outcome").startswith(" Needs approval")
    assert words(answer, "tier").startswith("T2 Every refund is seen by a person")
    trace = words(answer, "trace")
    assert "Money goes back only to a verified customer deny does not hold assurance verified is verified" in trace
    assert "T3 does not hold arguments.amount_minor 8400 is not > 50000" in trace
    assert "approve T2 holds it has no condition, so it always holds" in trace


def test_who_may_decide_is_who_the_gate_would_let(world: World, root: Client) -> None:
    colleague(world.ana)
    limit("Supervisor", {"properties": {"amount_minor": {"maximum": 10_000}}})
    asked = words(ask(root), "deciders")
    assert "Ana Ruiz" in asked and "Berta Klein" in asked
    above = words(ask(root, **{"argument-amount_minor": "20000"}), "deciders")
    assert "Nobody may decide this" in above
    assert "Ana Ruiz would be told: it is above your limit" in above
    assert 'Supervisor {"properties": {"amount_minor": {"maximum": 10000}}}'.replace('"', "&quot;") in above


def test_two_people_are_asked_for_where_only_one_may_decide(world: World, root: Client) -> None:
    answer = ask(root, **{"argument-amount_minor": "60000"})
    assert words(answer, "tier").startswith("T3")
    assert "Two different people are needed, and only one may decide" in words(answer, "deciders")
    colleague(world.ana)
    assert "only one may decide" not in words(ask(root, **{"argument-amount_minor": "60000"}), "deciders")


def test_the_approvers_of_the_rule_are_named(world: World, root: Client) -> None:
    set_rule(approvers=["Finance lead"])
    asked = words(ask(root), "deciders")
    assert "The rule leaves this to Finance lead" in asked
    assert "Ana Ruiz would be told: its rule leaves this to Finance lead" in asked


def test_the_bench_and_the_gate_say_the_same(world: World, root: Client) -> None:
    request = world.held_refund()
    loaded = f"{PAGE}?request={request.reference}"
    page = root.get(loaded)
    assert page.context["form"]["argument-order_id"].value() == "ORD-1042"
    found = ask(root, loaded).context["findings"].ruling
    assert (found.tier, found.rule_id, found.rule_version) == (request.tier, request.rule_id, request.rule_version)
    assert found.book_version == request.book_version


def test_sums_facts_assurance_and_sources_are_put_before_the_rules(world: World, root: Client) -> None:
    ApprovalPolicy.objects.create(
        order=1,
        name="Hot",
        tool=refund(),
        outcome="deny",
        conditions=[
            {"path": "sums.customer.amount_minor", "op": "gt", "value": 100_000},
            {"path": "facts.lines[*].sku", "op": "eq", "value": "KETTLE"},
            {"path": "provenance.amount_minor", "op": "ne", "value": "the customer's record"},
            {"path": "assurance", "op": "eq", "value": "claimed"},
        ],
    )
    hot = {
        "sums-customer-amount_minor": "100001",
        "facts": '{"lines": [{"sku": "MUG"}, {"sku": "KETTLE"}]}',
        "source-amount_minor": "the model",
        "assurance": "claimed",
    }
    answer = ask(root, **hot)
    assert words(answer, "outcome").startswith(" Denied")
    assert "one of facts.lines[*].sku (MUG, KETTLE) is KETTLE" in words(answer, "trace")
    assert "sums.customer.amount_minor 100001 is > 100000" in words(answer, "trace")
    for name, value in (("sums-customer-amount_minor", "5"), ("facts", '{"lines": []}'), ("assurance", "verified")):
        assert "Hot deny does not hold" in words(ask(root, **{**hot, name: value}), "trace")
    assert "facts.lines[*].sku is not there, so nobody knows" in words(ask(root, **{**hot, "facts": "{}"}), "trace")


def test_a_rule_can_be_tried_before_it_is_kept(world: World, root: Client) -> None:
    rule = ApprovalPolicy.objects.get(order=30)
    small = '[{"path": "arguments.amount_minor", "op": "lte", "value": 9000}]'
    answer = ask(root, draft_conditions=small, draft_outcome="allow", draft_tier="T1", draft_order="25")
    assert words(answer, "rule-name").startswith("The rule tried here")
    assert words(answer, "outcome").startswith(" Allowed without a person")
    changed = ask(root, f"{PAGE}?rule={rule.pk}", draft_tier="T3")
    assert words(changed, "tier").startswith("T3 Every refund is seen by a person (as tried here)")
    assert len(words(changed, "trace").split("Every refund is seen")) == 2, "the kept one is out"
    rule.refresh_from_db()
    assert rule.tier == "T2"
    assert not ApprovalPolicy.objects.filter(name__contains="tried here").exists()


def test_what_the_gate_would_refuse_before_any_rule_is_said(root: Client) -> None:
    answer = ask(root, **{"argument-order_id": "1042"})
    assert "The gate would refuse this call before it asks any rule: order_id" in words(answer, "refused-before")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"facts": "["}, "facts"),
        ({"facts": "[1]"}, "facts"),
        ({"arguments_json": "5"}, "arguments_json"),
        ({"argument-amount_minor": "much"}, "argument-amount_minor"),
        ({"draft_outcome": "allow", "draft_conditions": '["x"]'}, "draft_conditions"),
        ({"assurance": "certain"}, "assurance"),
    ],
)
def test_what_cannot_be_tried_is_marked(root: Client, changes: dict[str, str], field: str) -> None:
    answer = ask(root, **changes)
    assert answer.status_code == 422
    assert field in answer.context["form"].errors


def test_arguments_as_json_take_the_place_of_the_boxes(root: Client) -> None:
    answer = ask(root, arguments_json='{"order_id": "ORD-1042", "amount_minor": 70000, "currency": "EUR"}')
    assert words(answer, "tier").startswith("T3")


def test_every_tool_that_writes_can_be_tried(root: Client) -> None:
    for tool in Tool.objects.filter(effect="WRITE", host_only=False):
        address = f"{PAGE}?tool={tool.pk}"
        form = root.get(address).context["form"]
        assert (
            ask(root, address, **{name: "" for name in form.fields if name.startswith("argument-")}).status_code == 200
        )


def test_a_request_of_a_team_one_does_not_see_is_not_loaded(world: World, root: Client) -> None:
    request = world.held_refund()
    ops = User.objects.create_user("ops", is_staff=True)
    ops.groups.add(Group.objects.get(name="Ops admin"))
    assert open_as(ops).get(PAGE).status_code == 200
    assert open_as(ops).get(f"{PAGE}?request={request.pk}").status_code == 403
    for nothing in ("0", "R-99999", "R-x", "9" * 30):
        assert root.get(f"{PAGE}?request={nothing}").status_code == 404


def test_nothing_is_kept(world: World, root: Client) -> None:
    ask(root)
    assert not ApprovalRequest.objects.exists()
    assert not world.refunds()


def test_descriptions_of_imported_tools_are_shown_as_text(root: Client) -> None:
    tool = refund()
    tool.input_schema["properties"]["order_id"]["description"] = "<img src=x onerror=alert(1)>"
    tool.save()
    assert "<img src=x" not in root.get(f"{PAGE}?tool={tool.pk}").content.decode()


def test_more_rules_and_people_do_not_cost_more_statements(world: World, root: Client) -> None:
    counts = []
    for number in range(2):
        ask(root)
        with CaptureQueriesContext(connection) as asked:
            assert ask(root).status_code == 200
        counts.append(len(asked))
        for each in range(5):
            colleague(world.ana, f"Berta{number}{each} Klein")
            ApprovalPolicy.objects.create(
                order=1,
                name=f"Rule {number} {each}",
                tool=refund(),
                outcome="deny",
                conditions=[{"path": "assurance", "op": "eq", "value": "anonymous"}],
            )
    assert counts[0] == counts[1]
