"""A stop thrown while a run is under way: nothing more is sent, what was sent is concluded, and lifting it suffices."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agents import failpoints
from agents.loop import acting
from agents.loop.transcript import Transcript
from agents.models import Agent, KillSwitch, Run, ToolCall
from agents.providers.base import HostNote, ToolResult
from approvals.models import ApprovalRequest
from audit import verification
from supportagent.tools.models import MCPServer, Tool
from tests.agents.test_refund import Interrupted
from tests.approvals.desk import set_rule
from tests.world import ASK_REFUND, READ_ORDER, REFUND_STORY, World

SWITCHES = ("all", "agent", "server", "tool")
HELD_BACK = "I could not do that just now."
State = ToolCall.State


def throw(switch: str, *, on: bool = True, tool: str = "store__issue_refund") -> None:
    """Stop everything, the agent, the tool or its server; or let it go on again."""
    match switch:
        case "all":
            KillSwitch.objects.update(engaged=on)
        case "agent":
            Agent.objects.update(status=Agent.Status.PAUSED if on else Agent.Status.LIVE)
        case "server":
            MCPServer.objects.filter(tools__qualified_name=tool).update(enabled=not on)
        case "tool":
            Tool.objects.filter(qualified_name=tool).update(enabled=not on)


@pytest.fixture
def interrupted(world: World, settings: Any) -> Iterator[World]:
    """A world in which something happens while the model writes its first answer."""
    settings.MODEL_PROVIDERS = {"interrupted": f"{Interrupted.__module__}.{Interrupted.__name__}"}
    settings.DEFAULT_MODEL_PROVIDER = "interrupted"
    yield world
    Interrupted.meanwhile = None


def heard(run: Run) -> str:
    """Everything that the model was told about its calls."""
    items = Transcript(run).items([])
    answers = [item.content for item in items if isinstance(item, ToolResult)]
    return "\n".join([*answers, *(item.text for item in items if isinstance(item, HostNote))])


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_stop_during_the_model_call_lets_nothing_of_its_answer_be_sent(interrupted: World, switch: str) -> None:
    world = interrupted
    set_rule(outcome="allow")
    world.script([{"calls": [ASK_REFUND]}, {"text": HELD_BACK}])
    ticket = world.write()
    Interrupted.meanwhile = lambda: throw(switch)
    run = world.advance(ticket)
    assert (world.call().state, world.call().code, world.call().sent_at) == (State.REFUSED, "killed", None)
    assert world.refunds() == 0
    assert world.replies(ticket) == [HELD_BACK]
    assert run.crashes == 0

    throw(switch, on=False)
    world.write("And now? Please refund ORD-1042.")
    world.advance(ticket)
    assert (world.call().state, world.refunds()) == (State.SUCCEEDED, 1)
    assert verification.verify().findings == ()


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_stop_during_the_model_call_stops_its_reads_too(interrupted: World, switch: str) -> None:
    world = interrupted
    world.script([{"calls": [READ_ORDER]}, {"text": HELD_BACK}])
    ticket = world.write("Where is ORD-1042?")
    Interrupted.meanwhile = lambda: throw(switch, tool="store__get_order")
    run = world.advance(ticket)
    call = world.call("store__get_order")
    assert (call.state, call.code, call.sent_at) == (State.REFUSED, "killed", None)
    assert json.loads(heard(run))["error"]["code"] == "killed", "the model is told why"


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_stop_between_the_last_read_and_the_intent_holds_what_was_approved(
    world: World, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    request = world.held_refund()
    world.approve(request)
    world.script([{"text": HELD_BACK}])
    read_facts = acting.read_facts

    def thrown_after_the_facts(call: ToolCall) -> dict[str, Any]:
        facts = read_facts(call)
        throw(switch)
        return facts

    with monkeypatch.context() as throwing:
        throwing.setattr(acting, "read_facts", thrown_after_the_facts)
        run = world.advance(request.ticket)
    assert (world.call().state, world.call().code, world.call().sent_at) == (State.REFUSED, "killed", None)
    assert world.refunds() == 0
    assert "killed" in heard(run), "the agent is told why"

    assert run.state == Run.State.COMPLETED

    throw(switch, on=False)
    world.advance(request.ticket)
    assert world.refunds() == 0, "the old approval is used up"
    world.script(REFUND_STORY)
    world.write("And now? Please refund ORD-1042.")
    world.advance(request.ticket)
    world.approve(ApprovalRequest.objects.pending().get())
    world.advance(request.ticket)
    assert world.refunds() == 1
    assert verification.verify().findings == ()


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_call_that_was_sent_before_the_stop_is_concluded(
    world: World, monkeypatch: pytest.MonkeyPatch, switch: str
) -> None:
    request = world.held_refund()
    world.approve(request)
    monkeypatch.setattr(failpoints, "reach", lambda place: throw(switch) if place == "after_intent" else None)
    world.advance(request.ticket)
    assert (world.call().state, world.refunds()) == (State.SUCCEEDED, 1)
    assert verification.verify().findings == ()
