"""A worker that is asked to end gives its runs back: nobody waits for a lease, no crash counts, nothing is twice."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents import services
from agents.lease import Claim, FenceLost, claim, heartbeat, step
from agents.loop import execution, runner
from agents.loop.runner import AgentRunner
from agents.models import Run, Spend, ToolCall
from agents.stopping import stopping
from audit import verification
from supportagent.grants.server import Outcome
from supportagent.tickets.models import Ticket
from tests.agents.test_refund import Interrupted
from tests.world import DONE, HELD, READ_ORDER, World, build_world


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    world = build_world(settings, tmp_path)
    settings.MODEL_PROVIDERS = {"interrupted": f"{Interrupted.__module__}.{Interrupted.__name__}"}
    settings.DEFAULT_MODEL_PROVIDER = "interrupted"
    return world


@pytest.fixture(autouse=True)
def told_to_go_on() -> Iterator[None]:
    """Whatever a test asked this process to do, the next one finds it at work."""
    yield
    stopping.clear()
    Interrupted.meanwhile = None


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The runs that a worker was asked to look at."""
    asked: list[Any] = []
    for module in (services, runner):
        monkeypatch.setattr(module, "enqueue", asked.append)
    return asked


def claimed(world: World) -> Claim:
    world.script([{"text": "Hello."}])
    held = claim(world.write("Hello!").runs.get().pk)
    assert held is not None
    return held


def test_a_run_that_is_given_back_can_be_taken_at_once_and_its_former_worker_writes_nothing(
    world: World, enqueued: list[Any]
) -> None:
    held = claimed(world)
    enqueued.clear()
    assert services.give_back(held)
    assert enqueued == [held.run_id]
    run = Run.objects.get(pk=held.run_id)
    assert (run.state, run.crashes) == (Run.State.QUEUED, 0)
    with pytest.raises(FenceLost), step(held):
        pass
    assert claim(held.run_id) is not None, "nobody waits for the lease"
    assert not services.give_back(held), "it is another worker's by now"


@pytest.mark.parametrize("state", [Run.State.COMPLETED, Run.State.AWAITING_APPROVAL, Run.State.CANCELLED])
def test_a_run_that_was_left_meanwhile_is_not_given_back(world: World, enqueued: list[Any], state: str) -> None:
    held = claimed(world)
    enqueued.clear()
    Run.objects.filter(pk=held.run_id).update(state=state)
    assert not services.give_back(held)
    assert Run.objects.get(pk=held.run_id).state == state
    assert enqueued == []


def test_a_run_that_cannot_be_given_back_does_not_keep_the_others(
    world: World, enqueued: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    held = claimed(world)
    enqueued.clear()
    nobodys = Claim(Run(pk="not an id"), 1, held.actor)
    monkeypatch.setattr(heartbeat, "held", lambda: [nobodys, held])
    assert services.give_back_held() == 1
    assert enqueued == [held.run_id]


def test_a_process_that_ends_takes_no_run_that_it_would_have_to_give_back(world: World, enqueued: list[Any]) -> None:
    world.script([{"text": "Hello."}])
    run = world.write("Hello!").runs.get()
    enqueued.clear()
    stopping.set()
    AgentRunner(run.pk).advance()
    run.refresh_from_db()
    assert (run.state, run.fence) == (Run.State.QUEUED, 0)
    assert enqueued == [run.pk], "its job is another's"


def test_what_the_model_said_when_the_worker_was_told_to_end_is_kept_and_not_asked_again(world: World) -> None:
    world.script({"turns": [{"calls": [READ_ORDER]}, {"text": "It was delivered."}]})
    ticket = world.write("Where is ORD-1042?")
    Interrupted.meanwhile = stopping.set
    run = world.advance(ticket)
    assert (run.state, run.turns, run.crashes) == (Run.State.QUEUED, 1, 0)
    assert not ToolCall.objects.filter(state=ToolCall.State.SENDING).exists()
    assert world.replies(ticket) == []

    stopping.clear()
    run = world.advance(ticket)
    assert (run.state, run.turns) == (Run.State.COMPLETED, 2)
    assert world.replies(ticket) == ["It was delivered."]
    assert not Spend.objects.filter(state=Spend.State.RESERVED).exists()
    assert verification.verify().findings == ()


def test_a_call_under_way_is_concluded_and_no_other_is_begun(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    request = world.held_refund()
    world.approve(request)
    sent: list[str] = []
    send = execution.send

    def told_during_the_call(call: ToolCall) -> Outcome | execution.Unknown:
        sent.append(call.name)
        stopping.set()
        return send(call)

    with monkeypatch.context() as telling:
        telling.setattr(execution, "send", told_during_the_call)
        run = world.advance(request.ticket)
    assert sent == ["store__issue_refund"]
    assert (world.call().state, world.refunds()) == (ToolCall.State.SUCCEEDED, 1)
    assert (run.state, run.crashes) == (Run.State.QUEUED, 0)
    assert world.replies(request.ticket) == [HELD]

    stopping.clear()
    run = world.advance(request.ticket)
    assert run.state == Run.State.COMPLETED
    assert (world.refunds(), world.replies(request.ticket)) == (1, [HELD, DONE])
    assert verification.verify().findings == ()


def test_a_run_given_back_in_the_middle_of_a_call_happens_once_whoever_is_faster(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = world.held_refund()
    world.approve(request)
    send = execution.send

    def given_back_before_the_call_arrives(call: ToolCall) -> Outcome | execution.Unknown:
        monkeypatch.setattr(execution, "send", send)
        assert services.give_back_held() == 1
        world.advance(request.ticket)  # another worker goes on, and finds the call under way
        return send(call)

    monkeypatch.setattr(execution, "send", given_back_before_the_call_arrives)
    run = world.advance(request.ticket)
    assert (run.state, run.crashes) == (Run.State.COMPLETED, 0)
    assert (world.refunds(), world.replies(request.ticket)) == (1, [HELD, DONE])
    assert (world.call().state, world.call().attempt) == (ToolCall.State.SUCCEEDED, 2)
    assert Ticket.objects.get(pk=request.ticket.pk).state == Ticket.State.WAITING_CUSTOMER
    assert verification.verify().findings == ()
