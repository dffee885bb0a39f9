"""A key is used once: the same call gets its stored result, any other call under it is an alarm and moves nothing."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents import failpoints, outcomes
from agents.loop import execution
from agents.models import Run, ToolCall
from approvals.models import ApprovalRequest
from audit import verification
from audit.models import AuditEntry
from supportagent.grants import receipts
from supportagent.grants.models import Receipt
from supportagent.grants.server import Outcome
from supportagent.store.models import Refund
from supportagent.tools.models import Tool
from supportagent.tools.registry import get_server
from tests.agents.imported import import_bank, pay_back
from tests.grants.doors import Caller, over_protocol
from tests.mcp.bank import Bank
from tests.world import World, build_world

FULL = {"order_id": "ORD-1042", "amount_minor": 8400, "currency": "EUR"}
OTHER = {**FULL, "amount_minor": 100}
ASKED = "I asked a colleague."
SORRY = "That did not work. A colleague will look at it."
State = ToolCall.State


@pytest.fixture
def bank(settings: Any, tmp_path: Path) -> Iterator[Bank]:
    settings.INTERNAL_HOSTS = ["127.0.0.1"]
    with Bank(tmp_path) as server:
        yield server


@pytest.fixture
def committed(transactional_db: None, settings: Any, tmp_path: Path) -> World:
    """A world that the protocol's own thread sees."""
    return build_world(settings, tmp_path)


def is_an_alarm(call: ToolCall, caplog: pytest.LogCaptureFixture) -> None:
    """It stands in the trail, on the timeline and in the log."""
    entry = AuditEntry.objects.get(action="agents.tool_call.key_reused")
    assert entry.target_id == str(call.pk)
    assert call.run.events.filter(kind="error", title__startswith="Alarm").exists()
    assert any(record.levelno == logging.CRITICAL and str(call.pk) in record.message for record in caplog.records)
    assert verification.verify().findings == ()


def approved(world: World) -> ApprovalRequest:
    request = world.held_refund()
    world.approve(request)
    world.script([{"text": ASKED}, {"text": ASKED}, {"text": ASKED}, {"text": SORRY}])
    return request


def use_key(world: World, arguments: dict[str, Any]) -> Outcome:
    """Somebody who can sign grants carries a refund out under the key of the waiting call."""
    call = world.call()
    caller = Caller(world.agent.service_user, world.auditor, call.run.ticket.number, str(call.run_id))
    outcome = caller.call(get_server("store"), "issue_refund", arguments, key=call.key)
    assert outcome.ok
    return outcome


def test_a_refund_whose_key_another_one_used_is_an_alarm_and_moves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    request = approved(world)

    def another_is_faster(place: str) -> None:
        if place == "after_intent":
            use_key(world, OTHER)

    monkeypatch.setattr(failpoints, "reach", another_is_faster)
    run = world.advance(request.ticket)
    call = world.call()
    assert (call.state, call.code, call.attempt) == (State.FAILED, execution.KEY_REUSED, 1)
    assert Refund.objects.get().amount_minor == 100, "only what the other call did"
    assert run.state == Run.State.COMPLETED
    is_an_alarm(call, caplog)


def test_a_refund_whose_key_was_used_while_its_worker_was_dead_is_an_alarm_and_not_its_success(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    request = approved(world)
    use_key(world, OTHER)
    ToolCall.objects.filter(pk=world.call().pk).update(state=State.SENDING)
    world.advance(request.ticket)
    call = world.call()
    assert (call.state, call.code) == (State.FAILED, execution.KEY_REUSED)
    assert "amount_minor" not in str(call.result), "the other call's result is not this one's to tell"
    is_an_alarm(call, caplog)


def test_a_refund_that_was_carried_out_under_its_key_gets_the_stored_result(world: World) -> None:
    request = world.held_refund()
    world.approve(request)
    first = use_key(world, FULL)
    assert execution.send(world.call()) == first
    assert world.refunds() == Receipt.objects.filter(key=world.call().key).count() == 1


def test_at_the_protocols_door_a_key_gives_its_result_again_and_refuses_another_call(committed: World) -> None:
    caller = Caller.on_ticket(committed)
    again = ("issue_refund", OTHER, caller.grant("store", "issue_refund", OTHER, key="once.1"))
    more = {**OTHER, "amount_minor": 200}
    first, second, other = over_protocol(
        get_server("store"),
        [again, again, ("issue_refund", more, caller.grant("store", "issue_refund", more, key="once.1"))],
    )
    assert first.structured_content == second.structured_content
    assert not first.is_error and other.is_error
    assert other.structured_content["error"]["code"] == "key_reused"
    assert "refund_id" not in str(other.content)
    assert Refund.objects.get().amount_minor == 100
    receipt = Receipt.objects.get()
    assert receipt.key == "once.1" and receipt.result is not None
    with pytest.raises(receipts.KeyReused):
        caller.call(get_server("store"), "issue_refund", more, key="once.1")


def under_way(world: World, tool: Tool) -> ToolCall:
    """An imported call whose worker died after its intent, and after its bytes had left."""
    world.script([{"calls": [pay_back(tool)]}, {"text": SORRY}])
    run = world.advance(world.write("Please refund PAY-0001."))
    call = run.tool_calls.get(name=tool.qualified_name)
    assert call.state == State.OUTCOME_UNKNOWN
    ToolCall.objects.filter(pk=call.pk).update(state=State.SENDING, attempt=1)
    Run.objects.filter(pk=run.pk).update(state=Run.State.QUEUED)
    return call


@pytest.mark.parametrize("column", ["bound_arguments", "arguments", "amount_minor"])
def test_a_keyed_call_whose_arguments_changed_is_not_sent_again_under_its_key_and_is_an_alarm(
    committed: World, bank: Bank, caplog: pytest.LogCaptureFixture, column: str
) -> None:
    tool = import_bank(bank, Tool.Repeat.KEYED)
    bank.fault("closed_before")
    call = under_way(committed, tool)
    posts = len(bank.posts(tool=tool.name))
    bank.fault("ok")
    before = getattr(call, column)
    more = before + 1 if isinstance(before, int) else before.replace("500", "8400")
    ToolCall.objects.filter(pk=call.pk).update(**{column: more})
    committed.advance(call.run.ticket)
    call.refresh_from_db()
    assert call.state == State.OUTCOME_UNKNOWN, "what its first attempt did is for a person to find out"
    assert len(bank.posts(tool=tool.name)) == posts
    assert bank.effects() == []
    is_an_alarm(call, caplog)


def test_a_server_that_knows_the_key_of_a_call_for_other_arguments_leaves_the_outcome_to_a_person(
    committed: World, bank: Bank
) -> None:
    tool = import_bank(bank, Tool.Repeat.KEYED, needs_person=True)
    committed.script([{"calls": [pay_back(tool)]}, {"text": ASKED}, {"text": SORRY}])
    run = committed.advance(committed.write("Please refund PAY-0001."))
    call = run.tool_calls.get(name=tool.qualified_name)
    stolen = {"payment_id": "PAY-0002", "amount_minor": 1, "currency": "EUR", "idempotency_key": str(call.pk)}
    assert execution.call_tool(tool, stolen, key=call.key, customer="", actor=0).ok
    committed.approve(ApprovalRequest.objects.pending().get())
    committed.advance(run.ticket)
    call.refresh_from_db()
    assert call.state == State.OUTCOME_UNKNOWN
    assert [effect["amount_minor"] for effect in bank.effects(key=str(call.pk))] == [1]
    assert bank.lines("alarm", key=str(call.pk)), "and the server keeps its own alarm"
    assert outcomes.open_calls(committed.ana).filter(pk=call.pk).exists()
