"""An approval of one click can be taken back for a moment: until then nothing leaves, and then it does, or never."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from agents import services
from agents.models import Run, ToolCall
from approvals import services as approvals
from approvals.errors import DecisionRefused, TooLate
from approvals.models import ApprovalPolicy, ApprovalRequest, Tier
from audit import verification
from audit.clock import database_now
from tests.broker import eventually
from tests.faults.threads import at_once
from tests.world import DONE, HELD, World, build_world

SOON = 3600


def one_click(seconds: int = SOON) -> None:
    for rule in ApprovalPolicy.objects.filter(tool__qualified_name="store__issue_refund"):
        rule.tier, rule.undo_seconds = Tier.T1, seconds
        rule.save()


def let_time_pass(request: ApprovalRequest) -> None:
    over = database_now() - timedelta(seconds=1)  # SQLite's own clock knows no microseconds: now may be ahead of it
    ToolCall.objects.filter(approval_id=request.pk).update(effective_at=over)
    ApprovalRequest.objects.filter(pk=request.pk).update(effective_at=over)


def approved(world: World, seconds: int = SOON) -> ApprovalRequest:
    one_click(seconds)
    request = world.held_refund()
    world.approve(request)
    request.refresh_from_db()
    return request


def test_nothing_is_sent_while_the_approval_can_be_taken_back(world: World) -> None:
    request = approved(world)
    assert (world.call().state, world.call().effective_at) == (ToolCall.State.READY, request.effective_at)
    assert request.ticket.runs.get().state == Run.State.AWAITING_APPROVAL, "nobody was woken for nothing"
    world.script([{"text": "It is being looked at."}])
    world.write("Any news?")
    run = world.advance(request.ticket)
    assert run.state == Run.State.AWAITING_APPROVAL
    assert world.refunds() == 0
    assert services.wake_effective() == 0


def test_the_scheduler_wakes_the_run_when_the_time_is_over_and_the_money_moves_once(world: World) -> None:
    request = approved(world)
    let_time_pass(request)
    assert services.wake_effective() == 1
    assert services.wake_effective() == 0, "a run that was woken is not woken again"
    run = world.advance(request.ticket)
    assert run.state == Run.State.COMPLETED
    assert world.refunds() == 1
    assert world.replies(request.ticket) == [HELD, DONE]


def test_a_call_whose_row_forgot_its_time_still_waits_for_that_of_its_approval(world: World) -> None:
    request = approved(world)
    ToolCall.objects.filter(approval_id=request.pk).update(effective_at=None)
    services.wake(world.call().run_id)
    run = world.advance(request.ticket)
    assert run.state == Run.State.AWAITING_APPROVAL
    assert world.refunds() == 0
    assert world.call().effective_at == request.effective_at


def test_an_approval_that_was_taken_back_waits_for_a_new_decision(world: World) -> None:
    request = approved(world)
    again = approvals.undo(request=request, by=world.ana, shown_digest=request.digest)
    call = world.call()
    assert (call.state, call.approval_id, call.effective_at) == (ToolCall.State.AWAITING_APPROVAL, again.pk, None)
    assert services.wake_effective() == 0
    services.wake(call.run_id)
    world.advance(request.ticket)
    assert world.refunds() == 0

    approvals.reject(request=again, by=world.ana, shown_digest=again.digest, reason_code="policy")
    world.advance(request.ticket)
    assert world.refunds() == 0
    assert world.call().code == "rejected"


def test_what_went_out_cannot_be_taken_back(world: World) -> None:
    request = approved(world)
    ToolCall.objects.filter(approval_id=request.pk).update(state=ToolCall.State.SENDING)
    with pytest.raises(TooLate):
        approvals.undo(request=request, by=world.ana, shown_digest=request.digest)
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.APPROVED


@pytest.mark.parametrize("head_start_ms", [0, 20, 40, 60, 80, 120])
def test_an_undo_at_the_moment_of_sending_either_stops_the_refund_or_comes_too_late(
    transactional_db: None, settings: Any, tmp_path: Path, head_start_ms: int
) -> None:
    world = build_world(settings, tmp_path)
    request = approved(world)
    end = database_now() + timedelta(milliseconds=60)
    ApprovalRequest.objects.filter(pk=request.pk).update(effective_at=end)
    ToolCall.objects.filter(approval_id=request.pk).update(effective_at=end)
    told: list[str] = []

    def undo() -> None:
        eventually(lambda: database_now() >= end - timedelta(milliseconds=80 - head_start_ms))
        try:
            approvals.undo(request=request, by=world.ana, shown_digest=request.digest)
            told.append("undone")
        except DecisionRefused as refusal:
            told.append(type(refusal).__name__)

    def work() -> None:
        while not told or world.call().state == ToolCall.State.READY:
            services.wake_effective()
            world.advance(request.ticket)

    assert at_once([undo, work]) == []
    connection.close()
    call = world.call()
    assert world.refunds() == (call.state == ToolCall.State.SUCCEEDED)
    assert (told == ["undone"]) == (call.state == ToolCall.State.AWAITING_APPROVAL)
    assert not Run.objects.filter(crashes__gt=0).exists()
    assert verification.verify().findings == ()
