"""A rule changes: what waits under the old rules is judged again."""

from datetime import timedelta

import pytest

from agents.models import ToolCall
from agents.scheduler import duties
from approvals import services
from approvals.errors import AlreadyDecided, NotAllowed
from approvals.models import ApprovalPolicy, ApprovalRequest
from approvals.policy import rules_in_force
from approvals.requeue import requeue_outdated
from audit.models import AuditEntry
from tests.approvals.desk import colleague, set_rule
from tests.world import World

pytestmark = pytest.mark.django_db
OTHER = "Every cancellation is seen by a person"


def pending() -> ApprovalRequest:
    return ApprovalRequest.objects.pending().get()


def test_a_rule_that_asks_for_more_puts_what_waits_before_people_again(world: World) -> None:
    old = world.held_refund()
    set_rule(tier="T3")
    assert requeue_outdated() == 1
    old.refresh_from_db()
    new = pending()
    assert (old.state, new.supersedes, new.tier) == ("SUPERSEDED", old, "T3")
    assert (new.arguments, new.facts, new.sums) == (old.arguments, old.facts, old.sums)
    assert new.digest != old.digest
    assert {"field": "tier", "was": "T2", "now": "T3"} in new.what_changed
    assert new.supersedes_because == "the rules changed"
    said = AuditEntry.objects.get(action="approvals.request.superseded")
    assert (said.actor_type, said.actor_id) == ("system", "rules")


def test_other_approvers_are_another_request(world: World) -> None:
    old = world.held_refund()
    set_rule(approvers=["Finance lead"])
    assert requeue_outdated() == 1
    assert pending().supersedes == old
    assert pending().approver_roles == ["Finance lead"]


def test_a_rule_that_now_denies_ends_what_waits(world: World) -> None:
    old = world.held_refund()
    set_rule(outcome="deny")
    assert requeue_outdated() == 1
    old.refresh_from_db()
    assert old.state == "CANCELLED"
    assert old.decided_at is not None
    assert not ApprovalRequest.objects.pending().exists()
    assert (world.call().state, world.call().code) == ("REFUSED", "denied_by_policy")
    world.advance(old.ticket)
    assert world.refunds() == 0


@pytest.mark.parametrize("changes", [{"name": OTHER, "tier": "T3"}, {"outcome": "allow"}])
def test_what_the_new_rules_treat_alike_or_would_let_pass_stays_before_its_person(
    world: World, changes: dict[str, str]
) -> None:
    old = world.held_refund()
    set_rule(**changes)
    assert requeue_outdated() == 0
    assert pending() == old
    assert pending().digest == old.digest
    assert pending().book_version == rules_in_force()


def test_a_deleted_rule_leaves_the_decision_to_the_declaration_of_the_tool(world: World) -> None:
    world.held_refund()
    ApprovalPolicy.objects.filter(name="Every refund is seen by a person").delete()
    assert requeue_outdated() == 1
    assert pending().rule is None
    assert pending().rule_name == "Irreversible or high impact"


def test_a_decided_request_is_left_alone(world: World) -> None:
    old = world.held_refund()
    world.approve(old)
    set_rule(tier="T3")
    assert requeue_outdated() == 0
    old.refresh_from_db()
    assert old.state == "APPROVED"


def test_nothing_to_do_costs_two_statements(world: World, django_assert_num_queries) -> None:  # type: ignore[no-untyped-def]
    world.held_refund()
    requeue_outdated()
    with django_assert_num_queries(2):
        assert requeue_outdated() == 0


def test_the_call_follows_and_is_carried_out_once_two_people_agree(world: World) -> None:
    old = world.held_refund()
    set_rule(tier="T3")
    requeue_outdated()
    new = pending()
    assert (world.call().state, world.call().approval_id) == ("AWAITING_APPROVAL", new.pk)
    with pytest.raises(AlreadyDecided, match="the rules changed"):
        world.approve(old)
    world.approve(new)
    assert pending() == new, "one of two"
    world.approve(new, by=colleague(world.ana))
    world.advance(new.ticket)
    assert world.refunds() == 1


def test_the_first_of_two_approvals_does_not_count_under_other_rules(world: World) -> None:
    set_rule(tier="T3")
    old = world.held_refund()
    world.approve(old)
    set_rule(expires_after=timedelta(hours=1))
    requeue_outdated()
    assert pending() != old
    assert not pending().decisions.exists()


def test_a_call_that_is_gone_leaves_its_request_alone(world: World) -> None:
    old = world.held_refund()
    ToolCall.objects.update(approval_id=None)
    set_rule(tier="T3")
    assert requeue_outdated() == 0
    assert pending() == old
    assert requeue_outdated() == 0
    assert not AuditEntry.objects.filter(action="approvals.request.superseded").exists()


def test_who_edited_a_request_does_not_decide_what_takes_its_place(world: World) -> None:
    old = world.held_refund()
    editor = colleague(world.ana)
    edited = services.edit(
        request=old, by=editor, shown_digest=old.digest, values={"amount_minor": 4200}, reason="half of it arrived"
    )
    set_rule(tier="T3")
    assert requeue_outdated() == 1
    assert pending().supersedes == edited
    with pytest.raises(NotAllowed, match="you edited this"):
        world.approve(pending(), by=editor)


@pytest.mark.django_db(transaction=True)
def test_what_waits_is_judged_again_as_soon_as_the_change_is_committed(world: World) -> None:
    old = world.held_refund()
    set_rule(tier="T3")
    assert pending().supersedes == old


def test_the_scheduler_judges_again_what_waits() -> None:
    assert requeue_outdated in [duty.act for duty in duties()]
