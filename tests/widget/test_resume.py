from datetime import timedelta

from django.utils import timezone

from supportagent.widget.models import WidgetSession

from .conftest import Browser, signed


def test_a_reload_keeps_an_anonymous_thread(browser):
    browser.open()
    browser.say("Do you ship to Norway?")

    reloaded = Browser(browser.app)
    reloaded.open(token=browser.token)

    assert reloaded.texts() == ["Do you ship to Norway?"]


def test_a_reload_keeps_a_verified_thread_while_the_shop_vouches(browser):
    browser.open(signed(browser.app))
    browser.say("Where is it?")
    before = browser.token

    assert browser.open(signed(browser.app)).json()["token"] == before
    assert browser.texts() == ["Where is it?"]


def test_a_verified_thread_is_gone_when_the_shop_no_longer_vouches(browser):
    browser.open(signed(browser.app))
    browser.say("Where is it?")
    verified = browser.token

    assert browser.open().json()["identity"] == "anonymous"
    assert browser.texts() == []
    browser.token = verified
    assert browser.read().status_code == 401


def test_logging_in_does_not_carry_the_visitors_thread_along(browser):
    browser.open()
    browser.say("Said before logging in")

    assert browser.open(signed(browser.app)).json()["identity"] == "verified"
    assert browser.texts() == []


def test_a_customer_signed_in_over_the_session_of_another_is_refused(browser):
    browser.open(signed(browser.app, "CUS-1002"))
    browser.say("I am Ben")

    answer = browser.open(signed(browser.app, "CUS-1001"))

    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "other_customer")


def test_a_second_browser_of_the_same_customer_continues_the_thread(browser):
    browser.open(signed(browser.app))
    browser.say("From the phone")
    laptop = Browser(browser.app)
    laptop.open(signed(browser.app))

    laptop.say("From the laptop", client_id="m2")

    assert browser.texts() == ["From the phone", "From the laptop"]


def test_logging_out_ends_the_session_at_the_server(browser):
    browser.open()
    ended = browser.client.delete("/widget/api/session", headers=browser.headers())

    assert ended.status_code == 200
    assert browser.read().status_code == 401


def test_an_expired_session_is_no_session(browser):
    browser.open()
    WidgetSession.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert browser.read().status_code == 401


def test_a_widget_switched_off_answers_nobody(browser):
    browser.open()
    browser.app.active = False
    browser.app.save()

    assert browser.read().status_code == 401
    assert browser.open().status_code == 404
