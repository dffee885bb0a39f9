import pytest
from django.contrib.auth.models import AnonymousUser, Group
from django.core.management import call_command
from guardian.shortcuts import assign_perm

from supportagent.staff.models import (
    Team,
    TeamGroupGrant,
    TeamUserGrant,
    User,
    may_decide,
    may_see,
    teams_decided_ids,
    teams_visible_ids,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def orders():
    return Team.objects.create(name="Orders & returns", slug="orders")


@pytest.fixture
def partners():
    return Team.objects.create(name="Partner desk", slug="partners")


@pytest.fixture
def ana():
    return User.objects.create_user("ana", first_name="Ana")


def test_a_grant_on_one_team_shows_that_team_and_no_other(ana, orders, partners):
    assign_perm("staff.view_team", ana, orders)
    assert list(Team.objects.visible_to(ana)) == [orders]
    assert list(teams_visible_ids(ana)) == [orders.pk]
    assert may_see(ana, orders.pk) and not may_see(ana, partners.pk)


def test_a_grant_is_kept_in_the_teams_own_table_and_goes_with_the_team(ana, orders):
    assign_perm("staff.view_team", ana, orders)
    assert TeamUserGrant.objects.count() == 1
    orders.delete()
    assert TeamUserGrant.objects.count() == 0


def test_a_grant_to_a_role_reaches_its_members_once(ana, orders, partners):
    role = Group.objects.create(name="Orders people")
    ana.groups.add(role, Group.objects.create(name="Another"))
    assign_perm("staff.view_team", role, orders)
    assign_perm("staff.view_team", ana, orders)
    assert TeamGroupGrant.objects.count() == 1
    assert list(Team.objects.visible_to(ana)) == [orders]


def test_seeing_a_team_is_not_deciding_for_it(ana, orders):
    assign_perm("staff.view_team", ana, orders)
    assert not may_decide(ana, orders.pk)
    assign_perm("staff.decide_for_team", ana, orders)
    assert list(teams_decided_ids(ana)) == [orders.pk]


def test_a_role_that_sees_teams_as_a_whole_sees_all_of_them(ana, orders, partners):
    call_command("sync_roles")
    ana.groups.add(Group.objects.get(name="Auditor"))
    assert set(Team.objects.visible_to(ana)) == {orders, partners}
    assert not Team.objects.decided_by(ana).exists()


def test_a_superuser_sees_every_team_and_decides_for_none_by_that_alone(orders, partners):
    root = User.objects.create_superuser("root")
    assert set(Team.objects.visible_to(root)) == {orders, partners}
    assert not Team.objects.decided_by(root).exists()
    assign_perm("staff.decide_for_team", root, orders)
    assert list(Team.objects.decided_by(root)) == [orders]


def test_an_account_that_was_switched_off_sees_and_decides_nothing(ana, orders):
    assign_perm("staff.view_team", ana, orders)
    assign_perm("staff.decide_for_team", ana, orders)
    ana.is_active = False
    assert not Team.objects.visible_to(ana).exists()
    assert not Team.objects.decided_by(ana).exists()
    assert not Team.objects.visible_to(AnonymousUser()).exists()


def test_the_visible_teams_take_one_query_however_many_grants(ana, django_assert_num_queries):
    for number in range(5):
        assign_perm("staff.view_team", ana, Team.objects.create(name=f"T{number}", slug=f"t{number}"))
    with django_assert_num_queries(1):
        assert len(Team.objects.visible_to(ana)) == 5


def test_the_front_desk_is_the_configured_team_else_the_oldest(partners, settings):
    assert Team.objects.all().front_desk() == partners
    orders = Team.objects.create(name="Orders", slug="orders")
    assert Team.objects.all().front_desk() == orders
    settings.FRONT_DESK_TEAM = "partners"
    assert Team.objects.all().front_desk() == partners


def test_an_installation_without_teams_still_has_a_front_desk():
    assert Team.objects.all().front_desk().slug == "support"
    assert Team.objects.all().front_desk() == Team.objects.get()


def test_a_display_name_falls_back_to_the_log_in_name(ana):
    assert ana.display_name == "Ana"
    assert User.objects.create_user("bo").display_name == "bo"
