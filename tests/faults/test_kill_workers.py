"""A worker is killed with SIGKILL at the worst moments of a refund: nothing is lost and nothing happens twice.

The workers are real processes on the test's database, SQLite or PostgreSQL. What another process would do after
them (the reaper's round, the next worker) happens here, in the test's.
"""

from datetime import timedelta
from typing import Any

import pytest

from agents import services
from agents.costs import budgets
from agents.models import Run, Spend, ToolCall
from approvals.models import ApprovalRequest
from audit import verification
from audit.models import AuditEntry
from supportagent.store.models import Refund
from supportagent.tickets.models import HandOver, Ticket
from tests.broker import eventually
from tests.faults.processes import Workers
from tests.world import DONE, HELD, READ_ORDER, REFUND_STORY, World

KILLED = -9


def approved_refund(world: World) -> tuple[Ticket, Run]:
    """A refund that a supervisor approved and no worker has carried out yet."""
    request = world.held_refund()
    world.approve(request)
    return request.ticket, request.ticket.runs.get()


def reap() -> None:
    """The reaper's round, once the dead worker's lease has run out."""
    assert eventually(services.reap, within=10, told="the lease did not run out") == 1


def check_everything(world: World, ticket: Ticket) -> None:
    """The refund happened once, the run is through, the customer knows, the trail proves it, no money is held."""
    run = ticket.runs.get()
    assert run.state == Run.State.COMPLETED
    assert Refund.objects.filter(order=world.order).count() == 1
    assert world.replies(ticket) == [HELD, DONE]
    assert world.call().state == ToolCall.State.SUCCEEDED
    outcomes = AuditEntry.objects.filter(action="agents.tool_call.succeeded", run=str(run.pk))
    assert outcomes.count() == 1
    assert not run.tool_calls.exclude(state__in=ToolCall.FINAL).exists()
    assert budgets.drifts() == []
    assert verification.verify().findings == ()


def test_a_worker_killed_with_a_job_in_its_hand_leaves_a_run_that_the_sweep_finds(
    world: World, workers: Workers, settings: Any
) -> None:
    ticket, run = approved_refund(world)
    settings.JOB_LOST_AFTER = timedelta(minutes=1)
    before = Run.objects.get(pk=run.pk)
    assert workers.work(run, failpoint="before_claim") == KILLED
    run.refresh_from_db()
    assert (run.state, run.fence) == (Run.State.QUEUED, before.fence)
    assert services.reap() == 0, "nobody had it"
    assert services.sweep() == 0, "its job may still be in the queue"
    settings.JOB_LOST_AFTER = timedelta(0)
    assert services.sweep() == 1
    assert workers.work(run) == 0
    check_everything(world, ticket)
    run.refresh_from_db()
    assert run.crashes == 0


@pytest.mark.parametrize("failpoint", ["before_intent", "after_intent", "after_effect"])
def test_a_worker_killed_around_the_refund_neither_loses_nor_repeats_it(
    world: World, workers: Workers, failpoint: str
) -> None:
    ticket, run = approved_refund(world)

    assert workers.work(run, failpoint=failpoint) == KILLED
    assert Refund.objects.count() == (1 if failpoint == "after_effect" else 0)
    assert world.call().state == (ToolCall.State.READY if failpoint == "before_intent" else ToolCall.State.SENDING)

    reap()
    assert workers.work(run) == 0
    check_everything(world, ticket)
    assert world.call().attempt == (2 if failpoint == "after_intent" else 1)


def test_a_worker_killed_while_the_model_thinks_costs_the_reservation_and_not_the_run(
    world: World, workers: Workers
) -> None:
    world.script(REFUND_STORY)
    ticket = world.write()
    run = ticket.runs.get()
    assert workers.work(run, failpoint="reserved") == KILLED
    lost = Spend.objects.get()
    assert lost.state == Spend.State.RESERVED

    reap()
    assert workers.work(run) == 0
    request = ApprovalRequest.objects.pending().get()
    world.approve(request)
    assert workers.work(run) == 0
    check_everything(world, ticket)

    Spend.objects.filter(pk=lost.pk).update(expires_at="2020-01-01T00:00:00Z")
    assert budgets.forfeit_expired() == 1
    lost.refresh_from_db()
    assert (lost.state, lost.charged) == (Spend.State.FORFEITED, lost.reserved)
    assert budgets.drifts() == []


def test_a_worker_killed_after_the_reply_was_stored_reads_what_it_asked_for_and_asks_nothing_twice(
    world: World,
    workers: Workers,
) -> None:
    world.script([{"calls": [READ_ORDER]}, {"text": "It was delivered."}])
    ticket = world.write("Where is ORD-1042?")
    run = ticket.runs.get()
    assert workers.work(run, failpoint="reply_committed") == KILLED
    assert world.call("store__get_order").state == ToolCall.State.SENDING

    reap()
    world.advance(ticket)
    assert world.replies(ticket) == ["It was delivered."]
    assert list(run.model_calls.values_list("turn", flat=True)) == [1, 2]
    assert (world.call("store__get_order").state, world.call("store__get_order").attempt) == ("SUCCEEDED", 2)
    assert verification.verify().findings == ()


def test_a_run_that_kills_three_workers_is_parked_and_a_person_gets_the_ticket(world: World, workers: Workers) -> None:
    ticket, run = approved_refund(world)
    for _ in range(3):
        assert workers.work(run, failpoint="before_intent") == KILLED
        reap()
    run.refresh_from_db()
    ticket.refresh_from_db()
    assert (run.state, run.crashes) == (Run.State.PARKED, 3)
    assert ticket.state == Ticket.State.WAITING_PERSON
    assert HandOver.objects.get(ticket=ticket).reason_code == HandOver.Reason.FAILURE
    assert world.replies(ticket)[-1] == services.NOBODY_ANSWERS
    assert Refund.objects.count() == 0
    assert (world.call().state, world.call().code) == (ToolCall.State.REFUSED, "cancelled")
    assert services.reap() == services.sweep() == 0
    assert verification.verify().findings == ()


def test_the_same_job_delivered_to_two_workers_at_once_is_done_by_one(world: World, workers: Workers) -> None:
    ticket, run = approved_refund(world)
    fence = run.fence
    assert workers.at_once([run, run]) == [0, 0]
    check_everything(world, ticket)
    run.refresh_from_db()
    assert run.fence == fence + 1
