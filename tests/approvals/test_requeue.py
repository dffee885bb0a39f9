"""A rule changes: what waits under the old rules is judged again."""

import pytest

from approvals.models import ApprovalPolicy, ApprovalRequest
from approvals.policy import rules_in_force
from approvals.requeue import requeue_outdated
from audit.models import AuditEntry
from tests.approvals.desk import set_rule
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
