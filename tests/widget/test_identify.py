import time

import pytest
from jwt.utils import base64url_encode

from audit.context import Actor
from supportagent.tickets.models import Customer
from supportagent.widget.keys import issue_key, retire_key
from supportagent.widget.models import WidgetKey, WidgetSession

from .conftest import Browser, signed

NOW = int(time.time())

REFUSED = {
    "another algorithm": {"alg": "HS384", "key": "k" * 64},
    "no algorithm": {"alg": "none"},
    "signed with what anybody knows": {"key": "the contents of our public key file, say"},
    "another audience": {"aud": "other"},
    "an audience that is a list": {"aud": ["shop", "other"]},
    "no audience": {"aud": None},
    "expired": {"exp": NOW - 60},
    "no expiry": {"exp": None},
    "an expiry in two hours": {"exp": NOW + 7200},
    "an endless expiry": {"exp": float("inf")},
    "an expiry that is no number": {"exp": "soon"},
    "an expiry that is a list": {"exp": [NOW]},
    "issued in the future": {"iat": NOW + 3000},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "a subject that is a number": {"sub": 1001},
    "a subject with a NUL": {"sub": "CUS-1001\0"},
    "a subject with a zero-width space": {"sub": "CUS-1001\u200b"},
    "a subject of 300 letters": {"sub": "C" * 300},
    "a visitor's reference as subject": {"sub": "anon-1234"},
    "no key id": {"kid": None},
    "an unknown key id": {"kid": "k00000000"},
    "a key id that is a path": {"kid": "../../etc/passwd"},
    "a key id of 500 letters": {"kid": "k" * 500},
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_identity_that_cannot_be_believed_gives_a_visible_guest_session(browser, case, caplog):
    Customer.objects.create(reference="CUS-1001", name="Ana")

    answer = browser.open(signed(browser.app, **{"subject": "CUS-1001", **REFUSED[case]}))

    assert answer.status_code == 200
    assert answer.json()["identity"] == "not_verified"
    assert answer.json()["visitor_id"].startswith("anon-")
    assert answer.json()["identity_error"] == ("token_expired" if case == "expired" else "token_invalid")
    assert "widget identity refused: app=shop reason=" in caplog.text
    assert "CUS-1001" not in caplog.text


@pytest.mark.parametrize("text", ["x", "a.b", "a.b.c", "e30.e30.", ".." * 700, "é.é.é", "null.null.null", "x" * 9000])
def test_what_is_no_token_at_all_is_answered_with_a_guest_session(browser, text):
    assert browser.open(text).json()["identity"] == "not_verified"


def test_a_header_that_is_no_object_is_refused_quietly(browser):
    odd = base64url_encode(b'["HS256"]').decode()
    assert browser.open(f"{odd}.{odd}.{odd}").json()["identity"] == "not_verified"


def test_a_signed_customer_is_the_customer_with_that_reference(browser):
    Customer.objects.create(reference="CUS-1001", name="Ana Martins")

    answer = browser.open(signed(browser.app, name="Somebody else"))

    assert answer.json()["identity"] == "verified"
    assert WidgetSession.objects.get().customer == Customer.objects.get(reference="CUS-1001", name="Ana Martins")


@pytest.mark.parametrize("subject", ["cus-1001", " CUS-1001", "CUS-1001 ", "СUS-1001", "CUS-1００1"])
def test_a_reference_that_only_looks_the_same_is_another_customer(browser, subject):
    ana = Browser(browser.app)
    ana.open(signed(browser.app))
    ana.say("My order is ORD-1042")

    assert browser.open(signed(browser.app, subject)).json()["visitor_id"] == subject
    assert browser.texts() == []


def test_a_new_key_works_beside_the_old_one_until_that_is_retired(browser):
    old = signed(browser.app)
    first = WidgetKey.objects.get()
    issued = issue_key(app=browser.app, actor=Actor.system("test"))
    new = signed(browser.app, kid=issued.key.kid, key=issued.secret)

    assert [Browser(browser.app).open(token).json()["identity"] for token in (old, new)] == ["verified"] * 2

    retire_key(key=first, actor=Actor.system("test"))
    assert [Browser(browser.app).open(token).json()["identity"] for token in (old, new)] == ["not_verified", "verified"]


def test_a_key_of_one_shop_signs_nobody_in_at_another(browser, other_app):
    forged = signed(other_app, aud="shop")
    assert browser.open(forged).json()["identity"] == "not_verified"


def test_secrets_are_not_readable_in_the_database(browser):
    issued = issue_key(app=browser.app, actor=Actor.system("test"))
    assert issued.secret not in WidgetKey.objects.get(pk=issued.key.pk).sealed_secret


def test_session_tokens_are_kept_as_hashes_only(browser):
    browser.open()
    assert browser.token not in str(WidgetSession.objects.values_list())
