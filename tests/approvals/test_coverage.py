"""The coverage page: which rules hold for which tool, and what no rule holds."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals.coverage import Covered, report
from approvals.models import ApprovalPolicy, RuleBook
from supportagent.staff.models import User
from supportagent.tools.models import MCPServer, Tool
from tests.approvals.desk import open_as, set_rule
from tests.world import World

pytestmark = pytest.mark.django_db
PAGE = "/admin/approvals/approvalpolicy/coverage/"
REFUND = "store__issue_refund"


@pytest.fixture
def root(world: World) -> Client:
    return open_as(User.objects.create_superuser("root"))


def covered(name: str = REFUND) -> Covered:
    return next(each for each in report().tools if each.tool.qualified_name == name)


def write_rule(order: int, *conditions: tuple[str, str, Any], **changes: Any) -> ApprovalPolicy:
    usual: dict[str, Any] = {"name": f"Rule {order}", "outcome": "deny", "order": order}
    usual["tool"] = Tool.objects.get(qualified_name=REFUND)
    usual["conditions"] = [dict(zip(("path", "op", "value"), each, strict=True)) for each in conditions]
    return ApprovalPolicy.objects.create(**{**usual, **changes})


def idle() -> dict[str, str]:
    return {rule.name: why for rule, why in report().idle}


def test_every_enabled_tool_that_writes_is_there_with_its_rules_in_order(world: World, root: Client) -> None:
    names = set(Tool.objects.filter(effect="WRITE", host_only=False).values_list("qualified_name", flat=True))
    assert {each.tool.qualified_name for each in report().tools} == names
    assert [placed.rule.name for placed in covered().rules] == [
        "Money goes back only to a verified customer",
        "Refunds above EUR 500 take two people",
        "More than EUR 1,000 to one customer in a day takes two people",
        "Every refund is seen by a person",
    ]
    page = root.get(PAGE).content.decode()
    assert all(f'data-testid="tool-{name}"' in page for name in names)
    Tool.objects.filter(qualified_name=REFUND).update(enabled=False)
    assert REFUND not in {each.tool.qualified_name for each in report().tools}


def test_a_tool_without_a_rule_is_left_to_its_declaration(world: World, root: Client) -> None:
    note = covered("tickets__add_internal_note")
    assert note.rules == []
    assert note.rest is not None and note.rest.outcome == "allow"
    assert covered().rest is None, "the last rule always holds"
    ApprovalPolicy.objects.get(order=30).delete()
    rest = covered().rest
    assert rest is not None and (rest.outcome, rest.tier) == ("approve", "T2")
    assert "Where none of them holds, its own declaration decides" in " ".join(root.get(PAGE).content.decode().split())


def test_a_rule_behind_one_that_always_holds_is_never_reached(world: World, root: Client) -> None:
    write_rule(35, ("arguments.amount_minor", "lte", 2000), outcome="allow")
    assert idle() == {"Rule 35": "“Every refund is seen by a person” above it holds whenever it would"}
    page = root.get(PAGE).content.decode()
    assert "never reached, behind “Every refund is seen by a person”" in page


def test_a_rule_with_more_conditions_behind_one_with_fewer_of_them_is_never_reached(world: World) -> None:
    large = ("arguments.amount_minor", "gt", 50_000)
    write_rule(25, large, ("assurance", "eq", "verified"))
    write_rule(26, ("arguments.amount_minor", "gt", 40_000))
    assert set(idle()) == {"Rule 25"}


def test_a_rule_that_cannot_be_read_hides_nothing_and_is_a_gap(world: World) -> None:
    write_rule(5, conditions=["nonsense"])
    assert idle() == {}
    assert any("“Rule 5” cannot be read (needs exactly the keys" in gap for gap in covered().gaps)


def test_rules_that_are_off_or_whose_tool_is_not_asked_about_are_named(world: World) -> None:
    write_rule(1, enabled=False)
    write_rule(2, tool=Tool.objects.get(qualified_name="store__get_order"))
    Tool.objects.filter(qualified_name="store__cancel_order").update(enabled=False)
    assert idle() == {
        "Rule 1": "it is switched off",
        "Rule 2": "its tool reads, and reads are not put before the rules",
        "Every cancellation is seen by a person": "its tool is switched off",
    }


def test_a_rule_for_every_tool_is_never_reached_only_if_it_is_hidden_everywhere(world: World) -> None:
    write_rule(70, tool=None)
    assert "Rule 70" not in idle()
    assert covered("store__cancel_order").rules[-1].behind == "Every cancellation is seen by a person"


def test_an_imported_tool_without_class_or_impact_is_a_gap(world: World) -> None:
    server = MCPServer.objects.create(name="erp", title="ERP", transport="http")
    Tool.objects.create(
        server=server,
        name="book",
        qualified_name="erp__book",
        description="Book",
        input_schema={},
        definition_hash="x",
        effect="WRITE",
    )
    assert [gap.split(",")[0] for gap in covered("erp__book").gaps] == ["imported", "imported"]
    Tool.objects.filter(qualified_name="erp__book").update(tool_class="opaque", impact="money", reversible="no")
    assert covered("erp__book").gaps == ["its own declaration asks for 1, and nobody may approve it"]


def test_a_rule_that_asks_for_more_people_than_there_are_is_a_gap(world: World) -> None:
    assert covered().gaps == []
    set_rule(tier="T3", approvers=["Finance lead"])
    assert covered().gaps == ["“Every refund is seen by a person” asks for 2, and 1 may approve it"]


def test_the_page_costs_the_same_however_many_rules_tools_and_people_there_are(world: World, root: Client) -> None:
    root.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        root.get(PAGE)
    server = MCPServer.objects.create(name="erp", title="ERP", transport="http")
    for number in range(30):
        tool = Tool.objects.create(
            server=server,
            name=f"t{number}",
            qualified_name=f"erp__t{number}",
            description="",
            input_schema={},
            definition_hash="x",
            effect="WRITE",
            impact="money",
        )
        ApprovalPolicy._base_manager.create(order=number, name=f"R{number}", tool=tool, outcome="deny")
        User.objects.create(username=f"u{number}").groups.add(world.ana.groups.get())
    RuleBook.rise()
    root.get(PAGE)
    with CaptureQueriesContext(connection) as many:
        root.get(PAGE)
    assert len(many) == len(few)
