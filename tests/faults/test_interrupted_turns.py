"""Something happens while the model writes, or a worker dies between two thoughts: the customer is still answered."""

import threading
from pathlib import Path
from typing import Any

import pytest

from agents import failpoints, scheduler, services
from agents.loop.runner import AgentRunner
from agents.models import Run
from approvals.models import ApprovalRequest
from supportagent.store.models import Order
from supportagent.tickets.models import HandOver, Ticket
from tests.agents.test_refund import Interrupted
from tests.world import DONE, HELD, World, build_world

LONG_AGO = "2020-01-01T00:00:00Z"


class Died(BaseException):
    """The process is gone: no handler runs."""


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    world = build_world(settings, tmp_path)
    settings.MODEL_PROVIDERS = {"interrupted": f"{Interrupted.__module__}.{Interrupted.__name__}"}
    settings.DEFAULT_MODEL_PROVIDER = "interrupted"
    return world


def test_an_answer_is_sent_although_a_decision_came_to_nothing_while_it_was_written(world: World) -> None:
    request = world.held_refund()
    ticket = request.ticket

    def decide_on_an_order_that_changes() -> None:
        world.approve(request)
        Order.objects.filter(pk=world.order.pk).update(revision=9)

    world.script([{"text": "Somebody is looking at it."}])
    world.write("Is there any news?")
    Interrupted.meanwhile = decide_on_an_order_that_changes
    run = world.advance(ticket)

    assert ApprovalRequest.objects.pending().get().supersedes == request
    assert world.replies(ticket) == [HELD, "Somebody is looking at it."]
    assert run.state == Run.State.AWAITING_APPROVAL


def test_an_answer_that_a_decision_makes_stale_is_replaced_by_one_that_knows_it(world: World) -> None:
    request = world.held_refund()
    world.script({"turns": [{"text": "Somebody is looking at it."}, {"text": DONE}]})
    world.write("Is there any news?")
    Interrupted.meanwhile = lambda: world.approve(request)
    run = world.advance(request.ticket)
    assert world.replies(request.ticket) == [HELD, DONE]
    assert run.state == Run.State.COMPLETED


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_worker_that_dies_around_a_withheld_answer_still_hands_over(
    world: World, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    world.script([{"text": DONE}])  # a lie: nothing was refunded
    ticket = world.write("Hello!")
    left = [steps]

    def die(name: str) -> None:
        left[0] -= name == "committed"
        if left[0] == 0:
            raise Died

    with monkeypatch.context() as dying, pytest.raises(Died):
        dying.setattr(failpoints, "reach", die)
        AgentRunner(ticket.runs.get().pk).advance()
    Run.objects.filter(state=Run.State.RUNNING).update(lease_until=LONG_AGO)
    services.reap()
    world.advance(ticket)

    ticket.refresh_from_db()
    assert ticket.state == Ticket.State.WAITING_PERSON
    assert HandOver.objects.get(ticket=ticket).reason_code == HandOver.Reason.GUARDRAIL
    assert DONE not in world.replies(ticket)


def test_a_duty_that_fails_does_not_end_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, done = threading.Event(), []

    def fail() -> int:
        raise ValueError("a row that nobody expected")

    def end() -> int:
        done.append(True)
        stop.set()
        return 0

    monkeypatch.setattr(scheduler, "duties", lambda: [scheduler.Duty("fails", 1, fail), scheduler.Duty("ends", 1, end)])
    scheduler.run(stop)
    assert done == [True]
