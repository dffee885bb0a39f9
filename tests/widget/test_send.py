import json

import pytest

from audit.context import Actor
from supportagent.tickets import services
from supportagent.tickets.models import Message, Ticket

from .conftest import SHOP, Browser, reply, signed


@pytest.fixture
def guest(browser):
    browser.open()
    return browser


def error(answer):
    return answer.status_code, answer.json()["error"]["code"]


def test_a_message_opens_a_ticket_for_the_widgets_team(guest):
    answer = guest.say("Where is my order?")

    ticket = Ticket.objects.get()
    assert answer.status_code == 201
    assert (ticket.team, ticket.assurance, ticket.channel) == (guest.app.team, "anonymous", "widget")
    assert answer.json()["conversation"] == ticket.number


def test_sending_the_same_message_again_stores_it_once(guest):
    assert [guest.say("Hello").status_code for _ in range(3)] == [201, 200, 200]
    assert guest.texts() == ["Hello"]


def test_the_same_id_with_another_text_is_a_conflict_and_the_first_stays(guest):
    guest.say("Refund ORD-1042")
    assert error(guest.say("Refund ORD-9999")) == (409, "duplicate_message")
    assert guest.texts() == ["Refund ORD-1042"]


@pytest.mark.parametrize("text", ["", "   \n", "\u200b\u200d\ufeff"])
def test_a_message_without_anything_visible_is_refused(guest, text):
    assert guest.say(text).status_code == 422
    assert not Message.objects.exists()


def test_a_megabyte_is_refused_with_the_limit_named(guest):
    answer = guest.say("a" * 1_000_000)
    assert error(answer) == (413, "too_large")
    assert answer.json()["error"]["limit_bytes"] == 65536


def test_a_text_over_the_character_limit_is_refused(guest):
    assert error(guest.say("a" * 9000)) == (413, "message_too_long")


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "[click](javascript:alert(1))",
    "<svg onload=alert(1)>",
    "![x](https://evil.example/pixel.png)",
    "![x][ref]\n\n[ref]: https://evil.example/pixel.png",
    "<https://evil.example/>",
    "![x](data:image/png;base64,AAAA)",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text_whoever_wrote_it(guest, text):
    guest.say(text)
    reply(Ticket.objects.get(), text)

    own, answer = guest.read().json()["messages"]

    assert own["text"] == text
    assert "html" not in own
    for dangerous in ("<script", "<img", "<svg", "<a ", "href", "src="):
        assert dangerous not in answer["html"].replace("&lt;", "").replace("src=x", "")


@pytest.mark.parametrize("hidden", ["\u202e", "\u2066", "\U000e0041", "\u200b"])
def test_hidden_characters_do_not_reach_the_customers_screen(guest, hidden):
    guest.say(f"pay {hidden}now")
    reply(Ticket.objects.get(), f"we {hidden}paid")
    assert hidden not in json.dumps(guest.read().json(), ensure_ascii=False)


def test_too_many_messages_are_refused_with_one_notice(guest):
    answers = [guest.say(f"message {number}", client_id=f"m{number}") for number in range(30)]

    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(refused) >= 10 and all(answer.status_code in (201, 429) for answer in answers)
    assert sum(answer.json()["error"]["notice"] for answer in refused) == 1
    assert int(refused[0]["Retry-After"]) > 0


def test_without_or_with_a_made_up_session_nothing_is_read_or_written(browser):
    for token in ("", "made-up", "x" * 5000):
        browser.token = token
        assert browser.say("Hello").status_code == 401
        assert browser.read().status_code == 401
    assert not Message.objects.exists()


def test_a_session_of_one_shop_is_refused_at_another(guest, other_app):
    stranger = Browser(other_app)
    stranger.token = guest.token
    assert error(stranger.say("Hello")) == (403, "other_app")
    assert error(stranger.read()) == (403, "other_app")


def test_the_conversation_of_somebody_else_does_not_exist(guest):
    ana = Browser(guest.app)
    ana.open(signed(guest.app))
    ana.say("My address is Rua das Flores 12")
    number = Ticket.objects.get().number

    assert error(guest.read(conversation=number)) == (404, "unknown_conversation")
    assert error(guest.read(conversation="T-99999999")) == (404, "unknown_conversation")
    assert ana.read(conversation=number).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b" ",
        b"[]",
        b"null",
        b"{",
        b'{"client_message_id": "a", "body": "x", "body": "y"}',
        b'{"client_message_id": "a", "body": NaN}',
        b'{"client_message_id": "a", "body": 1}',
        b'{"client_message_id": "a", "body": null}',
        b'{"client_message_id": "a", "body": "x", "assurance": "verified"}',
        b'{"body": "x"}',
        b'{"client_message_id": "../../x", "body": "x"}',
        b'{"client_message_id": "a", "body": "\\ud800"}',
        b'{"client_message_id": "a", "body": "a\\u0000b"}',
        b'{"client_message_id": "a", "body": "\xff"}',
        b'{"client_message_id": "a", "body": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    ],
)
def test_what_is_not_strict_json_is_refused(guest, body):
    assert guest.post("messages", body).status_code == 400
    assert not Message.objects.exists()


def test_another_content_type_is_refused(guest):
    for content_type in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert guest.post("messages", "{}", content_type=content_type).status_code == 415


@pytest.mark.parametrize("after", ["-1", "1.5", "x", "٣", "9" * 30])
def test_an_odd_sequence_number_is_refused(guest, after):
    assert guest.read(after=after).status_code == 400


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://shop.example.evil.example"])
def test_a_foreign_site_is_refused_even_with_a_valid_token(guest, origin):
    assert error(guest.say("Hello", headers={"Origin": origin})) == (403, "foreign_origin")
    assert error(guest.open(headers={"Origin": origin})) == (403, "foreign_origin")


def test_our_own_frame_and_the_shop_may_speak(guest):
    for number, origin in enumerate(("http://testserver", SHOP)):
        assert guest.say("Hello", client_id=f"m{number}", headers={"Origin": origin}).status_code == 201


def test_internal_notes_never_reach_the_customer(guest):
    guest.say("Hello")
    ticket = Ticket.objects.get()
    services.add_note(ticket=ticket, body="smells like fraud", actor=Actor.system("test"))
    reply(ticket, "How can I help?")

    page = guest.read().json()

    assert "fraud" not in json.dumps(page)
    assert [message["kind"] for message in page["messages"]] == ["customer", "agent"]


def test_catching_up_gives_only_what_came_later(guest):
    guest.say("Hello")
    reply(Ticket.objects.get(), "How can I **help**?")
    page = guest.read(after=1).json()
    assert [message["html"].strip() for message in page["messages"]] == ["<p>How can I <strong>help</strong>?</p>"]


def test_reading_costs_the_same_for_one_message_and_for_fifty(guest, django_assert_max_num_queries):
    guest.say("Hello")
    for number in range(50):
        reply(Ticket.objects.get(), f"Answer {number}")
    with django_assert_max_num_queries(7):
        assert len(guest.read().json()["messages"]) == 51


def test_a_thread_that_was_resolved_is_followed_by_a_new_one(guest):
    guest.say("First")
    first = Ticket.objects.get()
    services.set_state(ticket=first, state=Ticket.State.RESOLVED, actor=Actor.system("test"))

    guest.say("Second", client_id="m2")

    page = guest.read(conversation=first.number).json()
    assert (page["conversation"], page["current"]) == (first.number, Ticket.objects.latest("pk").number)
    assert guest.texts() == ["Second"]
