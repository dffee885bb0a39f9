"""What a run may do is minted by code, and every call passes through it."""

from typing import Any

import pytest

from agents.loop.capability import Capability
from agents.loop.refusal import CallRefused
from agents.models import Run, ToolCall
from supportagent.staff.models import User
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool, ToolGrant
from tests.agents.test_refund import Interrupted
from tests.world import ASK_REFUND, READ_ORDER, World

REFUND = "store__issue_refund"


@pytest.fixture
def interrupted(world: World, settings: Any) -> World:
    settings.MODEL_PROVIDERS = {"interrupted": f"{Interrupted.__module__}.Interrupted"}
    settings.DEFAULT_MODEL_PROVIDER = "interrupted"
    return world


def a_run(world: World, **changes: Any) -> Run:
    world.script([{"text": "Hello."}])
    return world.write(**changes).runs.get()


def limit(rules: dict[str, Any], role: str = "Billing specialist") -> None:
    ToolGrant.objects.filter(
        content_object__qualified_name=REFUND, permission__codename="use_tool", group__name=role
    ).update(argument_rules=rules)


def a_call(run: Run, name: str = REFUND) -> ToolCall:
    return ToolCall(run=run, name=name)


def refused_by(capability: Capability, call: ToolCall, **more: Any) -> str:
    with pytest.raises(CallRefused) as refusal:
        capability.mediate(call, **more)
    return refusal.value.code


def test_a_capability_names_the_customer_the_tools_their_definitions_and_an_end(world: World) -> None:
    run = a_run(world)
    capability = Capability.mint(run)
    assert (capability.customer, capability.assurance) == ("CUS-1001", "verified")
    assert capability.tools[REFUND].tool.definition_hash == Tool.objects.get(qualified_name=REFUND).definition_hash
    assert not capability.expired
    assert capability.mediate(a_call(run)).qualified_name == REFUND


def test_a_capability_of_an_unproved_visitor_holds_no_account_tools(world: World) -> None:
    run = a_run(world, assurance=Ticket.Assurance.CLAIMED)
    assert refused_by(Capability.mint(run), a_call(run)) == "unknown_tool"


def test_an_expired_capability_refuses_every_call(world: World, settings: Any) -> None:
    run = a_run(world)
    settings.CAPABILITY_SECONDS = 0
    assert refused_by(Capability.mint(run), a_call(run)) == "capability_expired"


def test_rights_that_age_while_a_run_works_are_read_again(interrupted: World, settings: Any) -> None:
    settings.CAPABILITY_SECONDS = 0.000001
    interrupted.script([{"calls": [READ_ORDER]}, {"text": "It was delivered."}])
    run = interrupted.advance(interrupted.write())
    assert run.tool_calls.get().code == "capability_expired", "the model took longer than the rights were good for"


def test_a_capability_of_one_customer_is_of_no_use_for_another(world: World) -> None:
    run = a_run(world)
    capability = Capability.mint(run)
    run.customer = "CUS-1002"
    assert refused_by(capability, a_call(run)) == "identity_changed"


def test_a_definition_that_changed_since_it_was_offered_refuses(world: World) -> None:
    run = a_run(world)
    capability = Capability.mint(run)
    Tool.objects.filter(qualified_name=REFUND).update(definition_hash="0" * 64)
    changed = Tool.objects.get(qualified_name=REFUND)
    assert refused_by(capability, a_call(run), arguments={}, tool=changed) == "definition_changed"


def test_a_limit_per_refund_is_the_maximum_in_the_grant(world: World) -> None:
    limit({"properties": {"amount_minor": {"maximum": 5_000}}})
    world.script([{"calls": [ASK_REFUND]}, {"text": "That is above what I may give back."}])
    world.advance(world.write())
    assert world.call().code == "outside_role"
    assert "5000" in world.call().result["error"]["message"]


def test_the_limits_of_several_roles_add_up(world: World) -> None:
    limit({"properties": {"amount_minor": {"maximum": 5_000}}})
    other = ToolGrant.objects.get(
        content_object__qualified_name=REFUND, permission__codename="use_tool", group__name="Billing specialist"
    )
    rep = world.rosa.groups.get()
    wider = {"properties": {"amount_minor": {"maximum": 10_000}}}
    ToolGrant.objects.create(
        group=rep, permission=other.permission, content_object=other.content_object, argument_rules=wider
    )
    run = a_run(world)
    capability = Capability.mint(run)
    capability.mediate(a_call(run), {"amount_minor": 9_000})
    assert refused_by(capability, a_call(run), arguments={"amount_minor": 10_001}) == "outside_role"


def test_a_limit_that_was_lowered_after_the_approval_still_holds(world: World) -> None:
    request = world.held_refund()
    world.approve(request)
    limit({"properties": {"amount_minor": {"maximum": 100}}})
    world.advance(request.ticket)
    assert world.refunds() == 0
    assert world.call().code == "outside_role"


def test_a_right_that_is_taken_while_the_model_thinks_is_gone_when_it_acts(interrupted: World) -> None:
    note = {
        "name": "tickets__add_internal_note",
        "arguments": {"body": "Call back.", "stated_reason": "for the record"},
    }
    interrupted.script([{"calls": [note]}, {"text": "Done."}])
    ticket = interrupted.write()
    Interrupted.meanwhile = lambda: User.objects.filter(pk=interrupted.agent.service_user_id).update(is_active=False)
    run = interrupted.advance(ticket)
    assert run.tool_calls.get().code == "permission_denied"
    assert not ticket.messages.filter(kind="NOTE").exists()
