"""Totals of the day per customer, order and agent: counted when a call is sent, capped, and exact under concurrency."""

from pathlib import Path
from typing import Any

import pytest

from agents import tallies
from agents.loop.refusal import CallRefused
from agents.loop.runner import AgentRunner
from agents.models import Run, Tally, ToolCall, VelocityCap
from approvals.models import ApprovalPolicy, ApprovalRequest
from audit import log as audit_log
from audit import verification
from supportagent.store.models import Order
from supportagent.tickets.models import Customer
from supportagent.tools.models import Tool
from tests.faults.threads import at_once
from tests.store.shop import make_account, make_order
from tests.world import ASK_REFUND, World, build_world

NOTE = {"name": "tickets__add_internal_note", "arguments": {"body": "Call back.", "stated_reason": "for the record"}}


def note(body: str) -> dict[str, Any]:
    return {**NOTE, "arguments": {**NOTE["arguments"], "body": body}}


def refund(amount: int, order: str = "ORD-1042") -> dict[str, Any]:
    return {**ASK_REFUND, "arguments": {**ASK_REFUND["arguments"], "amount_minor": amount, "order_id": order}}


def tool(name: str) -> Tool:
    return Tool.objects.get(qualified_name=name)


def let_refunds_pass() -> None:
    """An installation whose refunds need nobody, so that only the caps hold them."""
    for rule in ApprovalPolicy.objects.filter(tool=tool("store__issue_refund")):
        rule.outcome = ApprovalPolicy.Outcome.ALLOW
        rule.conditions = []
        rule.save()


def totals(scope: str, name: str = "store__issue_refund") -> tuple[int, int]:
    row = Tally.objects.filter(scope=scope, tool__qualified_name=name).first()
    return (row.count, row.amount_minor) if row else (0, 0)


def test_a_sent_refund_is_counted_for_its_customer_its_order_and_its_agent(world: World) -> None:
    request = world.held_refund()
    assert totals("customer") == (0, 0), "what waits is not counted yet"
    world.approve(request)
    world.advance(request.ticket)
    keys = dict(Tally.objects.filter(tool=tool("store__issue_refund")).values_list("scope", "key"))
    assert keys == {"customer": "CUS-1001", "subject": "order:ORD-1042", "agent": "concierge"}
    assert {totals(scope) for scope in keys} == {(1, 8400)}


def test_a_refund_that_the_shop_declines_is_taken_off_again(world: World) -> None:
    request = world.held_refund()
    Order.objects.filter(pk=world.order.pk).update(currency="USD")
    request.facts["currency"] = "USD"
    world.approve(request)
    world.advance(request.ticket)
    assert world.refunds() == 0
    assert {totals(scope) for scope in ("customer", "subject", "agent")} == {(0, 0)}


def test_a_call_above_the_cap_is_refused_and_the_model_reads_the_limit_and_the_value(world: World) -> None:
    VelocityCap.objects.create(scope="customer", tool=tool(NOTE["name"]), max_count=2)
    world.script([{"calls": [note("one")]}, {"calls": [note("two")]}, {"calls": [note("three")]}, {"text": "Noted."}])
    run = world.advance(world.write())
    states = list(run.tool_calls.order_by("turn").values_list("state", "code"))
    assert states == [("SUCCEEDED", ""), ("SUCCEEDED", ""), ("REFUSED", "velocity")]
    message = run.tool_calls.get(code="velocity").result["error"]["message"]
    assert "call 3 of at most 2 per customer and day" in message
    assert totals("customer", NOTE["name"])[0] == 2, "a refused call is not counted"


def test_several_writes_of_one_turn_are_counted_one_by_one(world: World) -> None:
    VelocityCap.objects.create(scope="agent", tool=tool(NOTE["name"]), max_count=2)
    world.script([{"calls": [note("one"), note("two"), note("three")]}, {"text": "Noted."}])
    run = world.advance(world.write())
    assert sorted(run.tool_calls.values_list("state", flat=True)) == ["REFUSED", "SUCCEEDED", "SUCCEEDED"]


def test_an_amount_above_the_cap_makes_no_card_and_moves_no_money(world: World) -> None:
    VelocityCap.objects.create(
        scope="customer", tool=tool("store__issue_refund"), max_amount_minor=5_000, currency="EUR"
    )
    world.script([{"calls": [refund(5_001)]}, {"text": "That is not possible today."}])
    world.advance(world.write())
    assert world.call().code == "velocity"
    assert "5001 EUR minor units of at most 5000" in world.call().result["error"]["message"]
    assert not ApprovalRequest.objects.exists()


def test_a_cap_over_every_write_counts_different_tools_together(world: World) -> None:
    VelocityCap.objects.create(scope="customer", tool=None, max_count=1)
    categorise = {
        "name": "tickets__categorise_ticket",
        "arguments": {"category": "return_refund", "priority": "normal", "stated_reason": "sort it"},
    }
    world.script([{"calls": [note("one")]}, {"calls": [categorise]}, {"text": "Noted."}])
    run = world.advance(world.write())
    assert run.tool_calls.get(name="tickets__categorise_ticket").code == "velocity"


def test_a_disabled_cap_stops_nothing(world: World) -> None:
    VelocityCap.objects.create(scope="customer", tool=None, max_count=0, enabled=False)
    world.script([{"calls": [note("one")]}, {"text": "Noted."}])
    assert world.advance(world.write()).tool_calls.get().state == "SUCCEEDED"


def test_a_rule_on_the_days_total_holds_the_call_that_passes_it(world: World) -> None:
    let_refunds_pass()
    ApprovalPolicy.objects.create(
        order=1,
        name="More than EUR 50 a day",
        tool=tool("store__issue_refund"),
        conditions=[{"path": "sums.customer.amount_minor", "op": "gt", "value": 5_000}],
        outcome=ApprovalPolicy.Outcome.APPROVE,
    )
    world.script([{"calls": [refund(3_000)]}, {"calls": [refund(3_000)]}, {"text": "A colleague looks at it."}])
    world.advance(world.write())
    assert world.refunds() == 1
    held = ApprovalRequest.objects.pending().get()
    assert held.rule_name == "More than EUR 50 a day"
    assert totals("customer") == (1, 3_000)


def test_a_cancellation_counts_what_it_gives_back(world: World) -> None:
    Order.objects.filter(pk=world.order.pk).update(status="paid")
    world.script(
        [
            {
                "calls": [
                    {
                        "name": "store__cancel_order",
                        "arguments": {"order_id": "ORD-1042", "stated_reason": "changed her mind"},
                    }
                ]
            },
            {"text": "I asked a colleague."},
            {"text": "Your order was cancelled."},
        ]
    )
    ticket = world.write("Please cancel ORD-1042.")
    world.advance(ticket)
    world.approve(ApprovalRequest.objects.pending().get())
    world.advance(ticket)
    assert totals("customer", "store__cancel_order") == (1, 8400)
    assert world.call("store__cancel_order").currency == "EUR"


def test_sixteen_runs_at_once_never_pass_a_cap(transactional_db: None, settings: Any, tmp_path: Path) -> None:
    world = build_world(settings, tmp_path)
    let_refunds_pass()
    VelocityCap.objects.create(
        scope="agent", tool=tool("store__issue_refund"), max_count=5, max_amount_minor=9_000, currency="EUR"
    )
    world.script(
        {
            "vars": {"order": "(ORD-\\d+)"},
            "scripts": [{"turns": [{"calls": [refund(2_000, "$order")]}, {"text": "That is all I can do."}]}],
        }
    )
    for number in range(16):
        account = make_account(f"CUS-3{number:03}", f"Guest Number{number}")
        make_order(account, f"ORD-3{number:03}")
        customer = Customer.objects.create(reference=account.reference, name=account.name)
        world.write(f"Refund ORD-3{number:03}.", customer=customer)
    runs = list(Run.objects.values_list("pk", flat=True))
    assert at_once([lambda pk=pk: AgentRunner(pk).advance() for pk in runs]) == []
    assert not Run.objects.filter(crashes__gt=0).exists()
    assert totals("agent") == (4, 8_000)
    assert ToolCall.objects.filter(code="velocity").count() == 12
    assert verification.verify().findings == ()


def test_different_tools_at_once_never_pass_a_cap_over_every_write(
    transactional_db: None, settings: Any, tmp_path: Path
) -> None:
    world = build_world(settings, tmp_path)
    world.script([{"text": "Hello."}])
    run = world.write().runs.get()
    VelocityCap.objects.create(scope="agent", tool=None, max_count=6)
    names = ["tickets__add_internal_note", "tickets__draft_reply", "tickets__categorise_ticket", "tickets__notify_team"]

    def count_one(number: int) -> None:
        used = tool(names[number % 4])
        call = ToolCall.objects.create(run=run, turn=1, index=number, name=used.qualified_name, tool=used)
        caps = tallies.caps_for([used.pk])
        with audit_log.transaction():
            tallies.lock([call], caps)
            day = call.created_at.date()
            tallies.check(call, tallies.count(call, day), caps, counted=day)

    refused = at_once([lambda number=number: count_one(number) for number in range(12)])
    assert [type(error) for error in refused] == [CallRefused] * 6
    counted = Tally.objects.filter(scope="agent")
    assert sum(row.count for row in counted) == 6


@pytest.mark.parametrize("amount", [0, -5])
def test_an_amount_that_takes_nothing_or_gives_money_is_not_a_refund(world: World, amount: int) -> None:
    world.script([{"calls": [refund(amount)]}, {"text": "That is not possible."}])
    world.advance(world.write())
    assert world.call().code == "invalid_arguments"
