"""A call without a model: the same gate, the same audit, the same approvals, and the agent's run left alone."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied

from agents import direct, services
from agents.loop.runner import AgentRunner
from agents.models import Agent, KillSwitch, Run, Tally, ToolCall
from approvals import services as approvals
from approvals.errors import NotAllowed
from approvals.models import ApprovalRequest
from audit.models import AuditEntry
from supportagent.staff.models import User
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool, ToolGrant, ToolUserGrant
from supportagent.widget.conversation import pending_requests, progress_of
from tests.world import ASK_REFUND, HELD, READ_ORDER, World

REFUND = {"order_id": "ORD-1042", "amount_minor": 8400, "currency": "EUR"}


@pytest.fixture
def ticket(world: World) -> Ticket:
    """A ticket of a verified customer, which the agent answers."""
    return world.write()


@pytest.fixture
def biller(world: World) -> User:
    """Rosa, with the rights of a billing specialist."""
    world.rosa.groups.add(Group.objects.get(name="Billing specialist"))
    return world.rosa


def read(ticket: Ticket, by: User, **changes: Any) -> ToolCall:
    usual = {"tool": "store__get_order", "arguments": {"order_id": "ORD-1042"}, "reason": "see the order"}
    return direct.call_tool(ticket=ticket, by=by, **{**usual, **changes})


def refund(ticket: Ticket, by: User, **changes: Any) -> ToolCall:
    usual = {"tool": "store__issue_refund", "arguments": REFUND, "reason": "arrived broken"}
    return direct.call_tool(ticket=ticket, by=by, **{**usual, **changes})


def work(call: ToolCall) -> ToolCall:
    """What a worker does with the call's run."""
    AgentRunner(call.run_id).advance()
    call.refresh_from_db()
    call.run.refresh_from_db()
    return call


def grant(user: User, tool: str) -> None:
    right = Permission.objects.get(content_type__app_label="tools", codename="use_tool")
    ToolUserGrant.objects.create(user=user, permission=right, content_object=Tool.objects.get(qualified_name=tool))


def test_a_rep_reads_an_order_and_the_audit_trail_names_the_rep_and_the_order(world: World, ticket: Ticket) -> None:
    call = work(read(ticket, world.rosa))
    assert (call.state, call.result["order_id"]) == ("SUCCEEDED", "ORD-1042")
    assert call.run.state == Run.State.COMPLETED
    entries = AuditEntry.objects.filter(run=str(call.run_id)).order_by("seq")
    assert {(entry.actor_type, entry.actor_id) for entry in entries} == {("user", str(world.rosa.pk))}
    assert [entry.action for entry in entries] == [
        "agents.tool_call.requested",
        "agents.reads.intended",
        "agents.reads.finished",
        "agents.run.completed",
    ]


def test_a_refund_by_a_person_waits_for_another_and_happens_once(world: World, ticket: Ticket, biller: User) -> None:
    call = work(refund(ticket, biller))
    request = ApprovalRequest.objects.pending().get()
    assert (request.requested_by, request.call_id, call.state) == (biller, call.pk, "AWAITING_APPROVAL")
    assert request.provenance["amount_minor"] == "the customer's record"
    world.approve(request)
    services.wake_effective()
    assert work(call).state == "SUCCEEDED"
    work(call)
    assert world.refunds() == 1
    assert call.run.state == Run.State.COMPLETED


def test_a_supervisor_never_approves_what_she_asked_for_herself(world: World, ticket: Ticket) -> None:
    world.ana.groups.add(Group.objects.get(name="Billing specialist"))
    work(refund(ticket, world.ana))
    with pytest.raises(NotAllowed, match="you asked for this yourself"):
        world.approve(ApprovalRequest.objects.get(), by=world.ana)


def test_a_rejected_call_ends_its_run(world: World, ticket: Ticket, biller: User) -> None:
    call = work(refund(ticket, biller))
    request = ApprovalRequest.objects.get()
    approvals.reject(
        request=request, by=world.ana, shown_digest=request.digest, reason_code="policy", customer_text="", reason="no"
    )
    assert (work(call).code, call.run.state) == ("rejected", "COMPLETED")
    assert world.refunds() == 0


def test_without_a_grant_a_tool_is_neither_offered_nor_callable(world: World, ticket: Ticket) -> None:
    assert "store__issue_refund" not in direct.offered(ticket, world.rosa)
    with pytest.raises(direct.NotOffered):
        refund(ticket, world.rosa)
    assert not Run.objects.exclude(caller=None).exists()


def test_a_grant_without_the_right_in_the_domain_does_nothing(world: World, ticket: Ticket) -> None:
    grant(world.rosa, "store__list_payments")
    call = work(read(ticket, world.rosa, tool="store__list_payments"))
    assert (call.state, call.code) == ("FAILED", "permission_denied")


def test_a_grant_that_is_gone_when_the_call_is_sent_stops_it(world: World, ticket: Ticket) -> None:
    call = read(ticket, world.rosa)
    ToolGrant.objects.filter(content_object__qualified_name="store__get_order").delete()
    assert (work(call).state, call.code) == ("REFUSED", "permission_denied")


def test_a_ticket_of_another_team_does_not_exist(world: World, ticket: Ticket) -> None:
    with pytest.raises(direct.NotOffered, match="no such ticket"):
        read(ticket, world.piet)


def test_who_may_not_read_tickets_calls_nothing(world: World, ticket: Ticket) -> None:
    nobody = User.objects.create_user("nobody")
    grant(nobody, "store__get_order")
    with pytest.raises(PermissionDenied):
        read(ticket, nobody)


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("tickets__add_internal_note", {"ticket": "T-1", "body": "Hello"}),
        ("store__get_order", {"order_id": "ORD-1042", "customer": "CUS-1002"}),
        ("store__get_order", {"order_id": 1042}),
        ("store__get_order", {}),
        ("store__get_order", {"order_id": "ORD-1042", "stated_reason": "two of them"}),
    ],
)
def test_what_the_host_sets_or_the_schema_does_not_know_is_not_taken(
    world: World, ticket: Ticket, tool: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(direct.InvalidCall):
        read(ticket, world.rosa, tool=tool, arguments=arguments)


def test_a_call_needs_a_reason(world: World, ticket: Ticket) -> None:
    with pytest.raises(direct.InvalidCall, match="stated_reason"):
        read(ticket, world.rosa, reason="  ")


def test_a_customer_who_is_not_proved_has_no_tools_for_proved_ones(world: World) -> None:
    claimed = world.write(assurance=Ticket.Assurance.CLAIMED)
    tools = direct.offered(claimed, world.rosa)
    assert "knowledge__search_articles" in tools
    assert "store__get_order" not in tools
    with pytest.raises(direct.NotOffered):
        read(claimed, world.rosa)


def test_the_same_key_gives_the_same_call_and_another_call_under_it_is_an_error(world: World, ticket: Ticket) -> None:
    call = read(ticket, world.rosa, key="k-1")
    assert read(ticket, world.rosa, key="k-1") == call
    with pytest.raises(direct.KeyReused):
        read(ticket, world.rosa, key="k-1", arguments={"order_id": "ORD-1043"})
    grant(world.ana, "store__get_order")
    assert read(ticket, world.ana, key="k-1") != call  # keys are each caller's own


def test_the_kill_switch_stops_people_too_and_a_paused_agent_does_not(world: World, ticket: Ticket) -> None:
    Agent.objects.update(status=Agent.Status.PAUSED)
    assert work(read(ticket, world.rosa)).state == "SUCCEEDED"
    KillSwitch.objects.update(engaged=True)
    call = work(read(ticket, world.rosa))
    assert (call.state, call.code) == ("REFUSED", "killed")


def test_the_agent_goes_on_untouched(world: World, ticket: Ticket, biller: User) -> None:
    agents_run = ticket.runs.of_agents().get()
    work(refund(ticket, biller))
    world.script({"turns": [{"calls": [READ_ORDER]}, {"text": "It is on its way."}]})
    AgentRunner(agents_run.pk).advance()
    agents_run.refresh_from_db()
    ticket.refresh_from_db()
    assert (agents_run.state, ticket.state) == (Run.State.COMPLETED, Ticket.State.WAITING_CUSTOMER)
    assert world.replies(ticket) == ["It is on its way."]


def test_neither_a_message_nor_a_taker_over_touches_the_call(world: World, ticket: Ticket, biller: User) -> None:
    call = work(refund(ticket, biller))
    world.write("Are you there?")
    tickets.take_over(ticket=ticket, by=world.ana)
    call.refresh_from_db()
    assert call.state == "AWAITING_APPROVAL"


def test_the_customer_hears_nothing_of_what_a_colleague_called(world: World, ticket: Ticket, biller: User) -> None:
    ticket.runs.of_agents().update(state=Run.State.COMPLETED)
    work(refund(ticket, biller))
    assert pending_requests(ticket) == []
    assert progress_of(ticket) == "idle"


def test_agent_and_person_cannot_pay_the_same_refund_back_twice(world: World, ticket: Ticket, biller: User) -> None:
    work(refund(ticket, biller))
    world.script([{"calls": [ASK_REFUND]}, {"text": HELD}])
    world.advance(ticket)
    AgentRunner(ticket.runs.of_agents().get().pk).advance()
    assert world.call().code == "already_under_way"


def test_what_people_do_is_counted_under_their_own_name(world: World, ticket: Ticket, biller: User) -> None:
    work(refund(ticket, biller))
    world.approve(ApprovalRequest.objects.get())
    services.wake_effective()
    work(ToolCall.objects.get(run__caller=biller))
    assert Tally.objects.get(scope="agent").key == f"person:{biller.pk}"


def test_a_call_whose_worker_died_while_it_was_sent_is_made_again_and_audited(world: World, ticket: Ticket) -> None:
    call = read(ticket, world.rosa)
    Run.objects.filter(pk=call.run_id).update(state=Run.State.RUNNING, fence=1)
    ToolCall.objects.filter(pk=call.pk).update(state="SENDING")
    assert services.recover(call.run_id, fence=1)
    assert (work(call).state, call.attempt) == ("SUCCEEDED", 2)
    assert AuditEntry.objects.filter(run=str(call.run_id), action="agents.reads.finished").count() == 2


def test_a_call_whose_worker_dies_again_and_again_ends_and_hands_nothing_over(world: World, ticket: Ticket) -> None:
    call = read(ticket, world.rosa)
    for _ in range(services.MAX_CRASHES):
        Run.objects.filter(pk=call.run_id).update(state=Run.State.RUNNING)
        services.recover(call.run_id, fence=Run.objects.get(pk=call.run_id).fence)
    call.refresh_from_db()
    run = Run.objects.get(pk=call.run_id)
    assert (call.state, call.code, run.state) == ("REFUSED", "cancelled", Run.State.PARKED)
    ticket.refresh_from_db()
    assert ticket.state == Ticket.State.OPEN  # nobody took it from the agent


def test_what_a_client_sends_counts_like_a_models_words_and_what_a_person_types_like_a_persons(
    world: World, ticket: Ticket, biller: User
) -> None:
    arguments = {"order_id": "ORD-1042", "amount_minor": 100, "currency": "EUR"}
    work(refund(ticket, biller, arguments=arguments))
    assert ApprovalRequest.objects.get().provenance["amount_minor"] == "a colleague"
    ApprovalRequest.objects.all().delete()
    ToolCall.objects.filter(name="store__issue_refund").update(effect_key="", state="REFUSED")
    work(refund(ticket, biller, arguments=arguments, via=Run.Via.MCP))
    assert ApprovalRequest.objects.get().provenance["amount_minor"] == "the model"
