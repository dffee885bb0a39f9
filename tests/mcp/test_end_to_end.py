"""From the import of a foreign server to money that moved: reviewed tools, a run that calls them, the bank's ledger."""

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from agents.models import ToolCall
from approvals.models import ApprovalPolicy, ApprovalRequest
from supportagent.tools import review
from supportagent.tools.access import APPROVE, USE
from supportagent.tools.models import MCPServer, Tool, ToolGrant
from tests.mcp.bank import Bank
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = {"text": "I looked into it."}
BY_CLASS: dict[str, dict[str, Any]] = {
    "keyed": {"name": "issue_refund", "bound_arguments": {"idempotency_key": "call"}},
    "reconcilable": {
        "name": "refund_payment",
        "bound_arguments": {"reference": "call"},
        "reconcile_tool": "bank__get_payment",
        "reconcile_when": [
            {"path": "after.refunds", "op": "contains", "with": {"reference": "arguments.reference"}},
        ],
    },
    "opaque": {"name": "refund_payment", "bound_arguments": {"reference": "call"}},
}


@pytest.fixture
def world(settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


def imported(bank: Bank, tool_class: str) -> Tool:
    """Import the bank with the command, then say about its tools what an admin would."""
    MCPServer.objects.create(name="bank", title="Bank", transport=MCPServer.Transport.HTTP, url=bank.url)
    call_command("sync_mcp_tools", "bank", stdout=StringIO())
    said = dict(BY_CLASS[tool_class])
    refund = Tool.objects.select_related("server").get(server__name="bank", name=said.pop("name"))
    Tool.objects.filter(server__name="bank", name="get_payment").update(
        enabled=True, effect="READ", tool_class="read", impact="none", reversible="yes"
    )
    for field, value in said.items():
        setattr(refund, field, value)
    refund.tool_class, refund.impact, refund.enabled, refund.timeout_seconds = tool_class, "money", True, 3
    refund.facts_tool, refund.what_to_check = "bank__get_payment", "The bank's list of refunds."
    refund.ownership = Tool.Ownership.NOBODY  # the bank knows payments, not our customers
    refund.subject_argument, refund.amount_argument, refund.currency_argument = "payment_id", "amount_minor", "currency"
    reads = {tool.qualified_name: tool for tool in Tool.objects.filter(name="get_payment")}
    assert review.problems(refund, reads) == [], "the admin's form would refuse this"
    refund.save()
    for role, codename in (("Billing specialist", USE), ("Supervisor", APPROVE)):
        right = Permission.objects.get(content_type__app_label="tools", codename=codename)
        ToolGrant.objects.create(group=Group.objects.get(name=role), permission=right, content_object=refund)
    return refund


def pay_back(tool: Tool) -> dict[str, Any]:
    arguments = {"payment_id": "PAY-0001", "amount_minor": 500, "currency": "EUR", "stated_reason": "broken"}
    return {"calls": [{"name": tool.qualified_name, "arguments": arguments}]}


@pytest.mark.parametrize("tool_class", BY_CLASS)
def test_an_approved_refund_reaches_the_bank_once_under_the_id_of_its_call(
    world: World, bank: Bank, tool_class: str
) -> None:
    tool = imported(bank, tool_class)
    world.script([pay_back(tool), TEXT, TEXT])
    ticket = world.write()
    world.advance(ticket)
    call = ToolCall.objects.get(name=tool.qualified_name)
    assert call.state == ToolCall.State.AWAITING_APPROVAL, "money waits for a person"
    assert bank.posts(tool=tool.name) == []
    world.approve(ApprovalRequest.objects.pending().get())
    world.advance(ticket)
    call.refresh_from_db()
    assert call.state == ToolCall.State.SUCCEEDED
    assert len(bank.posts(tool=tool.name)) == 1
    assert [effect["key"] for effect in bank.effects()] == [str(call.pk)]


@pytest.mark.parametrize("mode", ["list_changed", "list_schema_changed", "list_gone"])
def test_a_definition_that_changes_between_approval_and_sending_is_not_called(
    world: World, bank: Bank, mode: str
) -> None:
    tool = imported(bank, "opaque")
    world.script([pay_back(tool), TEXT, TEXT])
    ticket = world.write()
    world.advance(ticket)
    world.approve(ApprovalRequest.objects.pending().get())
    bank.fault(mode)
    world.advance(ticket)
    call = ToolCall.objects.get(name=tool.qualified_name)
    assert call.state in (ToolCall.State.FAILED, ToolCall.State.REFUSED)
    assert call.code == "definition_changed"
    assert bank.posts(tool=tool.name) == bank.effects() == []
    tool.refresh_from_db()
    assert not tool.enabled, "nobody calls it before a person has read what it is now"


def test_a_definition_that_is_imported_anew_puts_what_was_approved_before_a_person_or_stops_it(
    world: World, bank: Bank
) -> None:
    tool = imported(bank, "opaque")
    world.script([pay_back(tool), TEXT, TEXT])
    ticket = world.write()
    world.advance(ticket)
    approved = world.approve(ApprovalRequest.objects.pending().get())
    bank.fault("list_changed")
    call_command("sync_mcp_tools", "bank", stdout=StringIO())
    Tool.objects.filter(pk=tool.pk).update(enabled=True)  # somebody switched it on again
    world.advance(ticket)
    assert bank.posts(tool=tool.name) == []
    again = ApprovalRequest.objects.pending().get()
    assert again.supersedes_id == approved.pk
    assert again.definition_hash != approved.definition_hash


def test_a_repeated_proposal_is_known_although_every_call_has_its_own_key(world: World, bank: Bank) -> None:
    tool = imported(bank, "keyed")
    ApprovalPolicy.objects.create(order=1, name="Go", tool=tool, outcome=ApprovalPolicy.Outcome.ALLOW)
    twice = {"calls": pay_back(tool)["calls"] * 2}
    world.script([twice, TEXT, TEXT])
    world.advance(world.write())
    states = list(ToolCall.objects.filter(name=tool.qualified_name).order_by("index").values_list("state", "code"))
    assert states == [("SUCCEEDED", ""), ("REFUSED", "duplicate")]
    assert len(bank.effects()) == 1
