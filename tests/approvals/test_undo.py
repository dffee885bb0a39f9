"""For a few seconds an approval of tier T1 can be taken back; nothing was executed then."""

from datetime import timedelta

from django.utils import timezone

from agents import services as runs
from agents.models import ToolCall
from approvals.models import ApprovalRequest
from supportagent.tickets import services as tickets
from tests.approvals.desk import colleague, decide, open_as, page_of, set_rule, undo_window
from tests.world import World

State = ApprovalRequest.State


def approved(world: World, seconds: int = 60) -> ApprovalRequest:
    set_rule(**undo_window(seconds))
    request = world.held_refund()
    assert decide(open_as(world.ana), request, "approve").status_code == 302
    request.refresh_from_db()
    return request


def test_an_undone_approval_is_pending_again_under_a_new_digest_and_no_money_moved(world: World) -> None:
    request = approved(world)
    assert request.state == State.APPROVED
    assert request.effective_at is not None
    world.advance(request.ticket)
    assert world.refunds() == 0  # the window is open

    answer = decide(open_as(world.ana), request, "undo")
    assert answer.status_code == 302
    request.refresh_from_db()
    new = ApprovalRequest.objects.get(supersedes=request)
    assert (request.state, new.state) == (State.SUPERSEDED, State.PENDING)
    assert new.digest != request.digest
    assert new.expires_at == request.expires_at
    world.advance(request.ticket)
    assert world.refunds() == 0
    page = page_of(world.ana, new)
    assert "Ana Ruiz took the approval back" in page
    assert "<del>Approved by Ana Ruiz</del>" in page


def test_who_undid_an_approval_may_decide_again_and_it_is_carried_out_once(world: World) -> None:
    request = approved(world)
    decide(open_as(world.ana), request, "undo")
    new = ApprovalRequest.objects.get(supersedes=request)
    assert decide(open_as(world.ana), new, "approve").status_code == 302
    window_over(new)
    world.advance(request.ticket)
    assert world.refunds() == 1


def test_a_rule_without_a_window_lets_an_approval_act_at_once(world: World) -> None:
    request = approved(world, seconds=0)
    assert request.effective_at is None
    world.advance(request.ticket)
    assert world.refunds() == 1


def window_over(request: ApprovalRequest) -> None:
    """The time to take it back has passed, and the scheduler has seen it."""
    passed = timezone.now() - timedelta(seconds=1)
    ApprovalRequest.objects.filter(pk=request.pk).update(effective_at=passed)
    ToolCall.objects.filter(pk=request.call_id).update(effective_at=passed)
    runs.wake_effective()


def test_after_the_window_nothing_can_be_undone(world: World) -> None:
    request = approved(world)
    window_over(request)
    answer = decide(open_as(world.ana), request, "undo")
    assert answer.status_code == 409
    assert "The undo window is over" in answer.content.decode()
    world.advance(request.ticket)
    assert world.refunds() == 1
    assert 'data-testid="undo-bar"' not in page_of(world.ana, request)


def test_a_colleague_who_decides_for_the_team_can_stop_it_too(world: World) -> None:
    request = approved(world)
    berta = colleague(world.ana)
    assert 'data-testid="undo-here"' in page_of(berta, request)
    assert decide(open_as(berta), request, "undo").status_code == 302


def test_who_has_no_say_in_it_cannot_undo_it(world: World) -> None:
    request = approved(world)
    assert 'data-testid="undo-here"' not in page_of(world.auditor, request)
    assert decide(open_as(world.auditor), request, "undo").status_code == 403
    request.refresh_from_db()
    assert request.state == State.APPROVED


def test_the_undo_bar_is_on_every_page_of_the_queue_while_the_window_is_open(world: World) -> None:
    request = approved(world)
    bar = open_as(world.ana).get("/console/approvals/").content.decode()
    assert 'data-testid="undo-bar"' in bar
    assert 'data-key="z"' in bar
    assert f"You approved {request.reference}" in bar


def test_tiers_with_a_second_step_have_no_undo(world: World) -> None:
    request = world.held_refund()
    world.approve(request)
    request.refresh_from_db()
    assert request.effective_at is None
    answer = decide(open_as(world.ana), request, "undo")
    assert answer.status_code == 409
    assert "There is nothing to undo." in answer.content.decode()


def test_an_approval_whose_call_was_cancelled_by_a_take_over_cannot_come_back_by_undo(world: World) -> None:
    request = approved(world)
    tickets.take_over(ticket=request.ticket, by=world.rosa)
    answer = decide(open_as(world.ana), request, "undo")
    assert answer.status_code == 409
    assert not ApprovalRequest.objects.pending().exists()
    assert world.refunds() == 0
