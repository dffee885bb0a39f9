"""One menu for both zones."""

import pytest
from django.test import RequestFactory

from supportagent.console import navigation
from supportagent.console.navigation import NavItem

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.console.site")]


@pytest.fixture(autouse=True)
def entries(monkeypatch):
    monkeypatch.setattr(navigation, "_items", {})
    navigation.register(NavItem("Start", "start", "home", order=1))
    navigation.register(NavItem("Queue", "queue", "fact_check", order=2, badge=lambda request: "12"))
    navigation.register(
        NavItem("Groups", "admin:auth_group_changelist", "group", "auth.view_group", section="Configuration")
    )


def labels(user, path="/console/"):
    request = RequestFactory().get(path)
    request.user = user
    return [link.label for section in navigation.menu_for(request) for link in section.links]


def active(user, path):
    request = RequestFactory().get(path)
    request.user = user
    return [link.label for section in navigation.menu_for(request) for link in section.links if link.active]


def test_a_person_sees_only_what_he_may_open(ana, rep):
    assert labels(ana) == ["Start", "Queue", "Groups"]
    assert labels(rep) == ["Start", "Queue"]


def test_an_entry_can_hang_on_more_than_a_model_permission(rep):
    navigation.register(NavItem("Queue", "queue", "x", permission=lambda request: request.user.username == "ana"))
    assert labels(rep) == ["Start"]


@pytest.mark.parametrize(
    "path, label",
    [
        ("/console/", "Start"),
        ("/console/queue/", "Queue"),
        ("/console/queue/7/", "Queue"),
        ("/admin/auth/group/3/change/", "Groups"),
    ],
)
def test_the_entry_of_the_open_page_is_marked_and_no_other(ana, path, label):
    assert active(ana, path) == [label]


def test_a_page_outside_the_menu_marks_nothing(ana):
    assert active(ana, "/console/queues-of-old/") == []


def test_both_zones_draw_the_same_menu_with_its_badge(client, ana):
    client.force_login(ana)
    for address in ("/console/queue/", "/admin/auth/group/"):
        page = client.get(address).content.decode()
        for text in ("/console/queue/", "/admin/auth/group/", "Configuration", "12"):
            assert text in page, address


def test_an_unknown_section_is_refused():
    with pytest.raises(ValueError, match="Elsewhere"):
        navigation.register(NavItem("X", "queue", "x", section="Elsewhere"))


def test_an_entry_without_a_route_is_left_out_and_reported(ana):
    navigation.register(NavItem("Ghost", "no-such-route", "x"))
    assert "Ghost" not in labels(ana)
    assert [message.id for message in navigation.check_entries_have_routes()] == ["console.W001"]
