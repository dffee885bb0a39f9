import re

import pytest
from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor, acting
from supportagent.demo.seed_data.write_people import write_people
from supportagent.demo.seed_data.write_shop import write_shop
from supportagent.demo.shop import ensure_demo_widget_app
from supportagent.widget.models import WidgetApp
from supportagent.widget.tokens import verify_identity


@pytest.fixture
def seeded(db):
    with acting(Actor.system("seed")), audit_log.transaction():
        write_people()
        write_shop(timezone.now())
    return ensure_demo_widget_app(["http://127.0.0.1:8001"])


def page_of(client, persona):
    client.get("/demo/", {"as": persona})
    return client.get("/demo/")


def orders_on(page):
    return set(re.findall(r"<b>(ORD-\d+)</b>", page.content.decode()))


def test_the_shop_signs_its_customer_in(client, seeded):
    html = page_of(client, "CUS-1002").content.decode()
    token = re.search(r'data-user-jwt="([^"]+)"', html)[1]
    assert verify_identity(seeded, token).subject == "CUS-1002"


def test_a_guest_gets_the_chat_without_an_identity_and_sees_no_orders(client, seeded):
    html = page_of(client, "guest").content.decode()
    assert 'data-app-id="shop"' in html and "data-user-jwt" not in html
    assert "ORD-" not in re.sub(r'<section class="try".*?</section>', "", html, flags=re.S)


def test_each_customer_sees_his_own_orders_only(client, seeded):
    ana, ben = (orders_on(page_of(client, who)) for who in ("CUS-1001", "CUS-1002"))
    assert "ORD-1042" in ana
    assert ben and not ana & ben


def test_an_unknown_persona_changes_nothing(client, seeded):
    assert "Ana Martins</a>" in page_of(client, "CUS-9999").content.decode()
    assert "set-cookie" not in client.get("/demo/", {"as": "CUS-9999"}).headers


def test_the_page_may_load_the_consoles_script_and_frame_only(client, seeded, settings):
    policy = page_of(client, "guest")["Content-Security-Policy"]
    assert f"frame-src {settings.PUBLIC_URL}" in policy
    assert f"script-src 'self' {settings.PUBLIC_URL}" in policy


def test_production_has_no_shop(client, seeded, settings):
    settings.PRODUCTION = True
    assert client.get("/demo/").status_code == 404


def test_seeding_the_widget_twice_changes_nothing(seeded):
    key = seeded.keys.get()
    ensure_demo_widget_app(["http://127.0.0.1:8001"])
    app = WidgetApp.objects.get()
    assert (app.keys.get(), app.allowed_origins) == (key, ["http://127.0.0.1:8001"])


def test_the_page_shows_before_anything_was_seeded(client, db):
    assert client.get("/demo/").status_code == 200
