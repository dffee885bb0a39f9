"""Roles that an installation makes in the admin: they work like built-in ones, and no update takes them away."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.test import Client
from guardian.shortcuts import assign_perm

from approvals.access import deciders_of, may_decide
from supportagent.staff import roles
from supportagent.staff.models import BuiltInRole, User
from supportagent.staff.permissions import Permission as P
from tests.approvals.conftest import world  # noqa: F401 - a fixture
from tests.world import World, team

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_admin(settings: Any) -> None:
    """What a second admin has to do with a new role stands in tests/changes."""
    settings.SECOND_ADMIN = False


def ids(*names: str) -> list[int]:
    return [Permission.objects.get(content_type__app_label=n.split(".")[0], codename=n.split(".")[1]).pk for n in names]


def as_root() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def names_of(role: str) -> set[str]:
    return set(Group.objects.get(name=role).permissions.values_list("codename", flat=True))


def test_a_role_made_in_the_admin_decides_approvals_and_still_does_after_an_update(world: World) -> None:  # noqa: F811
    form = {"name": "Night shift lead", "permissions": ids(P.DECIDE_APPROVALREQUEST, P.VIEW_APPROVALREQUEST)}
    assert as_root().post("/admin/auth/group/add/", form).status_code == 302
    role = Group.objects.get(name="Night shift lead")
    request = world.held_refund()
    assign_perm("tools.approve_tool", role, request.tool)
    for permission in ("view_team", "decide_for_team"):
        assign_perm(f"staff.{permission}", role, team("orders"))
    noor = User.objects.create(username="noor")
    noor.groups.add(role)

    call_command("sync_roles")

    assert names_of("Night shift lead") == {"decide_approvalrequest", "view_approvalrequest"}
    assert noor in deciders_of(request)
    assert may_decide(noor, request).allowed
    assert world.approve(request, by=noor).state == "APPROVED"


def test_a_role_of_ones_own_is_changed_and_deleted_in_the_admin_after_an_update_too() -> None:
    call_command("sync_roles")
    client = as_root()
    client.post("/admin/auth/group/add/", {"name": "Night shift", "permissions": ids(P.VIEW_TICKET)})
    role = Group.objects.get(name="Night shift")
    call_command("sync_roles")
    changed = client.post(
        f"/admin/auth/group/{role.pk}/change/", {"name": "Late shift", "permissions": ids(P.VIEW_RUN)}
    )
    assert changed.status_code == 302
    call_command("sync_roles")
    assert names_of("Late shift") == {"view_run"}
    assert client.post(f"/admin/auth/group/{role.pk}/delete/", {"post": "yes"}).status_code == 302


def test_a_later_version_with_a_role_of_the_same_name_takes_nothing_away_and_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call_command("sync_roles")
    client = as_root()
    client.post("/admin/auth/group/add/", {"name": "Team lead", "permissions": ids(P.VIEW_TICKET)})
    monkeypatch.setitem(roles.ROLES, "Team lead", (P.REFUND_ORDER,))
    with pytest.raises(CommandError, match="Roles of your own have the names of built-in ones: Team lead"):
        call_command("sync_roles")
    assert names_of("Team lead") == {"view_ticket"}

    own = Group.objects.get(name="Team lead")
    renamed = {"name": "Our team lead", "permissions": ids(P.VIEW_TICKET)}
    assert client.post(f"/admin/auth/group/{own.pk}/change/", renamed).status_code == 302
    call_command("sync_roles")
    assert (names_of("Our team lead"), names_of("Team lead")) == ({"view_ticket"}, {"refund_order"})


def test_a_role_that_a_later_version_no_longer_brings_stays_and_is_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    call_command("sync_roles")
    had = names_of("Auditor")
    monkeypatch.delitem(roles.ROLES, "Auditor")
    call_command("sync_roles")
    auditor = Group.objects.get(name="Auditor")
    assert names_of("Auditor") == had
    assert set(BuiltInRole.objects.values_list("group__name", flat=True)) == set(roles.ROLES)
    assert as_root().post(f"/admin/auth/group/{auditor.pk}/delete/", {"post": "yes"}).status_code == 302
