"""The conversation has ended: the chat asks once how it was."""

import json

import pytest

from audit.context import Actor
from supportagent.tickets import services
from supportagent.tickets.models import Rating, Ticket

from .conftest import Browser, reply, signed


@pytest.fixture
def ticket(browser):
    browser.open(signed(browser.app))
    browser.say("Where is my order?")
    reply(Ticket.objects.get(), "It ships today.")
    return Ticket.objects.get()


@pytest.fixture
def ended(ticket):
    return services.set_state(ticket=ticket, state="RESOLVED", actor=Actor.system("test"))


def rating(browser):
    return browser.read().json()["rating"]


def rate(browser, ticket, score=4, **fields):
    return browser.post("rating", {"conversation": ticket.number, "score": score, **fields})


def test_the_question_is_wanted_once_the_conversation_ended_and_gone_when_it_is_answered(browser, ticket):
    assert rating(browser)["state"] == ""
    services.set_state(ticket=ticket, state="RESOLVED", actor=Actor.system("test"))
    assert rating(browser) == {"state": "wanted", "score": 0, "comment": "", "changeable": False}
    answer = rate(browser, ticket, comment="Quick <b>and</b> kind\u202e")
    given = {"state": "given", "score": 4, "comment": "Quick <b>and</b> kind", "changeable": True}
    assert (answer.status_code, answer.json()["rating"], rating(browser)) == (200, given, given)
    assert rate(browser, ticket, 5).json()["rating"]["score"] == 5
    assert Rating.objects.get().changes == 1
    browser.say("One more thing", client_id="m2")  # another conversation: nothing is asked of this one yet
    assert rating(browser)["state"] == ""


def test_a_skipped_question_is_not_asked_in_another_browser_either(browser, ended):
    answer = browser.post("rating/skip", {"conversation": ended.number})
    assert (answer.status_code, answer.json()["rating"]["state"]) == (200, "")
    other = Browser(browser.app)
    other.open(signed(browser.app))
    assert rating(other)["state"] == "" and not Rating.objects.exists()


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"score": 0}, 422),
        ({"score": 6}, 422),
        ({"score": "4"}, 400),
        ({"score": True}, 400),
        ({"score": 4.5}, 400),
        ({"score": 4, "comment": "x" * 2001}, 413),
        ({"score": 4, "comment": None}, 400),
        ({"score": 4, "by": "somebody"}, 400),
        ({}, 400),
    ],
)
def test_what_is_no_rating_is_refused_in_words(browser, ended, fields, status):
    answer = browser.post("rating", {"conversation": ended.number, **fields})
    assert answer.status_code == status and answer.json()["error"]["message"]
    assert not Rating.objects.exists()


def test_nobody_rates_what_is_not_theirs_or_goes_on(browser, ticket):
    assert rate(browser, ticket).status_code == 409
    services.set_state(ticket=ticket, state="CLOSED", actor=Actor.system("test"))
    stranger = Browser(browser.app)
    assert rate(stranger, ticket).status_code == 401
    stranger.open()
    for path in ("rating", "rating/skip"):
        body = {"conversation": ticket.number, **({"score": 1} if path == "rating" else {})}
        assert stranger.post(path, body).status_code == 404
        assert browser.client.get(f"/widget/api/{path}", headers=browser.headers()).status_code == 405
    foreign = browser.post(
        "rating", json.dumps({"conversation": ticket.number, "score": 1}), headers={"Origin": "https://evil.example"}
    )
    assert foreign.status_code == 403
    assert not Rating.objects.exists()
    assert rate(browser, ticket, 1).status_code == 200
    # Until it is too much: a minute may end in between, and be counted anew.
    assert any(rate(browser, ticket, 1 + n % 5).status_code == 429 for n in range(200))


def test_a_conversation_that_goes_on_asks_the_database_nothing_about_ratings(
    browser, ticket, django_assert_num_queries
):
    from supportagent.widget.conversation import rating_of

    with django_assert_num_queries(0):
        assert rating_of(ticket)["state"] == ""
