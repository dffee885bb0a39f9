import pytest
from django.contrib.auth.models import Group, Permission

from supportagent.staff.models import Team, TeamUserGrant, User
from tests.roles import write_roles

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def one_admin(settings):
    """What a second admin has to do with these forms stands in tests/changes."""
    settings.SECOND_ADMIN = False


@pytest.fixture
def ops(client):
    write_roles()
    user = User.objects.create_user("ops", is_staff=True)
    user.groups.add(Group.objects.get(name="Ops admin"))
    client.force_login(user)
    return user


@pytest.fixture
def root(client):
    user = User.objects.create_superuser("root")
    client.force_login(user)
    return user


@pytest.mark.parametrize("page", ["staff/user/", "staff/user/add/", "auth/group/", "staff/team/", "staff/team/add/"])
def test_an_ops_admin_gets_the_pages_of_staff(ops, client, page):
    assert client.get(f"/admin/{page}").status_code == 200


def test_a_support_rep_gets_none_of_them(client):
    write_roles()
    rep = User.objects.create_user("rep", is_staff=True)
    rep.groups.add(Group.objects.get(name="Support rep"))
    client.force_login(rep)
    for page in ("staff/user/", "auth/group/", "staff/team/"):
        assert client.get(f"/admin/{page}").status_code == 403


def test_a_team_is_made_with_a_grant_in_one_form(ops, client):
    rep = User.objects.create_user("rep")
    view_team = Permission.objects.get(codename="view_team")
    form = {
        "name": "Billing",
        "slug": "billing",
        "time_zone": "UTC",
        "answer_within_minutes": "60",
        "when_away": "keep",
        "opening_hours-TOTAL_FORMS": "0",
        "opening_hours-INITIAL_FORMS": "0",
        "teamusergrant_set-TOTAL_FORMS": "1",
        "teamusergrant_set-INITIAL_FORMS": "0",
        "teamusergrant_set-0-user": str(rep.pk),
        "teamusergrant_set-0-permission": str(view_team.pk),
        "teamgroupgrant_set-TOTAL_FORMS": "0",
        "teamgroupgrant_set-INITIAL_FORMS": "0",
    }
    answer = client.post("/admin/staff/team/add/", form)
    assert answer.status_code == 302, answer.content.decode()[:2000]
    assert TeamUserGrant.objects.get().content_object == Team.objects.get(slug="billing")
    assert list(Team.objects.visible_to(rep)) == [Team.objects.get()]


def test_the_grant_form_offers_the_permissions_of_a_team_only(ops, client):
    Team.objects.create(name="Billing", slug="billing")
    body = client.get(f"/admin/staff/team/{Team.objects.get().pk}/change/").content.decode()
    assert "decide approval requests of the team" in body
    assert "Can refund" not in body and "Can delete team" not in body


def test_an_ops_admin_makes_nobody_a_superuser_and_does_not_edit_himself(ops, client):
    rep = User.objects.create_user("rep")
    form = {"username": "rep", "is_active": "on", "is_superuser": "on", "user_permissions": ["1"]}
    form |= {"date_joined_0": "2026-01-01", "date_joined_1": "00:00:00"}
    assert client.post(f"/admin/staff/user/{rep.pk}/change/", form).status_code == 302
    rep.refresh_from_db()
    assert not rep.is_superuser and not rep.user_permissions.exists()
    assert client.post(f"/admin/staff/user/{ops.pk}/change/", form).status_code == 403


def test_an_ops_admin_does_not_touch_a_superuser(ops, client):
    root = User.objects.create_superuser("root", password="x")
    assert client.post(f"/admin/staff/user/{root.pk}/change/", {"username": "mine"}).status_code == 403
    assert client.post(f"/admin/staff/user/{root.pk}/password/", {"password1": "a"}).status_code == 403
    assert client.post(f"/admin/staff/user/{root.pk}/delete/", {"post": "yes"}).status_code == 403


def test_only_a_superuser_changes_a_role_and_nobody_a_built_in_one(ops, client):
    own, rep = Group.objects.create(name="Night shift"), Group.objects.get(name="Support rep")
    assert client.post(f"/admin/auth/group/{own.pk}/change/", {"name": "Mine"}).status_code == 403
    client.force_login(User.objects.create_superuser("root"))
    assert client.post(f"/admin/auth/group/{own.pk}/change/", {"name": "Late shift"}).status_code == 302
    assert client.post(f"/admin/auth/group/{rep.pk}/change/", {"name": "Mine"}).status_code == 403


def test_a_service_account_is_made_in_the_admin_without_a_password(root, client):
    form = {"username": "agent.orders", "kind": "service", "password1": "Zq8!kdkd-2", "password2": "Zq8!kdkd-2"}
    answer = client.post("/admin/staff/user/add/", form | {"usable_password": "true"})
    assert answer.status_code == 302, answer.content.decode()[:2000]
    assert not User.objects.get(username="agent.orders").has_usable_password()


def test_the_list_of_accounts_takes_as_many_queries_for_many_as_for_few(root, client, django_assert_max_num_queries):
    write_roles()
    for number in range(30):
        User.objects.create_user(f"u{number}").groups.add(Group.objects.get(name="Support rep"))
    with django_assert_max_num_queries(20):
        client.get("/admin/staff/user/")
