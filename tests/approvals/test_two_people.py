"""Tier T3: two different people, both with the right until the call is sent."""

from approvals.models import ApprovalRequest, Tier
from tests.approvals.desk import colleague, decide, let_decide, open_as, page_of, set_rule
from tests.world import World

State = ApprovalRequest.State


def held_for_two(world: World) -> ApprovalRequest:
    set_rule(tier=Tier.T3)
    let_decide(world.finance)
    return world.held_refund()


def test_the_page_counts_the_people_and_says_that_a_second_one_is_needed(world: World) -> None:
    request = held_for_two(world)
    assert "0 of 2 approved" in page_of(world.ana, request)
    decide(open_as(world.ana), request, "approve")
    page = page_of(world.finance, request)
    assert "1 of 2 approved: Ana Ruiz" in page
    assert 'data-testid="approve"' in page
    mine = page_of(world.ana, request)
    assert "you have decided already; this needs a second person" in mine
    assert 'data-testid="approve"' not in mine


def test_the_first_of_two_approvals_moves_no_money_and_leaves_the_first_persons_queue(world: World) -> None:
    request = held_for_two(world)
    decide(open_as(world.ana), request, "approve")
    world.advance(request.ticket)
    assert world.refunds() == 0
    assert f'id="request-{request.pk}"' not in open_as(world.ana).get("/console/approvals/").content.decode()
    two = open_as(world.finance).get("/console/approvals/?split=two-people").content.decode()
    assert f'id="request-{request.pk}"' in two
    decide(open_as(world.finance), request, "approve")
    world.advance(request.ticket)
    assert world.refunds() == 1


def test_one_person_is_not_two(world: World) -> None:
    request = held_for_two(world)
    decide(open_as(world.ana), request, "approve")
    assert decide(open_as(world.ana), request, "approve").status_code == 403
    request.refresh_from_db()
    assert request.state == State.PENDING


def test_the_second_person_can_still_say_no(world: World) -> None:
    request = held_for_two(world)
    decide(open_as(world.ana), request, "approve")
    assert decide(open_as(world.finance), request, "reject", reason_code="evidence").status_code == 302
    world.advance(request.ticket)
    assert world.refunds() == 0


def test_a_first_approval_does_not_count_for_an_edited_request(world: World) -> None:
    request = held_for_two(world)
    decide(open_as(world.ana), request, "approve")
    berta = colleague(world.ana)
    decide(open_as(berta), request, "edit", **{"arg.amount_minor": "60", "reason": "partial"})
    new = ApprovalRequest.objects.get(supersedes=request)
    decide(open_as(world.finance), new, "approve")
    new.refresh_from_db()
    assert new.state == State.PENDING
    decide(open_as(world.ana), new, "approve")
    new.refresh_from_db()
    assert new.state == State.APPROVED


def test_when_the_first_of_two_lost_the_right_meanwhile_nothing_is_sent(world: World) -> None:
    request = held_for_two(world)
    decide(open_as(world.ana), request, "approve")
    decide(open_as(world.finance), request, "approve")
    world.ana.groups.clear()
    world.advance(request.ticket)
    assert world.refunds() == 0
    request.refresh_from_db()
    assert request.state == State.SUPERSEDED
