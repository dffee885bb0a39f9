"""How often the gate asks the database about one call: its cost must not creep up unnoticed."""

from typing import Any

import pytest

from agents.loop import acting
from agents.models import ToolCall
from approvals import policy
from approvals.models import ApprovalPolicy
from supportagent.tools.models import Tool
from tests.bench.meter import metering
from tests.world import ASK_REFUND, DONE, READ_ORDER, REFUND_STORY, World, build_world

AROUND = [(acting, "read_facts"), (acting, "_send")]


@pytest.fixture
def world(transactional_db: None, settings: Any, tmp_path: Any) -> World:
    return build_world(settings, tmp_path)


def test_a_write_that_goes_by_itself_passes_with_ten_statements(world: World):
    refund = Tool.objects.get(qualified_name="store__issue_refund")
    ApprovalPolicy.objects.create(order=0, name="Goes", tool=refund, outcome=ApprovalPolicy.Outcome.ALLOW)
    policy.current()  # the rules are read once per change and process
    world.script([{"calls": [READ_ORDER]}, {"calls": [ASK_REFUND]}, {"text": DONE}])
    with metering(of=[(acting, "_plan")], without=AROUND) as passage:
        world.advance(world.write())
    assert world.call().state == ToolCall.State.SUCCEEDED
    assert 0 < passage.statements <= 10


def test_a_write_that_waits_for_a_person_passes_twice(world: World):
    policy.current()
    world.script(REFUND_STORY)
    with (
        metering(of=[(acting, "_plan")], without=AROUND) as held,
        metering(of=[(acting, "_send_ready")], without=AROUND) as sent,
    ):
        ticket = world.write()
        world.advance(ticket)
        world.approve(ticket.approval_requests.get())
        world.advance(ticket)
    assert world.call().state == ToolCall.State.SUCCEEDED
    assert 0 < held.statements <= 14
    assert 0 < sent.statements <= 13
