"""Nobody is there: the customer may leave an address, which colleagues alone see."""

import json

import pytest
from django.contrib.auth.models import Group
from django.test import Client
from guardian.shortcuts import assign_perm

from audit.context import Actor
from supportagent.staff.models import User
from supportagent.staff.presence import heard_of
from supportagent.tickets import services
from supportagent.tickets.models import HandOver, Ticket
from tests.roles import write_roles

from .conftest import Browser, signed


@pytest.fixture
def ticket(browser):
    browser.app.team.when_away = "contact"
    browser.app.team.save()
    browser.open(signed(browser.app))
    browser.say("I want a person")
    return Ticket.objects.get()


@pytest.fixture
def handed(ticket):
    return services.hand_over(
        ticket=ticket,
        reason_code="customer_asked",
        summary="Wants a person",
        actor=Actor.system("test"),
        customer_text="A colleague will take over.",
    )


def leave(browser, email="ana@home.example", number=None):
    return browser.post("contact", {"conversation": number or Ticket.objects.first().number, "email": email})


def test_the_form_is_wanted_only_while_a_hand_over_waits_for_a_team_that_asks(browser, ticket):
    assert browser.read().json()["contact"] == ""
    services.hand_over(ticket=ticket, reason_code="other", summary="Stuck", actor=Actor.system("test"))
    assert browser.read().json()["contact"] == "wanted"
    browser.app.team.when_away = "promise"
    browser.app.team.save()
    assert browser.read().json()["contact"] == ""


def test_an_address_is_kept_and_confirmed_without_being_repeated(browser, handed):
    answer = leave(browser)
    assert (answer.status_code, answer.json()) == (200, {"contact": "left"})
    assert HandOver.objects.get().contact == "ana@home.example"
    page = browser.read().json()
    assert page["contact"] == "left" and "We have your e-mail address" in json.dumps(page)
    assert "ana@home.example" not in json.dumps(page)


@pytest.mark.parametrize("email", ["", "ana", "ana@", "<script>@x", "x" * 300 + "@home.example"])
def test_what_is_no_address_is_refused_in_words(browser, handed, email):
    answer = leave(browser, email)
    assert answer.status_code == 422 and "name@example.com" in answer.json()["error"]["message"]
    assert HandOver.objects.get().contact == ""


def test_fields_that_are_missing_or_odd_are_refused(browser, handed):
    for body in ({}, {"email": "ana@home.example"}, {"conversation": 7, "email": "a@b.example"}, "nonsense"):
        assert browser.post("contact", body).status_code == 400
    assert browser.client.get("/widget/api/contact", headers=browser.headers()).status_code == 405


def test_nobody_leaves_an_address_in_the_conversation_of_somebody_else(browser, handed):
    stranger = Browser(browser.app)
    assert leave(stranger).status_code == 401
    stranger.open()
    assert leave(stranger).status_code == 404
    assert HandOver.objects.get().contact == ""


def test_when_a_colleague_is_there_no_address_is_asked_for(browser, handed):
    write_roles()
    rosa = User.objects.create_user("rosa", first_name="Rosa")
    rosa.groups.add(Group.objects.get(name="Support rep"))
    assign_perm("staff.view_team", rosa, browser.app.team)
    heard_of(rosa)
    assert browser.read().json()["contact"] == ""
    services.take_over(ticket=handed.ticket, by=rosa)
    assert leave(browser).status_code == 409


def test_asking_too_often_is_refused(browser, handed):
    codes = {leave(browser, f"ana{number}@home.example").status_code for number in range(25)}
    assert codes == {200, 429}


@pytest.mark.parametrize(("role", "seen"), [("Support rep", True), ("Auditor", False)])
def test_the_address_is_shown_to_colleagues_who_see_personal_data(browser, handed, role, seen):
    leave(browser)
    write_roles()
    person = User.objects.create_user("person", is_staff=True)
    person.groups.add(Group.objects.get(name=role))
    assign_perm("staff.view_team", person, browser.app.team)
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")
    for page in (f"/console/tickets/{handed.ticket.number}/", f"/admin/tickets/handover/{handed.pk}/change/"):
        answer = client.get(page)
        assert answer.status_code == 200 and (b"ana@home.example" in answer.content) is seen, page
