"""A database that fails in one step costs that step: no call is made again, and nobody reads of an error of ours."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection
from django.test import Client, RequestFactory

from agents import services
from agents.loop import execution, gate
from agents.models import Run, ToolCall
from audit import verification
from supportagent.console import outage
from tests.world import DONE, HELD, World, build_world

DEADLOCK = OperationalError("deadlock detected")
REFUND = "store__issue_refund"


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


def failing(what: Callable[..., Any], *, times: int = 1) -> Callable[..., Any]:
    """The step as it is, but the first times the database gives it up after it has done everything."""
    left = [times]

    def step(*args: Any, **more: Any) -> Any:
        result = what(*args, **more)
        call = args[1]
        if left[0] and call.name == REFUND:
            left[0] -= 1
            raise DEADLOCK
        return result

    return step


@pytest.mark.parametrize(
    ("module", "name", "sent"),
    [(execution, "conclude", 1), (gate, "intend", 0)],
    ids=["the outcome", "the intent"],
)
def test_a_step_that_the_database_gives_up_is_done_again_and_the_call_is_not(
    world: World, monkeypatch: pytest.MonkeyPatch, module: Any, name: str, sent: int
) -> None:
    request = world.held_refund()
    world.approve(request)
    calls: list[str] = []
    send = execution.send

    def counted(call: ToolCall) -> Any:
        calls.append(call.name)
        return send(call)

    monkeypatch.setattr(execution, "send", counted)
    monkeypatch.setattr(module, name, failing(getattr(module, name)))
    run = world.advance(request.ticket)
    assert (run.state, run.crashes, calls) == (Run.State.QUEUED, 1, [REFUND] * sent)
    run = world.advance(request.ticket)
    assert (run.state, calls, world.refunds()) == (Run.State.COMPLETED, [REFUND], 1)
    assert world.replies(request.ticket) == [HELD, DONE]
    assert (world.call().state, world.call().attempt) == (ToolCall.State.SUCCEEDED, 1)
    assert verification.verify().findings == ()


def test_a_step_that_the_database_gives_up_again_and_again_ends_with_a_person(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = world.held_refund()
    world.approve(request)
    monkeypatch.setattr(gate, "intend", failing(gate.intend, times=99))
    for _ in range(services.MAX_CRASHES):
        run = world.advance(request.ticket)
    assert (run.state, run.crashes, world.refunds()) == (Run.State.PARKED, services.MAX_CRASHES, 0)


@pytest.mark.parametrize("error", [DEADLOCK, InterfaceError("connection already closed")])
@pytest.mark.parametrize("path", ["/widget/api/messages", "/console/tickets/"])
def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back(path: str, error: Exception) -> None:
    def answer() -> Any:
        try:
            raise error
        except type(error):
            return outage.broken(RequestFactory().get(path))

    response = answer()
    assert (response.status_code, response["Retry-After"], response["Cache-Control"]) == (503, "5", "no-store")
    assert str(error) not in response.content.decode()


def test_the_probe_of_the_process_asks_no_database(client: Client) -> None:
    def refuse(*_: Any) -> Any:
        raise OperationalError("the database is away")

    with connection.execute_wrapper(refuse):
        assert client.get("/healthz").status_code == 200
