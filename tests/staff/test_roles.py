"""Built-in roles belong to the code: read-only in the admin, and copied by whoever wants another."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command
from django.test import Client

from supportagent.changes.models import ProposedChange
from supportagent.staff import roles
from supportagent.staff.models import User
from supportagent.tools.models import ToolGrant
from tests.approvals.conftest import world  # noqa: F401 - a fixture
from tests.changes.admins import Admin, page
from tests.world import World

pytestmark = pytest.mark.django_db
LIST = "/admin/auth/group/"


@pytest.fixture
def root(client: Client) -> Client:
    call_command("sync_roles")
    client.force_login(User.objects.create_superuser("root"))
    return client


def names_of(role: Group) -> set[str]:
    return set(role.permissions.values_list("codename", flat=True))


@pytest.mark.parametrize("name", roles.ROLES)
def test_a_built_in_role_is_read_only_in_the_admin(root: Client, name: str) -> None:
    role = Group.objects.get(name=name)
    before = names_of(role)
    more = Permission.objects.exclude(pk__in=role.permissions.values("pk")).first()
    assert more is not None
    assert root.get(page(role)).status_code == 200
    assert root.post(page(role), {"name": name, "permissions": [str(more.pk)]}).status_code == 403
    assert root.post(page(role, "delete"), {"post": "yes"}).status_code == 403
    assert names_of(role) == before


def copy(client: Client, role: Group, **more: str) -> Any:
    form = {"action": "copy_as_new_role", "_selected_action": [str(role.pk)]}
    return client.post(LIST, form | more)


def test_a_copy_of_a_built_in_role_has_its_permissions_and_grants_and_outlives_an_update(
    world: World,  # noqa: F811
    client: Client,
    settings: Any,
) -> None:
    settings.SECOND_ADMIN = False
    client.force_login(User.objects.create_superuser("root"))
    supervisor = Group.objects.get(name="Supervisor")
    assert copy(client, supervisor).status_code == 302
    own = Group.objects.get(name="Supervisor (copy)")
    assert names_of(own) == names_of(supervisor)
    of = {
        role.pk: set(ToolGrant.objects.filter(group=role).values_list("content_object", "permission"))
        for role in (own, supervisor)
    }
    assert of[own.pk] == of[supervisor.pk] != set()
    own.permissions.remove(Permission.objects.get(codename="decide_approvalrequest"))
    left = names_of(own)
    call_command("sync_roles")
    assert names_of(own) == left
    copy(client, supervisor)
    assert Group.objects.filter(name="Supervisor (copy 2)").exists()


def test_a_copy_gives_rights_so_it_waits_for_a_second_admin(world: World, client: Client) -> None:  # noqa: F811
    root = User.objects.create_superuser("root")
    client.force_login(root)
    supervisor = Group.objects.get(name="Supervisor")
    copy(client, supervisor, reason_for_second_admin="another shift")
    assert not Group.objects.filter(name="Supervisor (copy)").exists()
    change = ProposedChange.objects.get()
    second = Client()
    second.force_login(world.admin, backend="django.contrib.auth.backends.ModelBackend")
    assert Admin(world.admin, second).put_in_force(change).status_code == 302
    assert names_of(Group.objects.get(name="Supervisor (copy)")) == names_of(supervisor)


def test_a_permission_added_to_a_built_in_role_behind_the_admins_back_is_taken_out_by_the_next_update(
    root: Client,
) -> None:
    role = Group.objects.get(name="Support rep")
    before = names_of(role)
    role.permissions.add(Permission.objects.get(codename="refund_order"))
    call_command("sync_roles")
    assert names_of(role) == before
