"""An alert about cost by e-mail and by webhook: once, to the right people and systems, and never while it is muted."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from agents.costs import alerts, telling
from agents.models import Agent, Budget, CostAlert
from agents.scheduler import duties
from approvals.models import Delivery, Notice, WebhookEndpoint
from approvals.notifications.outbox import send_due
from supportagent.staff.models import Team, User
from tests.approvals.receivers import Hooks, MailServer
from tests.approvals.test_notify_by_webhook import KEY, as_secret, make_due, signatures_by_the_book
from tests.world import World, build_world, team

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "https://console.example/console/costs/alerts/"
SPIKE = {"rule": "mean", "minutes": 60, "spent": 9_000_000, "usual": 1_000_000, "weeks": 0}


@pytest.fixture
def world(transactional_db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    settings.PUBLIC_URL = "https://console.example"
    settings.NOTIFY_BY_EMAIL = True
    monkeypatch.setenv("WEBHOOK_SECRET_CRM", as_secret(KEY))
    world = build_world(settings, tmp_path)
    User.objects.exclude(pk__in=[world.ana.pk, world.piet.pk, world.admin.pk, world.rosa.pk]).update(email="")
    return world


@pytest.fixture
def hooks(settings: Any) -> Iterator[Hooks]:
    with Hooks() as server:
        settings.INTERNAL_HOSTS = [server.host]
        yield server


def opened(agent: Agent | None, **changes: Any) -> CostAlert:
    now = timezone.now()
    usual = {"kind": "spike", "key": f"k{CostAlert.objects.count()}", "first_at": now, "last_at": now}
    return CostAlert.objects.create(agent=agent, **{**usual, "figures": SPIKE, **changes})


def listens(hooks: Hooks, *teams: Team) -> WebhookEndpoint:
    name = f"CRM {WebhookEndpoint.objects.count()}"
    endpoint = WebhookEndpoint.objects.create(name=name, url=hooks.url, secret="WEBHOOK_SECRET_CRM")
    endpoint.teams.set(teams)
    return endpoint


def tell() -> None:
    telling.announce()
    send_due()


def test_who_may_stop_the_agent_gets_one_mail_and_its_systems_one_signed_message(world: World, hooks: Hooks) -> None:
    listens(hooks, world.agent.team)
    listens(hooks, team("partners"))
    figures = {**SPIKE, "words": "of customer Ana Martins"}
    alert = opened(world.agent, figures=figures)
    for _ in range(3):
        tell()
    assert {message.to[0] for message in mail.outbox} == {world.ana.email, world.admin.email}
    message = mail.outbox[0]
    assert message.subject == "Cost alert: spends more than usual: Concierge"
    assert "USD 9.00 in the last 60 minutes; the mean so far is USD 1.00" in str(message.body)
    assert f"Open it: {PAGE}#alert-{alert.pk}" in str(message.body)
    assert "because you may pause this agent." in str(message.body)
    [post] = hooks.posts
    assert post.headers["webhook-signature"] == signatures_by_the_book(post, KEY)
    assert post.json["type"] == "cost_alert.opened"
    data = post.json["data"]
    assert (data["agent"], data["kind"], data["link"]) == ("concierge", "spike", f"{PAGE}#alert-{alert.pk}")
    assert data["figures"] == {"minutes": 60, "spent": 9_000_000, "usual": 1_000_000, "weeks": 0}
    assert "Ana Martins" not in post.body.decode() + str(message.message())


def test_what_concerns_the_whole_house_is_for_who_sees_every_team(world: World, hooks: Hooks) -> None:
    listens(hooks, world.agent.team)
    listens(hooks, *Team.objects.all())
    house = Budget.objects.filter(scope="organisation").first() or Budget.objects.create(scope="organisation", cap=1)
    used = {"spent": 5_000_000, "reserved": 0, "cap": 5_000_000, "warn_at": 80}
    opened(None, kind="hard", budget=house, figures=used)
    tell()
    assert [message.to[0] for message in mail.outbox] == [world.admin.email]
    assert "USD 5.00 of USD 5.00 spent." in str(mail.outbox[0].body)
    assert [post.json["data"]["budget"] for post in hooks.posts] == [str(house)]


def test_what_is_muted_or_acknowledged_stays_silent_also_when_it_happens_before_the_sending(
    world: World, hooks: Hooks
) -> None:
    listens(hooks, world.agent.team)
    now = timezone.now()
    opened(world.agent, muted_until=now + timedelta(hours=1), muted_by=world.ana, mute_reason="A sale")
    opened(world.agent, acknowledged_at=now, acknowledged_by=world.ana)
    assert telling.announce() == 0
    one, two, three = (opened(world.agent) for _ in range(3))
    assert telling.announce() == 3
    alerts.mute(alert=one, by=world.ana, until=now + timedelta(hours=1), reason="A sale")
    alerts.acknowledge(alert=two, by=world.ana)
    CostAlert.objects.filter(pk=three.pk).update(ended_at=now)
    send_due()
    assert (mail.outbox, hooks.posts) == ([], [])
    assert set(Delivery.objects.values_list("state", "problem")) == {
        ("dropped", "the alert is muted"),
        ("dropped", "somebody acknowledged the alert"),
        ("dropped", "the alert is over"),
    }
    CostAlert.objects.filter(mute_reason="A sale").exclude(pk=one.pk).update(muted_until=now)
    assert telling.announce() == 1, "once nobody wants it silent any more"


def test_a_refused_alert_is_sent_again_with_the_same_id(world: World, hooks: Hooks, settings: Any) -> None:
    with MailServer() as server:
        server.used_by(settings)
        listens(hooks, world.agent.team)
        opened(world.agent)
        hooks.status, server.refuse = 500, "451 not now"
        tell()
        assert set(Delivery.objects.values_list("state", flat=True)) == {"waiting"}
        hooks.status, server.refuse = 204, ""
        for _ in range(3):
            make_due()
            send_due()
        first, second = hooks.posts
        assert first.headers["webhook-id"] == second.headers["webhook-id"]
        assert second.headers["webhook-signature"] == signatures_by_the_book(second, KEY)
        assert sorted(to for [to], _ in server.mails) == sorted([world.ana.email, world.admin.email])
        keys = {re.search(rb"^Message-ID: <([^@]+)@", raw, re.MULTILINE)[1].decode() for _, raw in server.mails}  # type: ignore[index]
        assert keys == {str(key) for key in Delivery.objects.exclude(recipient=None).values_list("key", flat=True)}
    assert set(Delivery.objects.values_list("state", flat=True)) == {"sent"}


def test_who_lost_the_right_or_never_had_it_is_not_written_to(world: World) -> None:
    opened(world.agent)
    telling.announce()
    world.ana.groups.clear()
    send_due()
    assert [message.to[0] for message in mail.outbox] == [world.admin.email]
    assert Delivery.objects.get(recipient=world.ana).problem == "the person may not stop this agent any more"
    assert telling.announce in [duty.act for duty in duties()]


def test_the_list_of_messages_names_alerts_too_and_only_to_who_sees_the_team(world: World) -> None:
    alert = opened(world.agent)
    opened(None, budget=Budget.objects.create(scope="anonymous", cap=1))
    telling.announce()
    client = Client()
    client.force_login(world.admin)
    page = client.get("/admin/approvals/delivery/").content.decode()
    assert f"Cost alert {alert.pk}" in page
    assert Notice.objects.count() == 2
    delivery = Delivery.objects.get(recipient=world.ana)
    Delivery.objects.filter(pk=delivery.pk).update(state="failed", ended_at=timezone.now())
    again = {"action": "send_again", "_selected_action": delivery.pk}
    answer = client.post("/admin/approvals/delivery/", again, follow=True)
    assert "1 messages will be sent again" in answer.content.decode()
    send_due()
    assert world.ana.email in [message.to[0] for message in mail.outbox]
