"""Privileged acts stand in the chain: configuration, grants and roles, whoever changes them."""

import pytest
from django.contrib.auth.models import Group
from guardian.shortcuts import assign_perm, remove_perm

from audit import verification
from audit.context import Actor, acting
from audit.models import AuditEntry
from supportagent.staff.models import Team, User

pytestmark = pytest.mark.django_db


def actions_about(kind: str, identity: object) -> list[tuple[str, str]]:
    entries = AuditEntry.objects.filter(target_type=kind, target_id=str(identity)).order_by("seq")
    return list(entries.values_list("action", "actor_id"))


def test_a_changed_setting_names_who_changed_it() -> None:
    ana = User.objects.create(username="ana")
    with acting(Actor.of(ana)):
        team = Team.objects.create(name="Orders", slug="orders-2")
        team.name = "Orders and returns"
        team.save()
    about = actions_about("staff.team", team.pk)
    assert about == [("audit.configuration.changed", str(ana.pk))] * 2
    assert verification.verify().ok


def test_a_right_that_is_given_and_withdrawn_leaves_two_entries() -> None:
    ana, team = User.objects.create(username="ana"), Team.objects.create(name="Billing", slug="billing-2")
    assign_perm("staff.view_team", ana, team)
    remove_perm("staff.view_team", ana, team)
    actions = [action for action, _ in actions_about("staff.team", team.pk)]
    assert actions == ["audit.configuration.changed", "audit.grant.changed", "audit.grant.changed"]
    assert AuditEntry.objects.about("user", str(ana.pk)).filter(action="audit.grant.changed").count() == 2


def test_a_role_that_somebody_gets_is_an_entry() -> None:
    ana, role = User.objects.create(username="ana"), Group.objects.create(name="Deciders")
    ana.groups.add(role)
    assert ("audit.role.changed", "command") in actions_about("user", ana.pk)


def test_a_change_that_is_rolled_back_leaves_no_entry() -> None:
    from django.db import transaction

    with pytest.raises(RuntimeError), transaction.atomic():
        Team.objects.create(name="Never", slug="never")
        raise RuntimeError
    assert not AuditEntry.objects.filter(action="audit.configuration.changed").exists()
