"""Ways round the second admin, each tried as somebody with a browser would try it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.test import Client
from guardian.models import UserObjectPermission

from agents.models import Agent
from approvals.models import ApprovalPolicy
from audit.models import AuditEntry
from supportagent.changes.kinds import kinds
from supportagent.changes.models import ProposedChange
from supportagent.changes.watching import PastTheForms
from supportagent.staff.models import Team, TeamUserGrant, User
from supportagent.tools.models import Tool, ToolGrant, ToolUserGrant
from tests.changes.admins import Admin, filled, nothing_proposed, page, proposed
from tests.world import World

REASON = {"reason_for_second_admin": "quickly now"}


def the_rule(order: int = 20) -> ApprovalPolicy:
    return ApprovalPolicy.objects.get(order=order)


def refund() -> Tool:
    return Tool.objects.get(qualified_name="store__issue_refund")


def permission(codename: str) -> Permission:
    return Permission.objects.get(content_type__app_label="tools", codename=codename)


def test_an_inline_posted_by_hand(world: World, olga: Admin) -> None:
    """No page was opened: only the management form and one row."""
    form = {
        "enabled": "on",
        "change_reason": "quickly now",
        "grants-TOTAL_FORMS": "1",
        "grants-INITIAL_FORMS": "0",
        "grants-0-group": str(Group.objects.get(name="Auditor").pk),
        "grants-0-permission": str(permission("use_tool").pk),
        "grants-0-argument_rules": "{}",
        "user_grants-TOTAL_FORMS": "0",
        "user_grants-INITIAL_FORMS": "0",
    }
    before = ToolGrant.objects.count()
    assert olga.client.post(page(refund()), form).status_code == 302
    assert ToolGrant.objects.count() == before and proposed()


@pytest.mark.parametrize("verb", ["_continue", "_addanother", "_saveasnew", "_popup"])
def test_another_button_of_the_same_form(world: World, olga: Admin, verb: str) -> None:
    olga.save(the_rule(), tier="T1", **{verb: "1"})
    assert the_rule().tier == "T3" and ApprovalPolicy.objects.filter(tier="T1").count() == 0


def test_deleting_rules_with_the_action_of_the_list(world: World, olga: Admin, otto: Admin) -> None:
    chosen = [str(rule.pk) for rule in ApprovalPolicy.objects.all()]
    form = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
    olga.client.post(page(ApprovalPolicy, "changelist"), form | REASON)
    assert ApprovalPolicy.objects.count() == len(chosen)
    change = proposed()
    assert len(change.loosens) == len(chosen) - ApprovalPolicy.objects.filter(outcome="allow").count()
    assert otto.put_in_force(change).status_code == 302
    assert not ApprovalPolicy.objects.exists()


def test_a_field_that_is_edited_in_the_list(world: World, olga: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    """No list has one today; whoever adds one gets the gate with it."""
    monkeypatch.setattr(admin.site.get_model_admin(ApprovalPolicy), "list_editable", ["enabled"])
    rules = list(ApprovalPolicy.objects.order_by("order", "pk"))
    form = {"form-TOTAL_FORMS": str(len(rules)), "form-INITIAL_FORMS": str(len(rules)), "_save": "Save"}
    form |= {f"form-{number}-id": str(rule.pk) for number, rule in enumerate(rules)}
    olga.client.post(page(ApprovalPolicy, "changelist"), form | REASON)
    assert not ApprovalPolicy.objects.filter(enabled=False).exists()
    assert proposed()


def test_the_pages_of_object_permissions(world: World, olga: Admin) -> None:
    grants = ToolGrant.objects.count()
    for name, pk in (("user", world.rosa.pk), ("group", Group.objects.get(name="Auditor").pk)):
        address = page(refund(), f"permissions_manage_{name}", pk)
        answer = olga.client.post(address, {"permissions": ["use_tool"]} | REASON)
        assert answer.status_code == 302
    assert not ToolUserGrant.objects.exists() and ToolGrant.objects.count() == grants
    assert ProposedChange.objects.count() == 2


def test_the_object_permissions_of_a_model_without_a_table_of_its_own(world: World, olga: Admin) -> None:
    address = page(the_rule(), "permissions_manage_user", world.rosa.pk)
    olga.client.post(address, {"permissions": ["change_approvalpolicy"]} | REASON)
    assert not UserObjectPermission.objects.exists() and proposed()


def test_bringing_back_an_old_looser_version(world: World, olga: Admin) -> None:
    rule = the_rule(30)
    loose = rule.history.first()
    olga.save(rule, tier="T3")
    assert the_rule(30).tier == "T3" and nothing_proposed()
    address = f"/admin/approvals/approvalpolicy/{rule.pk}/history/{loose.pk}/"
    form = filled(olga.client.get(page(rule))) | {"tier": "T2", "change_reason": "as before"}
    assert olga.client.post(address, form).status_code == 302
    assert the_rule(30).tier == "T3" and proposed()


def test_bringing_back_a_version_of_what_one_may_only_look_at(world: World, sven: Admin) -> None:
    """The page of an old version asked only whether one may see it."""
    version = world.agent.history.first()
    form = {"status": "paused", "change_reason": "mine now", "name": "Mine"}
    address = f"/admin/agents/agent/{world.agent.pk}/history/{version.pk}/"
    assert sven.client.get(address).status_code == 200
    assert sven.client.post(address, form).status_code == 403
    assert Agent.objects.get(pk=world.agent.pk).name == "Concierge"


def test_a_role_given_by_the_form_of_a_person_by_an_ops_admin_who_is_no_superuser(world: World, otto: Admin) -> None:
    otto.save(world.rosa, groups=[str(Group.objects.get(name="Ops admin").pk)])
    assert list(world.rosa.groups.values_list("name", flat=True)) == ["Support rep"]
    assert otto.put_in_force(proposed()).status_code == 403


def test_a_helper_account_made_to_be_the_second_admin(world: World, olga: Admin) -> None:
    """A new account may do nothing; the role that it needs to decide waits for somebody who is there already."""
    helper = User.objects.create_user("helper", is_staff=True, password="x")
    olga.save(helper, groups=[str(Group.objects.get(name="Ops admin").pk)], is_superuser="on")
    change = proposed()
    puppet = Client()
    puppet.force_login(helper)
    assert Admin(helper, puppet).put_in_force(change).status_code == 403
    assert olga.put_in_force(change).status_code == 403
    assert not helper.groups.exists()


def test_setting_the_password_of_the_second_admin(world: World, olga: Admin, otto: Admin) -> None:
    form = {"password1": "Zq8!kdkd-2", "password2": "Zq8!kdkd-2", "usable_password": "true"}
    for decider in (otto.user, world.ana, world.admin):
        before = User.objects.get(pk=decider.pk).password
        answer = olga.client.post(f"/admin/staff/user/{decider.pk}/password/", form)
        assert answer.status_code == 403
        assert User.objects.get(pk=decider.pk).password == before
    assert olga.client.post(f"/admin/staff/user/{world.rosa.pk}/password/", form).status_code == 302
    assert User.objects.get(pk=world.rosa.pk).check_password("Zq8!kdkd-2")
    assert AuditEntry.objects.filter(action="changes.password.set", target_id=str(world.rosa.pk)).count() == 1
    own = form | {"old_password": "old"}
    olga.user.set_password("old")
    olga.user.save()
    olga.client.force_login(olga.user)
    olga.client.post("/admin/password_change/", own | {"new_password1": "Zq8!kdkd-2", "new_password2": "Zq8!kdkd-2"})
    assert User.objects.get(pk=olga.user.pk).check_password("Zq8!kdkd-2"), "one's own is one's own affair"


def test_a_form_that_tightens_one_thing_and_loosens_another_waits_as_a_whole(world: World, olga: Admin) -> None:
    olga.save(the_rule(), tier="T1", expires_after="01:00:00")
    assert the_rule().tier == "T3" and the_rule().expires_after.total_seconds() == 4 * 3600
    assert proposed()


def test_a_team_with_a_grant_to_oneself_in_one_form(world: World, olga: Admin) -> None:
    form = {
        "name": "Mine",
        "slug": "mine",
        "time_zone": "UTC",
        "answer_within_minutes": "60",
        "when_away": "keep",
        "opening_hours-TOTAL_FORMS": "0",
        "opening_hours-INITIAL_FORMS": "0",
        "teamusergrant_set-TOTAL_FORMS": "1",
        "teamusergrant_set-INITIAL_FORMS": "0",
        "teamusergrant_set-0-user": str(olga.user.pk),
        "teamusergrant_set-0-permission": str(Permission.objects.get(codename="decide_for_team").pk),
        "teamgroupgrant_set-TOTAL_FORMS": "0",
        "teamgroupgrant_set-INITIAL_FORMS": "0",
    }
    before = TeamUserGrant.objects.count()
    olga.client.post(page(Team, "add"), form | REASON)
    assert not Team.objects.filter(slug="mine").exists() and TeamUserGrant.objects.count() == before
    assert proposed()


def _in_an_action(act: Callable[[], object]) -> Callable[..., None]:
    def action(model_admin: Any, request: Any, queryset: Any) -> None:
        act()

    return action


PAST: dict[str, Callable[[], object]] = {
    "update": lambda: Tool.objects.update(requires_verified=False),
    "bulk_create": lambda: ToolUserGrant.objects.bulk_create(
        [ToolUserGrant(user=User.objects.all()[0], permission=permission("use_tool"), content_object=refund())]
    ),
    "raw delete": lambda: ToolGrant.objects.all()._raw_delete("default"),
    "members of a role": lambda: User.groups.through.objects.create(
        user=User.objects.get(username="rep"), group=Group.objects.get(name="Ops admin")
    ),
}


@pytest.mark.parametrize("way", PAST)
def test_an_action_that_writes_past_the_models_is_an_error_and_writes_nothing(
    world: World, olga: Admin, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    tools = admin.site.get_model_admin(Tool)
    monkeypatch.setattr(tools, "actions", [_in_an_action(PAST[way])])
    before = {model: list(model._default_manager.order_by("pk").values()) for model in (Tool, ToolGrant, ToolUserGrant)}
    form = {"action": "action", "_selected_action": [str(refund().pk)]}
    with pytest.raises(PastTheForms):
        olga.client.post(page(Tool, "changelist"), form | REASON)
    assert before == {model: list(model._default_manager.order_by("pk").values()) for model in before}
    assert not Group.objects.get(name="Ops admin").user_set.filter(username="rep").exists()


def test_what_commands_and_seeds_write_is_not_asked_about(world: World) -> None:
    """They run without a form, by whoever has the machine; the audit trail names them all the same."""
    ApprovalPolicy.objects.create(order=1, name="Free", outcome="allow")
    Tool.objects.filter(pk=refund().pk).update(requires_verified=False)
    assert nothing_proposed()


def test_the_kept_form_holds_no_token_and_no_password(world: World, olga: Admin) -> None:
    olga.save(the_rule(), tier="T1", csrfmiddlewaretoken="secret-token")
    assert "secret-token" not in proposed().form
    assert json.loads(proposed().form)["tier"] == ["T1"]
    rosa = filled(olga.client.get(page(world.rosa))) | {"is_superuser": "on", "password1": "hush"}
    assert olga.client.post(page(world.rosa), rosa | REASON).status_code == 403
    assert ProposedChange.objects.count() == 1


def test_every_form_of_the_admin_stands_behind_the_gate() -> None:
    """A model that governs and has a page has it on the one site, whose views are all guarded."""
    registered = set(admin.site._registry)
    by_inline = {inline.model for each in admin.site._registry.values() for inline in each.inlines}
    without = {model._meta.label_lower for model in kinds() if model not in registered | by_inline}
    assert without <= {"guardian.userobjectpermission", "guardian.groupobjectpermission", "agents.velocitycap"}
