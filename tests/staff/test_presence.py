from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm

from audit.models import AuditEntry
from supportagent.staff.models import Presence, Team, User
from supportagent.staff.permissions import Permission
from supportagent.staff.presence import at_the_desk, heard_of, set_away
from tests.roles import write_roles

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    write_roles()
    return Team.objects.create(name="Orders & returns", slug="orders")


def person(name, team=None, role="Support rep", **fields):
    user = User.objects.create_user(name, **fields)
    if role:
        user.groups.add(Group.objects.get(name=role))
    if team:
        assign_perm("staff.view_team", user, team)
    return user


def here(team):
    return {user.username for user in at_the_desk(team, Permission.TAKE_OVER_TICKET)}


def seen(user, ago):
    Presence.objects.update_or_create(user=user, defaults={"seen_at": timezone.now() - ago})


def test_whoever_has_a_page_open_is_at_the_desk(team):
    rosa = person("rosa", team)
    assert here(team) == set()
    heard_of(rosa)
    assert here(team) == {"rosa"}


def test_after_two_minutes_of_silence_one_is_gone(team):
    rosa = person("rosa", team)
    seen(rosa, timedelta(seconds=115))
    assert here(team) == {"rosa"}
    seen(rosa, timedelta(seconds=125))
    assert here(team) == set()


def test_whoever_is_away_is_not_here_though_the_page_is_open(team):
    rosa = person("rosa", team)
    heard_of(rosa)
    set_away(rosa, True)
    assert here(team) == set()
    set_away(rosa, False)
    assert here(team) == {"rosa"}


def test_going_away_and_coming_back_stand_in_the_trail_once_each(team):
    rosa = person("rosa", team)
    for away in (False, True, True, False):
        set_away(rosa, away)
    entries = AuditEntry.objects.filter(action__startswith="staff.person", target_id=str(rosa.pk)).order_by("seq")
    assert [entry.action for entry in entries] == ["staff.person.left_the_desk", "staff.person.came_back"]


def test_many_pings_are_at_most_one_write_a_minute(team, django_assert_num_queries):
    rosa = person("rosa", team)
    heard_of(rosa)
    before = Presence.objects.get().seen_at
    with django_assert_num_queries(1):
        heard_of(rosa)
    assert Presence.objects.get().seen_at == before
    seen(rosa, timedelta(seconds=61))
    heard_of(rosa)
    assert Presence.objects.get().seen_at > before


def test_only_those_count_who_see_the_team_and_may_take_a_ticket_over(team):
    """By a grant of one's own, of one's role, by a role for all teams, or as a superuser who has a page open."""
    partners = Team.objects.create(name="Partner desk", slug="partners")
    for user in (
        person("rosa", team),
        person("piet", partners),
        person("auditor", role="Auditor"),
        person("nobody", team, role=""),
        person("gone", team, is_active=False),
        person("root", role="", is_superuser=True),
        person("agent-orders", team, kind="service"),
    ):
        heard_of(user)
    assert here(team) == {"rosa", "root"}
    assign_perm("staff.view_team", Group.objects.get(name="Support rep"), team)
    assert here(team) == {"rosa", "root", "piet"}


def test_who_is_here_is_one_statement(team, django_assert_num_queries):
    for number in range(5):
        heard_of(person(f"rep{number}", team))
    with django_assert_num_queries(1):
        assert len(here(team)) == 5


def test_the_menu_of_the_console_sets_one_away_and_back(team):
    rosa = person("rosa", team)
    client = Client()
    client.force_login(rosa, backend="django.contrib.auth.backends.ModelBackend")
    assert b"Set me away" in client.get("/console/tickets/").content
    answer = client.post("/console/presence/", {"away": "1", "back": "/console/tickets/?split=mine"})
    assert (answer.status_code, answer["Location"]) == (302, "/console/tickets/?split=mine")
    page = client.get("/console/tickets/").content
    assert b"Back at the desk" in page and b'data-testid="away"' in page
    client.post("/console/presence/", {"away": "0"})
    assert not Presence.objects.get().is_away


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_the_way_back_stays_in_the_house(team, back):
    client = Client()
    client.force_login(person("rosa", team), backend="django.contrib.auth.backends.ModelBackend")
    assert client.post("/console/presence/", {"away": "1", "back": back})["Location"] == "/console/"
