"""What agents were doing on a ticket that a person closes, or merges into another."""

import pytest
from django.contrib.auth.models import Group

from agents import direct
from agents.loop.runner import AgentRunner
from agents.models import Run
from approvals.errors import DecisionRefused
from approvals.models import ApprovalRequest
from audit.verification import verify
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Ticket
from tests.world import HELD, World

REFUND = {"order_id": "ORD-1042", "amount_minor": 8400, "currency": "EUR"}


def parallel(world: World, ticket: Ticket) -> Ticket:
    """Another open thread of the same customer."""
    before = ticket.state
    Ticket.objects.filter(pk=ticket.pk).update(state="RESOLVED")
    other = world.write("About that refund: hello?")
    Ticket.objects.filter(pk=ticket.pk).update(state=before)
    assert other != ticket
    return other


def test_a_person_who_closes_the_ticket_withdraws_what_its_agent_asked_for(world: World) -> None:
    request = world.held_refund()
    tickets.close(ticket=request.ticket, by=world.ana, outcome="not_resolved")
    request.refresh_from_db()
    run = Run.objects.get()
    assert (run.state, run.ended_because, request.state) == ("CANCELLED", "closed", "CANCELLED")
    assert run.events.filter(title="The ticket was closed").exists()
    with pytest.raises(DecisionRefused):
        world.approve(request)
    assert world.refunds() == 0 and world.replies(request.ticket) == [HELD]


def test_merged_its_run_ends_its_request_is_withdrawn_and_the_other_thread_answers_it_once(world: World) -> None:
    request = world.held_refund()
    source = Ticket.objects.get(pk=request.ticket_id)
    target = parallel(world, source)
    tickets.merge(ticket=source, into=target, by=world.ana)
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.CANCELLED
    assert Run.objects.get(ticket=source).ended_because == "merged"
    assert Run.objects.filter(ticket=target).count() == 1, "what was carried over joins the run that is there"
    world.script([{"text": "We will look into your refund."}])
    run = world.advance(target)
    assert (run.state, world.replies(target)) == ("COMPLETED", ["We will look into your refund."])
    assert world.replies(source) == [HELD] and world.refunds() == 0
    shown = [ref for turn in run.model_calls.all() for ref in turn.shown if ref[0] == "message"]
    assert len(shown) >= 2
    assert verify().findings == ()


def test_merged_what_a_colleague_asked_for_is_withdrawn_too(world: World) -> None:
    source = world.write()
    world.rosa.groups.add(Group.objects.get(name="Billing specialist"))
    call = direct.call_tool(
        ticket=source, by=world.rosa, tool="store__issue_refund", arguments=REFUND, reason="arrived broken"
    )
    AgentRunner(call.run_id).advance()
    assert ApprovalRequest.objects.pending().exists()
    tickets.merge(ticket=source, into=parallel(world, source), by=world.ana)
    AgentRunner(call.run_id).advance()
    call.refresh_from_db()
    assert (call.state, call.code, Run.objects.get(pk=call.run_id).state) == ("REFUSED", "cancelled", "COMPLETED")
    assert not ApprovalRequest.objects.pending().exists() and world.refunds() == 0


def test_a_worker_in_the_middle_of_a_turn_says_nothing_in_a_ticket_that_was_closed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = world.write()
    world.script([{"text": "It ships today."}])
    think = AgentRunner._think

    def closed_meanwhile(runner: AgentRunner, *given: object) -> object:
        thought = think(runner, *given)  # type: ignore[arg-type]
        tickets.close(ticket=ticket, by=world.ana, outcome="by_person")
        return thought

    monkeypatch.setattr(AgentRunner, "_think", closed_meanwhile)
    run = world.advance(ticket)
    assert run.state == "CANCELLED" and world.replies(ticket) == []
