"""Tool calls that cost something: reserved under the caps with the intent, charged with the outcome."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db.models import Sum
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import abandoned, direct
from agents.costs import budgets, reconciliation
from agents.loop.runner import AgentRunner
from agents.models import Budget, Run, Spend, ToolCall
from audit.models import AuditEntry
from supportagent.tickets.models import HandOver, Ticket
from supportagent.tools.models import Tool
from tests.agents.imported import import_bank, pay_back
from tests.mcp.bank import Bank
from tests.world import DONE, READ_ORDER, REFUND_STORY, World, build_world, configure_agent

PRICE = 20_000  # micro-units
State = Spend.State
TEXT = {"text": "I looked into it."}
OTHER = {**READ_ORDER, "arguments": {**READ_ORDER["arguments"], "order_id": "ORD-7777"}}


def price(name: str, micros: int = PRICE) -> Tool:
    tool = Tool.objects.select_related("server").get(qualified_name=name)
    tool.price_micros = micros
    tool.save()
    return tool


def tool_rows(run: Run) -> list[tuple[str, int]]:
    return list(run.spends.filter(kind="tool").order_by("pk").values_list("state", "charged"))


def adds_up(run: Run) -> None:
    run.refresh_from_db()
    assert run.cost_micros == (run.spends.aggregate(total=Sum("charged"))["total"] or 0)
    assert not Budget.objects.exclude(reserved=0).exists()
    assert budgets.drifts() == []


def cap(ticket: Ticket, micros: int) -> None:
    Budget.objects.filter(scope="ticket", subject=ticket.number).update(cap=micros)


def test_a_priced_read_is_charged_to_every_cap_of_its_run_and_stands_in_the_ledger(
    world: World, client: Client
) -> None:
    price("store__get_order")
    world.script([{"calls": [READ_ORDER, OTHER]}, TEXT])
    run = world.advance(world.write())
    assert run.state == Run.State.COMPLETED
    assert tool_rows(run) == [(State.SETTLED, PRICE), (State.RELEASED, 0)], "the store refused the second"
    row = run.spends.filter(kind="tool").earliest("pk")
    assert (row.call, row.turn, row.agent) == (world.call("store__get_order").run.tool_calls.first().pk, 1, "concierge")
    own = Budget.objects.get(scope="ticket", subject=run.ticket.number)
    assert own.spent == run.cost_micros > PRICE
    adds_up(run)
    today = timezone.now().date()
    assert reconciliation.booked(today, today) == {}, "the provider of the model does not bill it"
    assert reconciliation.booked(today, today, providers=("scripted", "store"))[(today, "scripted")].attempts == 2
    client.force_login(world.ana)
    page = client.get(f"/admin/agents/spend/{row.pk}/change/").content.decode()
    assert "0.02 per call of store__get_order" in page
    assert "Price of the call" in client.get(reverse("agents:run", args=[run.pk])).content.decode()


def test_a_cap_that_does_not_hold_the_price_refuses_the_call_and_a_person_has_the_ticket(world: World) -> None:
    price("store__get_order", 10**9)
    configure_agent(max_cost_micros=10**12)
    world.script([{"calls": [READ_ORDER]}, TEXT])
    ticket = world.write()
    run = world.advance(ticket)
    call = run.tool_calls.get()
    assert (call.state, call.code, call.sent_at) == (ToolCall.State.REFUSED, "over_budget", None)
    assert (run.state, run.ended_because, run.turns) == (Run.State.HANDED_OVER, HandOver.Reason.BUDGET, 1)
    assert "the next call may cost 1000000000" in HandOver.objects.get(ticket=ticket).summary
    assert len(world.replies(ticket)) == 1
    assert AuditEntry.objects.filter(action="agents.budget.denied", run=str(run.pk)).exists()
    assert tool_rows(run) == []
    adds_up(run)


def test_calls_of_one_turn_cost_together_at_most_what_the_run_may(world: World) -> None:
    price("store__get_order", 40_000)
    configure_agent(max_cost_micros=60_000)
    world.script([{"calls": [READ_ORDER, OTHER]}, TEXT])
    run = world.advance(world.write())
    assert sorted(run.tool_calls.values_list("code", flat=True))[-1] == "over_limit"
    assert (run.ended_because, tool_rows(run)) == (HandOver.Reason.LIMIT, [(State.SETTLED, 40_000)])
    assert run.cost_micros <= 60_000
    adds_up(run)


def test_nothing_is_reserved_while_a_person_decides_and_the_price_is_charged_once_it_is_sent(world: World) -> None:
    price("store__issue_refund")
    world.script(REFUND_STORY)
    ticket = world.write()
    run = world.advance(ticket)
    assert (run.state, tool_rows(run)) == (Run.State.AWAITING_APPROVAL, [])
    adds_up(run)
    world.approve(ticket.approval_requests.get())
    run = world.advance(ticket)
    assert (world.replies(ticket)[-1], world.refunds(), tool_rows(run)) == (DONE, 1, [(State.SETTLED, PRICE)])
    adds_up(run)


def test_an_approved_call_that_a_cap_does_not_hold_is_refused_and_nothing_is_sent(world: World) -> None:
    price("store__issue_refund")
    world.script(REFUND_STORY)
    ticket = world.write()
    run = world.advance(ticket)
    cap(ticket, run.cost_micros + PRICE - 1)
    world.approve(ticket.approval_requests.get())
    run = world.advance(ticket)
    call = world.call()
    assert (call.state, call.code, call.price_micros) == (ToolCall.State.REFUSED, "over_budget", 0)
    assert (run.state, run.ended_because) == (Run.State.HANDED_OVER, HandOver.Reason.BUDGET)
    assert (world.refunds(), tool_rows(run)) == (0, [])
    adds_up(run)


@pytest.mark.parametrize(
    ("point", "story", "rows"),
    [
        # It may have been answered, so it is charged; it is made again, for its price again.
        ("reply_committed", [{"calls": [READ_ORDER]}, TEXT], [(State.SETTLED, PRICE)] * 2),
        # The store never heard of it: given back.
        ("after_intent", REFUND_STORY["turns"], [(State.RELEASED, 0), (State.SETTLED, PRICE)]),
        # The store's receipt says that it was carried out.
        ("after_effect", REFUND_STORY["turns"], [(State.SETTLED, PRICE)]),
    ],
)
def test_what_a_dead_worker_had_under_way_is_charged_or_given_back(
    world: World, monkeypatch: pytest.MonkeyPatch, point: str, story: Any, rows: Any
) -> None:
    price("store__get_order", PRICE if point == "reply_committed" else 0)
    price("store__issue_refund")
    world.script(story)
    ticket = world.write()
    if point != "reply_committed":
        world.advance(ticket)
        world.approve(ticket.approval_requests.get())
    monkeypatch.setenv("FAILPOINT", f"{point}:exhaust")
    assert world.advance(ticket).crashes == 1
    monkeypatch.delenv("FAILPOINT")
    run = world.advance(ticket)
    assert run.state == Run.State.COMPLETED
    assert tool_rows(run) == rows
    adds_up(run)


def test_a_call_of_a_run_that_ended_is_charged_as_its_receipt_says(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    price("store__get_order")
    world.script([{"calls": [READ_ORDER]}, TEXT])
    ticket = world.write()
    monkeypatch.setenv("FAILPOINT", "reply_committed:exhaust")
    run = world.advance(ticket)
    Run.objects.filter(pk=run.pk).update(state=Run.State.CANCELLED)
    ToolCall.objects.update(sent_at="2020-01-01T00:00:00Z")
    assert abandoned.settle_abandoned() == 1
    assert (world.call("store__get_order").code, tool_rows(run)) == ("no_answer", [(State.SETTLED, PRICE)])
    adds_up(run)


def test_a_colleagues_call_draws_on_the_caps_of_the_house_and_the_customer_never_on_an_agents(world: World) -> None:
    price("store__get_order")
    price("store__issue_refund")
    world.rosa.groups.add(Group.objects.get(name="Billing specialist"))
    ticket = world.write()
    own = Budget.objects.create(scope="customer", subject="CUS-1001", period="day", cap=PRICE)

    def read() -> ToolCall:
        order = {"order_id": "ORD-1042"}
        call = direct.call_tool(ticket=ticket, by=world.rosa, tool="store__get_order", arguments=order, reason="see it")
        AgentRunner(call.run_id).advance()
        call.refresh_from_db()
        return call

    first, second = read(), read()
    assert (first.state, second.state, second.code) == ("SUCCEEDED", "REFUSED", "over_budget")
    row = first.run.spends.get()
    own.refresh_from_db()
    assert (row.agent, row.charged, own.spent, own.reserved) == ("", PRICE, PRICE, 0)
    assert not Budget.objects.filter(scope="agent", spent__gt=0).exists()
    adds_up(first.run)
    Budget.objects.all().delete()
    assert read().state == "SUCCEEDED", "no cap concerns it"


class TestOfAnotherHouse:
    """A server that is not ours: its answer is all that is known."""

    @pytest.fixture
    def world(self, transactional_db: None, settings: Any, tmp_path: Path) -> World:
        return build_world(settings, tmp_path)

    @pytest.fixture
    def bank(self, settings: Any, tmp_path: Path) -> Iterator[Bank]:
        settings.INTERNAL_HOSTS = ["127.0.0.1"]
        with Bank(tmp_path) as server:
            yield server

    @pytest.mark.parametrize(
        ("mode", "state", "row"),
        [
            ("", ToolCall.State.SUCCEEDED, (State.SETTLED, PRICE)),
            ("closed_after", ToolCall.State.OUTCOME_UNKNOWN, (State.SETTLED, PRICE)),
            ("refused", ToolCall.State.FAILED, (State.RELEASED, 0)),
        ],
    )
    def test_what_was_sent_or_may_have_been_is_charged_and_what_was_not_is_given_back(
        self, world: World, bank: Bank, mode: str, state: str, row: tuple[str, int]
    ) -> None:
        tool = import_bank(bank, Tool.Repeat.OPAQUE, price_micros=PRICE)
        if mode:
            bank.fault(mode)
        world.script([{"calls": [pay_back(tool)]}, TEXT])
        run = world.advance(world.write("Please refund PAY-0001."))
        assert (world.call(tool.qualified_name).state, tool_rows(run)) == (state, [row])
        adds_up(run)
