import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.contrib.auth.models import Permission as PermissionRow
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import IntegrityError, transaction

from supportagent.staff import roles
from supportagent.staff.forms import LoginForm
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, has, require

pytestmark = pytest.mark.django_db


def grant(user: User, permission: Permission) -> None:
    row = PermissionRow.objects.get(content_type__app_label=permission.app_label, codename=permission.codename)
    user.user_permissions.add(row)


def test_the_permissions_are_listed_in_order_and_each_once():
    names = [str(permission) for permission in Permission]
    assert names == sorted(set(names))


def test_every_permission_is_declared_by_a_model():
    assert {str(permission) for permission in Permission} - roles.declared_permissions() == set()


def test_a_person_without_a_role_may_do_nothing_and_is_told_what_he_may_not():
    nobody = User.objects.create_user("nobody")
    assert not has(nobody, "store.refund_order")
    with pytest.raises(PermissionDenied, match="You may not refund an order"):
        require(nobody, Permission.REFUND_ORDER)


def test_a_permission_comes_from_a_role_or_from_the_account_itself():
    call_command("sync_roles")
    by_role, by_hand = User.objects.create_user("role"), User.objects.create_user("hand")
    by_role.groups.add(Group.objects.get(name="Billing specialist"))
    grant(by_hand, Permission.REFUND_ORDER)
    assert has(by_role, Permission.REFUND_ORDER) and has(by_hand, Permission.REFUND_ORDER)


def test_taking_a_role_away_counts_at_once_on_the_same_account_object():
    call_command("sync_roles")
    user = User.objects.create_user("billing")
    user.groups.add(Group.objects.get(name="Billing specialist"))
    assert has(user, Permission.REFUND_ORDER)
    user.groups.clear()
    assert not has(user, Permission.REFUND_ORDER)


def test_asking_costs_one_query(django_assert_num_queries):
    user = User.objects.create_user("rep")
    with django_assert_num_queries(1):
        has(user, Permission.VIEW_TICKET)


def test_an_inactive_account_may_do_nothing_even_as_a_superuser():
    gone = User.objects.create_superuser("gone", is_active=False)
    grant(gone, Permission.VIEW_TICKET)
    assert not has(gone, Permission.VIEW_TICKET)
    assert not has(AnonymousUser(), Permission.VIEW_TICKET)


def test_a_superuser_may_all_except_where_the_question_is_strict():
    root = User.objects.create_superuser("root")
    assert has(root, Permission.DECIDE_APPROVALREQUEST)
    assert not has(root, Permission.DECIDE_APPROVALREQUEST, strict=True)
    grant(root, Permission.DECIDE_APPROVALREQUEST)
    assert has(root, Permission.DECIDE_APPROVALREQUEST, strict=True)


def test_an_unknown_permission_is_a_mistake_in_the_code():
    with pytest.raises(ValueError, match="refund_everything"):
        has(User.objects.create_user("rep"), "store.refund_everything")


def names_of(role: str) -> set[str]:
    rows = Group.objects.get(name=role).permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in rows}


def test_syncing_roles_twice_changes_nothing_and_repairs_a_built_in_role():
    call_command("sync_roles")
    first = {role: names_of(role) for role in roles.ROLES}
    Group.objects.get(name="Support rep").permissions.clear()
    call_command("sync_roles")
    assert {role: names_of(role) for role in roles.ROLES} == first
    assert Group.objects.count() == len(roles.ROLES)


def test_a_role_of_the_installations_own_is_left_alone():
    own = Group.objects.create(name="Night shift")
    own.permissions.add(PermissionRow.objects.get(codename="refund_order"))
    call_command("sync_roles")
    assert names_of("Night shift") == {"store.refund_order"}


@pytest.mark.parametrize(
    ("role", "may", "may_not"),
    [
        ("Support rep", ["store.view_order", "tickets.escalate_ticket"], ["store.refund_order", "store.view_payment"]),
        ("Billing specialist", ["store.refund_order", "store.view_invoice"], ["engineering.view_servicelog"]),
        ("Technical specialist", ["engineering.file_issue"], ["store.view_payment", "store.view_order"]),
        ("Supervisor", ["approvals.decide_approvalrequest", "agents.view_run"], ["store.refund_order"]),
        ("Finance lead", ["approvals.decide_approvalrequest", "store.view_payment"], ["tickets.reply_ticket"]),
        ("Ops admin", ["agents.change_agent", "staff.add_user"], ["approvals.decide_approvalrequest"]),
        ("Auditor", ["audit.export_auditentry", "agents.view_run"], ["tickets.reply_ticket", "agents.pause_agent"]),
    ],
)
def test_a_role_may_do_its_work_and_no_other(role, may, may_not):
    call_command("sync_roles")
    assert set(may) <= names_of(role)
    assert not set(may_not) & names_of(role)


def test_a_supervisor_may_do_everything_a_rep_may():
    assert set(roles.ROLES["Support rep"]) < set(roles.ROLES["Supervisor"])


def test_no_role_decides_for_every_team():
    assert not [role for role, held in roles.ROLES.items() if Permission.DECIDE_FOR_TEAM in held]


def test_a_service_account_never_keeps_a_password():
    agent = User.objects.create_user("agent.orders", password="guess-me", kind=User.Kind.SERVICE)
    agent.set_password("again")
    agent.save(update_fields=["first_name"])
    agent.refresh_from_db()
    assert not agent.has_usable_password()


def test_the_database_itself_refuses_a_service_account_with_a_password():
    person = User.objects.create_user("person", password="secret")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.filter(pk=person.pk).update(kind=User.Kind.SERVICE)


def test_the_log_in_form_refuses_a_service_account_that_some_back_end_let_in():
    agent = User.objects.create_user("agent.orders", kind=User.Kind.SERVICE, is_staff=True)
    with pytest.raises(Exception, match="service account cannot log in"):
        LoginForm().confirm_login_allowed(agent)


def test_a_service_account_cannot_log_in_at_the_door(client):
    User.objects.create_user("agent.orders", password="guess-me", kind=User.Kind.SERVICE, is_staff=True)
    answer = client.post("/admin/login/", {"username": "agent.orders", "password": "guess-me"})
    assert answer.status_code == 200
    assert "_auth_user_id" not in client.session
