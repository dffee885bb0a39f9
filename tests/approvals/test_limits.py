"""How far an approver reaches: the argument rules of a grant, and what happens above them."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.models import ApprovalRequest
from tests.approvals.desk import decide, let_decide, limit, open_as, page_of, set_rule
from tests.world import World

UP_TO_50 = {"properties": {"amount_minor": {"maximum": 5_000}}}
UP_TO_100 = {"properties": {"amount_minor": {"maximum": 10_000}}}


def test_within_the_limit_a_supervisor_approves(world: World) -> None:
    limit("Supervisor", UP_TO_100)
    request = world.held_refund()
    assert decide(open_as(world.ana), request, "approve").status_code == 302


def test_above_the_limit_the_request_goes_on_to_those_who_may_and_stays_pending(world: World) -> None:
    limit("Supervisor", UP_TO_50)
    let_decide(world.finance)
    request = world.held_refund()
    for verdict in ("approve", "reject"):
        answer = decide(open_as(world.ana), request, verdict, reason_code="policy")
        assert answer.status_code == 403
        assert "above your limit" in answer.content.decode()
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.PENDING
    assert request.escalated_at is not None
    assert "Ana Ruiz" in request.escalated_because
    assert world.refunds() == 0

    page = page_of(world.ana, request)
    assert "above your limit" in page
    assert world.finance.display_name in page  # who may decide instead
    assert decide(open_as(world.finance), request, "approve").status_code == 302


def test_what_is_above_my_limit_is_not_in_my_part_of_the_queue(world: World) -> None:
    limit("Supervisor", UP_TO_50)
    let_decide(world.finance)
    request = world.held_refund()
    assert request.title not in open_as(world.ana).get("/console/approvals/?split=mine").content.decode()
    assert request.title in open_as(world.ana).get("/console/approvals/?split=all").content.decode()
    assert request.title in open_as(world.finance).get("/console/approvals/?split=mine").content.decode()


def test_who_lost_the_reach_after_approving_stops_the_call_from_being_sent(world: World) -> None:
    request = world.held_refund()
    world.approve(request)
    limit("Supervisor", UP_TO_50)
    world.advance(request.ticket)
    assert world.refunds() == 0
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.SUPERSEDED


def test_the_roles_that_a_rule_names_decide_and_nobody_else(world: World) -> None:
    set_rule(approvers=["Finance lead"])
    let_decide(world.finance)
    request = world.held_refund()
    refused = decide(open_as(world.ana), request, "approve")
    assert refused.status_code == 403
    assert "its rule leaves this to Finance lead" in refused.content.decode()
    assert request.title not in open_as(world.ana).get("/console/approvals/?split=mine").content.decode()
    assert decide(open_as(world.finance), request, "approve").status_code == 302


def test_who_is_taken_out_of_the_named_role_after_approving_stops_the_call(world: World) -> None:
    set_rule(approvers=["Supervisor"])
    request = world.held_refund()
    world.approve(request)
    set_rule(approvers=["Supervisor"])  # saved again, nothing changed
    world.ana.groups.clear()
    world.advance(request.ticket)
    assert world.refunds() == 0


PEOPLE = ("ana", "finance", "rosa", "piet", "admin", "auditor", "berta")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_who_may_decide_is_the_same_asked_from_either_side(world: World, data: Any) -> None:
    """Random people, roles, teams, grants, limits and histories: `may_decide` and `deciders_of` never differ, and
    what is in somebody's queue is what they may decide."""
