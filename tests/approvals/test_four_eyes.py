"""Whoever asked, edited, holds the ticket or has decided already is not the second pair of eyes."""

import pytest

from approvals.access import deciders_of
from approvals.models import ApprovalRequest
from supportagent.staff.models import User
from tests.approvals.desk import colleague, decide, let_decide, open_as, page_of
from tests.world import World


def let_agent_decide(world: World) -> User:
    """The agent's own account with every right of a supervisor: a mistake of an admin."""
    service = world.agent.service_user
    service.groups.add(*world.ana.groups.all())
    let_decide(service)
    return service


def test_the_account_that_asked_never_decides_even_with_every_right(world: World) -> None:
    service = let_agent_decide(world)
    request = world.held_refund()
    assert service not in deciders_of(request)
    assert decide(open_as(service), request, "approve").status_code == 403


def test_a_service_account_decides_nothing_not_even_what_another_asked(world: World) -> None:
    service = let_agent_decide(world)
    request = world.held_refund()
    ApprovalRequest.objects.filter(pk=request.pk).update(requested_by=world.rosa)
    answer = decide(open_as(service), request, "approve")
    assert answer.status_code == 403


def test_a_person_who_asked_does_not_decide(world: World) -> None:
    request = world.held_refund()
    ApprovalRequest.objects.filter(pk=request.pk).update(requested_by=world.ana)
    answer = decide(open_as(world.ana), request, "approve")
    assert answer.status_code == 403
    assert "you asked for this yourself" in answer.content.decode()
    assert request.title not in open_as(world.ana).get("/console/approvals/").content.decode()


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_the_editor_decides_neither_way(world: World, verdict: str) -> None:
    request = world.held_refund()
    decide(open_as(world.ana), request, "edit", **{"arg.amount_minor": "60", "reason": "partial"})
    new = ApprovalRequest.objects.get(supersedes=request)
    assert decide(open_as(world.ana), new, verdict, reason_code="policy").status_code == 403
    assert world.ana not in deciders_of(new)


def test_the_editor_stays_out_when_the_order_changes_and_the_request_comes_again(world: World) -> None:
    request = world.held_refund()
    decide(open_as(world.ana), request, "edit", **{"arg.amount_minor": "60", "reason": "partial"})
    new = ApprovalRequest.objects.get(supersedes=request)
    world.approve(new, by=colleague(world.ana))
    world.order.revision += 1
    world.order.save()
    world.advance(request.ticket)
    again = ApprovalRequest.objects.get(supersedes=new)
    assert again.state == ApprovalRequest.State.PENDING
    assert decide(open_as(world.ana), again, "approve").status_code == 403
    assert world.refunds() == 0


def test_who_holds_the_ticket_is_told_why_somebody_else_decides(world: World) -> None:
    request = world.held_refund()
    request.ticket.assignee = world.ana
    request.ticket.save()
    assert "you hold the ticket, so somebody else decides" in page_of(world.ana, request)
    assert decide(open_as(world.ana), request, "approve").status_code == 403


def test_the_page_names_who_may_decide_instead(world: World) -> None:
    request = world.held_refund()
    assert "Nobody." in page_of(world.auditor, request) or world.ana.display_name in page_of(world.auditor, request)
    colleague(world.ana)
    page = page_of(world.auditor, request)
    assert "Ana Ruiz" in page
    assert "Berta Klein" in page
    assert "You may not decide: your role does not decide approval requests." in page
