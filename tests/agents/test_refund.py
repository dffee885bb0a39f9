"""The refund, from the customer's message to the answer, and everything that may come between."""

from collections.abc import Callable
from typing import Any

import pytest

from agents.loop.runner import AgentRunner
from agents.models import KillSwitch, Run, Spend, ToolCall
from agents.providers.base import ModelReply, ModelRequest
from agents.providers.scripted import Scripted
from approvals import services as approvals
from approvals.models import ApprovalRequest
from audit import verification
from audit.models import AuditEntry
from supportagent.store.models import Order
from supportagent.tickets import services as tickets
from supportagent.tickets.models import HandOver, Ticket
from supportagent.tools.models import Tool, ToolGrant
from tests.world import ASK_REFUND, DONE, HELD, READ_ORDER, World


def test_a_refund_waits_for_a_person_and_then_moves_exactly_once(world: World) -> None:
    request = world.held_refund()
    ticket = request.ticket
    assert world.refunds() == 0
    assert world.replies(ticket) == [HELD]
    assert ticket.runs.get().state == Run.State.AWAITING_APPROVAL

    world.approve(request)
    run = world.advance(ticket)

    assert run.state == Run.State.COMPLETED
    assert world.refunds() == 1
    assert world.replies(ticket) == [HELD, DONE]
    AgentRunner(run.pk).advance()
    assert world.refunds() == 1


def test_every_step_of_a_refund_stands_in_the_audit_trail(world: World) -> None:
    request = world.held_refund()
    world.approve(request)
    world.advance(request.ticket)

    actions = list(
        AuditEntry.objects.filter(ticket=request.ticket.number).order_by("seq").values_list("action", flat=True)
    )
    in_order = [
        "tickets.message.received",
        "agents.run.started",
        "agents.reads.intended",
        "agents.reads.finished",
        "approvals.request.created",
        "approvals.request.approved",
        "agents.tool_call.intended",
        "agents.tool_call.succeeded",
        "agents.run.completed",
    ]
    assert [action for action in actions if action in in_order] == in_order
    assert verification.verify().ok


def test_the_card_shows_the_facts_and_where_each_argument_came_from(world: World) -> None:
    request = world.held_refund()
    assert request.title == "Issue refund EUR 84.00 · ORD-1042"
    assert request.facts["captured_minor"] == 8400
    assert request.facts["payment_method"] == "card •4242"
    assert request.customer_words == "Please refund ORD-1042, it arrived broken."
    assert request.provenance["amount_minor"] == "the customer's record"
    assert request.stated_reason == "arrived broken"


def test_a_rejection_reaches_the_model_and_the_same_refund_may_not_be_proposed_again(world: World) -> None:
    request = world.held_refund()
    approvals.reject(request=request, by=world.ana, shown_digest=request.digest, reason_code="policy")
    world.script([{"calls": [ASK_REFUND]}, {"text": "I am sorry, we cannot refund this."}])
    world.advance(request.ticket)

    world.write("But I want it back! ORD-1042")
    run = world.advance(request.ticket)
    refused = run.tool_calls.get(name="store__issue_refund")
    assert (refused.state, refused.code) == (ToolCall.State.REFUSED, "rejected_before")
    assert world.refunds() == 0


def test_an_expired_request_moves_no_money_and_the_agent_is_told(world: World) -> None:
    request = world.held_refund()
    ApprovalRequest.objects.filter(pk=request.pk).update(expires_at="2020-01-01T00:00:00Z")
    assert approvals.expire_due() == 1
    world.advance(request.ticket)
    assert world.refunds() == 0
    assert world.call().code == "expired"


def test_an_order_that_changed_after_the_approval_goes_back_to_the_queue_with_what_changed(
    world: World,
) -> None:
    request = world.held_refund()
    world.approve(request)
    Order.objects.filter(pk=world.order.pk).update(revision=9)
    world.advance(request.ticket)

    request.refresh_from_db()
    again = ApprovalRequest.objects.pending().get()
    assert world.refunds() == 0
    assert request.state == ApprovalRequest.State.SUPERSEDED
    assert again.supersedes == request
    assert {"field": "revision", "was": 1, "now": 9} in again.what_changed

    world.approve(again)
    world.advance(request.ticket)
    assert world.refunds() == 1


def test_a_changed_rule_puts_the_request_before_a_person_again(world: World) -> None:
    request = world.held_refund()
    world.approve(request)
    assert request.rule is not None
    request.rule.name = "Every refund, again"
    request.rule.save()
    world.advance(request.ticket)
    assert world.refunds() == 0
    assert ApprovalRequest.objects.pending().exists()


def test_an_approver_who_lost_the_right_meanwhile_does_not_count(world: World) -> None:
    request = world.held_refund()
    world.approve(request)
    ToolGrant.objects.filter(permission__codename="approve_tool", group__user=world.ana).delete()
    world.advance(request.ticket)
    assert world.refunds() == 0


def test_an_agent_whose_account_was_switched_off_meanwhile_sends_nothing(world: World) -> None:
    request = world.held_refund()
    world.approve(request)
    type(world.agent.service_user).objects.filter(pk=world.agent.service_user_id).update(is_active=False)
    world.advance(request.ticket)
    assert world.refunds() == 0
    assert world.call().state == ToolCall.State.REFUSED


def test_an_approver_whose_account_was_switched_off_meanwhile_does_not_count(world: World) -> None:
    request = world.held_refund()
    world.approve(request)
    type(world.ana).objects.filter(pk=world.ana.pk).update(is_active=False)
    world.advance(request.ticket)
    assert world.refunds() == 0


@pytest.mark.parametrize("switch", ["all", "agent", "server", "tool"])
def test_a_kill_switch_stops_an_approved_refund(world: World, switch: str) -> None:
    request = world.held_refund()
    world.approve(request)
    tool = Tool.objects.select_related("server").get(qualified_name="store__issue_refund")
    if switch == "all":
        KillSwitch.objects.update(engaged=True)
    elif switch == "agent":
        type(world.agent).objects.update(status="paused")
    elif switch == "server":
        type(tool.server).objects.filter(pk=tool.server_id).update(enabled=False)
    else:
        Tool.objects.filter(pk=tool.pk).update(enabled=False)
    world.advance(request.ticket)
    assert world.refunds() == 0
    assert world.call().code == "killed"


def test_a_taker_over_ends_the_pending_request_and_silences_the_agent(world: World) -> None:
    request = world.held_refund()
    tickets.take_over(ticket=request.ticket, by=world.rosa)
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.CANCELLED
    assert request.ticket.runs.get().state == Run.State.CANCELLED
    before = world.replies(request.ticket)
    world.write("Hello? Is anybody there?")
    assert world.replies(request.ticket) == before


def test_two_refunds_of_one_order_are_never_under_way_at_once(world: World) -> None:
    first = world.held_refund()
    world.script([{"calls": [ASK_REFUND]}, {"text": "It is already being looked at."}])
    world.write("And once more: ORD-1042")
    world.advance(first.ticket)
    assert ApprovalRequest.objects.pending().count() == 1
    assert ToolCall.objects.filter(code="already_under_way").count() == 1


def test_a_refund_above_what_was_captured_is_refused_at_the_gate_or_by_the_shop(world: World) -> None:
    too_much = {"name": "store__issue_refund", "arguments": {**ASK_REFUND["arguments"], "amount_minor": 9000}}
    world.script([{"calls": [too_much]}, {"text": "I asked a colleague."}, {"text": "That did not work."}])
    ticket = world.write()
    world.advance(ticket)
    for request in ApprovalRequest.objects.pending():
        world.approve(request)
        world.advance(ticket)
    assert world.refunds() == 0


def test_a_reply_that_claims_a_refund_without_one_becomes_a_hand_over(world: World) -> None:
    world.script([{"text": DONE}])
    ticket = world.write()
    run = world.advance(ticket)
    ticket.refresh_from_db()
    assert run.state == Run.State.HANDED_OVER
    assert ticket.state == Ticket.State.WAITING_PERSON
    assert DONE not in world.replies(ticket)
    assert HandOver.objects.get(ticket=ticket).reason_code == HandOver.Reason.GUARDRAIL


def test_another_customers_order_does_not_exist_for_the_agent(world: World) -> None:
    foreign = {"name": "store__get_order", "arguments": {"order_id": "ORD-1043", "stated_reason": "look"}}
    world.script([{"calls": [foreign]}, {"text": "I cannot find that order."}])
    world.advance(world.write("What about ORD-1043?"))
    call = world.call("store__get_order")
    assert call.state == ToolCall.State.FAILED
    assert call.code == "not_found"


def test_an_unverified_visitor_is_offered_no_account_tools(world: World) -> None:
    world.script([{"calls": [READ_ORDER]}, {"text": "Please log in at the shop first."}])
    ticket = world.write(assurance=Ticket.Assurance.ANONYMOUS)
    world.advance(ticket)
    assert world.call("store__get_order").code == "unknown_tool"


class Interrupted(Scripted):
    """A model during whose first answer something else happens."""

    meanwhile: Callable[[], object] | None = None

    def complete(self, request: ModelRequest) -> ModelReply:
        reply = super().complete(request)
        happens, Interrupted.meanwhile = Interrupted.meanwhile, None
        if happens:
            happens()
        return reply


@pytest.fixture
def interrupted(world: World, settings: Any) -> World:
    settings.MODEL_PROVIDERS = {"interrupted": f"{__name__}.Interrupted"}
    settings.DEFAULT_MODEL_PROVIDER = "interrupted"
    settings.NOMINAL_PRICES = {"scripted": (400_000, 1_600_000)}
    return world


def test_a_message_that_arrives_while_the_model_writes_is_answered_too(interrupted: World) -> None:
    world = interrupted
    world.script([{"text": "One answer to all of it."}])
    ticket = world.write()
    Interrupted.meanwhile = lambda: world.write("One more thing.")
    run = world.advance(ticket)
    assert run.state == Run.State.COMPLETED
    assert [turn.fate for turn in run.model_calls.order_by("turn")] == ["unsent", "sent"]
    assert world.replies(ticket) == ["One answer to all of it."]


def test_nothing_of_a_turn_reaches_the_customer_after_a_person_took_over(interrupted: World) -> None:
    world = interrupted
    world.script([{"text": "I am the agent."}])
    ticket = world.write()
    Interrupted.meanwhile = lambda: tickets.take_over(ticket=ticket, by=world.rosa)
    run = world.advance(ticket)
    assert run.state == Run.State.CANCELLED
    assert world.replies(ticket) == []
    assert Spend.objects.get(run=run).state == Spend.State.SETTLED


def test_after_the_answer_the_ticket_waits_for_the_customer(world: World) -> None:
    request = world.held_refund()
    request.ticket.refresh_from_db()
    assert request.ticket.state == Ticket.State.WAITING_APPROVAL
    world.approve(request)
    world.advance(request.ticket)
    request.ticket.refresh_from_db()
    assert request.ticket.state == Ticket.State.WAITING_CUSTOMER


def test_a_customer_who_asks_often_while_a_refund_waits_does_not_lose_it(world: World) -> None:
    request = world.held_refund()
    world.script([{"calls": [READ_ORDER]}, {"text": "It is still being looked at."}])
    for _ in range(8):
        world.write("Any news about ORD-1042?")
        world.advance(request.ticket)
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.PENDING
    assert request.ticket.runs.get().state == Run.State.AWAITING_APPROVAL


def test_an_agent_that_repeats_itself_is_stopped_and_the_customer_is_told(world: World) -> None:
    world.script([{"calls": [READ_ORDER]}])
    ticket = world.write()
    run = world.advance(ticket)
    assert run.state == Run.State.HANDED_OVER
    assert HandOver.objects.get(ticket=ticket).reason_code == HandOver.Reason.LIMIT
    assert "4 identical calls of 4" in HandOver.objects.get(ticket=ticket).summary
    assert len(world.replies(ticket)) == 1
