"""A run may end while a call of it is under way: what the call did is found out and written all the same."""

from agents import abandoned, services
from agents.lease import claim
from agents.models import Run, ToolCall
from approvals.models import ApprovalRequest
from audit import verification
from supportagent.grants.models import Receipt
from supportagent.store.models import Refund
from supportagent.tickets import services as tickets
from tests.broker import eventually
from tests.faults.processes import Workers
from tests.world import World

KILLED = -9


def killed_while_sending(world: World, workers: Workers, failpoint: str) -> ApprovalRequest:
    """An approved refund whose worker died after its intent was committed."""
    request = world.held_refund()
    world.approve(request)
    assert workers.work(request.ticket.runs.get(), failpoint=failpoint) == KILLED
    return request


def lease_is_over() -> None:
    ToolCall.objects.filter(state=ToolCall.State.SENDING).update(sent_at="2020-01-01T00:00:00Z")


def test_a_refund_that_happened_before_a_person_took_over_is_known_to_have_happened(
    world: World, workers: Workers
) -> None:
    request = killed_while_sending(world, workers, "after_effect")
    tickets.take_over(ticket=request.ticket, by=world.rosa)
    assert abandoned.settle_abandoned() == 0, "its worker may still be at it"

    lease_is_over()
    assert abandoned.settle_abandoned() == 1
    call = world.call()
    assert (call.state, call.result["amount_minor"]) == (ToolCall.State.SUCCEEDED, 8400)
    assert call.run.state == Run.State.CANCELLED
    assert abandoned.settle_abandoned() == 0
    assert verification.verify().findings == ()


def test_a_refund_that_never_left_is_closed_for_good_and_may_be_asked_for_again(world: World, workers: Workers) -> None:
    request = killed_while_sending(world, workers, "after_intent")
    tickets.take_over(ticket=request.ticket, by=world.rosa)
    lease_is_over()
    assert abandoned.settle_abandoned() == 1
    call = world.call()
    assert (call.state, call.code) == (ToolCall.State.FAILED, "run_ended")
    assert Receipt.objects.get(key=call.key).void

    tickets.hand_back(ticket=request.ticket, by=world.rosa, brief="Please refund it after all.")
    world.advance(request.ticket)
    world.approve(ApprovalRequest.objects.pending().get())
    world.advance(request.ticket)
    assert Refund.objects.count() == 1
    assert verification.verify().findings == ()


def test_a_run_that_is_parked_in_the_middle_of_a_call_leaves_nothing_under_way(world: World, workers: Workers) -> None:
    request = killed_while_sending(world, workers, "after_effect")
    run = request.ticket.runs.get()
    Run.objects.filter(pk=run.pk).update(crashes=services.MAX_CRASHES - 1)
    eventually(services.reap, within=10)
    run.refresh_from_db()
    assert run.state == Run.State.PARKED
    lease_is_over()
    abandoned.settle_abandoned()
    assert world.call().state == ToolCall.State.SUCCEEDED
    assert Refund.objects.count() == 1
    assert verification.verify().findings == ()


def test_a_run_that_already_works_again_is_left_to_its_worker(world: World, workers: Workers) -> None:
    request = killed_while_sending(world, workers, "after_effect")
    eventually(services.reap, within=10)
    lease_is_over()
    assert claim(request.ticket.runs.get().pk) is not None
    assert abandoned.settle_abandoned() == 0
    assert world.call().state == ToolCall.State.SENDING
