"""Approval rules: what loosens one waits for a second admin, what tightens one is in force at once."""

from typing import Any

import pytest
from django.contrib.auth.models import Group

from approvals.models import ApprovalPolicy
from audit import verification
from audit.models import AuditEntry
from supportagent.changes.models import ProposedChange
from supportagent.tools.models import Tool
from tests.changes.admins import REASON, Admin, nothing_proposed, page, proposed
from tests.world import World

State = ProposedChange.State


def the_rule(order: int = 20) -> ApprovalPolicy:
    return ApprovalPolicy.objects.get(order=order)


NEW = {
    "order": "5",
    "name": "Small refunds",
    "conditions": '[{"path": "arguments.amount_minor", "op": "lte", "value": 2000}]',
    "outcome": "allow",
    "tier": "T1",
    "expires_after": "04:00:00",
    "enabled": "on",
}


def test_a_rule_that_allows_waits_for_a_second_admin(world: World, olga: Admin, otto: Admin) -> None:
    tool = Tool.objects.get(qualified_name="store__issue_refund")
    answer = olga.add(ApprovalPolicy, **NEW, tool=str(tool.pk))
    assert answer.status_code == 302
    assert not ApprovalPolicy.objects.filter(order=5).exists()
    change = proposed()
    assert change.object_id == "new" and change.reason == REASON and change.proposed_by == olga.user
    assert otto.put_in_force(change).status_code == 302
    rule = ApprovalPolicy.objects.get(order=5)
    assert (rule.name, rule.outcome, rule.tool) == ("Small refunds", "allow", tool)
    change.refresh_from_db()
    assert (change.state, change.decided_by) == (State.IN_FORCE, otto.user)


LOOSER: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "a lower tier": ({"tier": "T1"}, (), "the tier falls from T3 to T1"),
    "another outcome": ({"outcome": "allow"}, (), "it says “Allow without a person” instead of “Needs approval”"),
    "other conditions": ({"conditions": "[]"}, (), "its conditions are changed"),
    "another place": ({"order": "900"}, (), "its place is changed"),
    "a longer wait": ({"expires_after": "5 00:00:00"}, (), "wait longer"),
    "switched off": ({}, ("enabled",), "is left to the rules below it"),
}


@pytest.mark.parametrize("name", LOOSER)
def test_what_loosens_a_rule_waits_and_says_what_it_loosens(world: World, olga: Admin, otto: Admin, name: str) -> None:
    changes, without, words = LOOSER[name]
    before = ApprovalPolicy.objects.values().get(order=20)
    assert olga.save(the_rule(), without, **changes).status_code == 302
    assert ApprovalPolicy.objects.values().get(pk=before["pk"] if "pk" in before else before["id"]) == before
    change = proposed()
    assert any(words in sentence for sentence in change.loosens), change.loosens
    assert otto.put_in_force(change).status_code == 302
    assert ApprovalPolicy.objects.values().get(pk=before["id"]) != before


STRICTER: dict[str, tuple[int, dict[str, Any]]] = {
    "a higher tier": (30, {"tier": "T3"}),
    "a shorter wait": (20, {"expires_after": "01:00:00"}),
    "denied from now on": (20, {"outcome": "deny"}),
    "another name": (20, {"name": "Much money"}),
}


@pytest.mark.parametrize("name", STRICTER)
def test_what_tightens_a_rule_is_in_force_at_once(world: World, olga: Admin, name: str) -> None:
    order, changes = STRICTER[name]
    version = the_rule(order).version
    assert olga.save(the_rule(order), **changes).status_code == 302
    assert the_rule(order).version == version + 1
    assert nothing_proposed()
    entry = AuditEntry.objects.filter(action="audit.configuration.changed").latest("seq")
    assert entry.actor_id == str(olga.user.pk)


def test_a_new_rule_that_denies_is_in_force_at_once(world: World, olga: Admin) -> None:
    tool = Tool.objects.get(qualified_name="store__issue_refund")
    assert olga.add(ApprovalPolicy, **{**NEW, "outcome": "deny", "tool": str(tool.pk)}).status_code == 302
    assert ApprovalPolicy.objects.filter(order=5, outcome="deny").exists()
    assert nothing_proposed()


def test_a_deleted_rule_waits_and_one_that_allowed_is_gone_at_once(world: World, olga: Admin, otto: Admin) -> None:
    rule = the_rule()
    assert olga.post(page(rule, "delete"), post="yes").status_code == 302
    assert ApprovalPolicy.objects.filter(pk=rule.pk).exists()
    assert otto.put_in_force(proposed()).status_code == 302
    assert not ApprovalPolicy.objects.filter(pk=rule.pk).exists()
    allowing = ApprovalPolicy.objects.create(order=1, name="Free", outcome="allow")
    olga.post(page(allowing, "delete"), post="yes")
    assert not ApprovalPolicy.objects.filter(pk=allowing.pk).exists()


def test_roles_that_may_approve_too_wait_and_fewer_of_them_do_not(world: World, olga: Admin, otto: Admin) -> None:
    finance, supervisor = Group.objects.get(name="Finance lead"), Group.objects.get(name="Supervisor")
    rule = the_rule()
    olga.save(rule, approvers=[str(finance.pk)])
    assert nothing_proposed() and list(rule.approvers.all()) == [finance]
    olga.save(rule, approvers=[str(finance.pk), str(supervisor.pk)])
    assert list(rule.approvers.all()) == [finance]
    assert any("Supervisor may decide too" in sentence for sentence in proposed().loosens)
    otto.put_in_force(proposed())
    assert set(rule.approvers.all()) == {finance, supervisor}


def test_every_role_that_may_instead_of_those_named_waits(world: World, olga: Admin) -> None:
    rule = the_rule()
    rule.approvers.set([Group.objects.get(name="Finance lead")])
    olga.save(rule, without=("approvers",))
    assert rule.approvers.exists()
    assert any("every role that may decides" in sentence for sentence in proposed().loosens)


def test_proposed_and_put_in_force_stand_in_the_audit_trail_which_verifies(
    world: World, olga: Admin, otto: Admin
) -> None:
    olga.save(the_rule(), tier="T2")
    change = proposed()
    otto.put_in_force(change)
    about = AuditEntry.objects.filter(target_type="change", target_id=str(change.pk)).order_by("seq")
    assert list(about.values_list("action", "actor_id")) == [
        ("changes.change.proposed", str(olga.user.pk)),
        ("changes.change.put_in_force", str(otto.user.pk)),
    ]
    assert AuditEntry.objects.about("approvals.approvalpolicy", str(the_rule().pk)).filter(
        action="changes.change.put_in_force"
    )
    assert the_rule().history.first().history_change_reason == REASON
    assert the_rule().history.first().history_user == olga.user
    assert verification.verify().ok
