"""Who hears of a request by mail, when, and how often."""

import email
import re
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from email import policy
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm

from agents import scheduler
from approvals import services
from approvals.access import may_decide
from approvals.models import ApprovalDecision, ApprovalRequest, Delivery, Notice, Tier, WebhookEndpoint
from approvals.notifications import outbox
from approvals.notifications.announcing import announce
from approvals.notifications.health import notifications
from approvals.notifications.outbox import CHANNELS, send_due, send_next
from approvals.notifications.sender import sending
from audit.models import AuditEntry
from supportagent.console.health import Unhealthy
from supportagent.staff.models import User
from tests.approvals.receivers import Hooks, MailServer
from tests.broker import eventually
from tests.world import World, build_world, team

pytestmark = pytest.mark.django_db(transaction=True)

EMAIL = CHANNELS[0]


@pytest.fixture
def world(transactional_db: None, settings: Any, tmp_path: Path) -> World:
    """Committed rows: messages are never sent from inside a transaction, a test's own included."""
    return build_world(settings, tmp_path)


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    with MailServer() as server:
        server.used_by(settings)
        yield server


def tell() -> None:
    """What the scheduler does every second."""
    announce()
    send_due()


def told() -> list[tuple[str, str]]:
    """Who got which mail so far."""
    return sorted((message.to[0].partition("@")[0], message.subject) for message in mail.outbox)


def let_pass(request: ApprovalRequest, *, left: timedelta) -> None:
    """Move the request's whole life so far that this much of it is left."""
    life = request.expires_at - request.created_at
    end = timezone.now() + left
    ApprovalRequest.objects.filter(pk=request.pk).update(expires_at=end, created_at=end - life)
    request.refresh_from_db()


def make_due() -> None:
    # A second ago: SQLite's clock knows milliseconds only, so for it this very microsecond may still be to come.
    due = timezone.now() - timedelta(seconds=1)
    Delivery.objects.filter(state=Delivery.State.WAITING).update(next_attempt_at=due)


def test_a_pending_request_is_mailed_to_exactly_those_who_may_decide_it(world: World) -> None:
    request = world.held_refund()
    tell()
    everybody = User.objects.filter(is_active=True).exclude(email="")
    who_may = {person.email for person in everybody if may_decide(person, request).allowed}
    assert {message.to[0] for message in mail.outbox} == who_may == {world.ana.email}
    tell()
    assert len(mail.outbox) == 1


def test_neither_the_other_team_nor_the_requester_nor_the_holder_nor_somebody_gone_is_told(world: World) -> None:
    request = world.held_refund()
    for permission in ("view_team", "decide_for_team"):
        assign_perm(f"staff.{permission}", world.finance, team("orders"))
    request.ticket.assignee = world.ana
    request.ticket.save()
    gone = User.objects.create(username="gone", email="gone@example.com", is_active=False)
    gone.groups.set(world.ana.groups.all())
    requester = request.requested_by
    requester.email = "agent@example.com"
    requester.save()
    requester.groups.add(*world.ana.groups.all())
    for person in (requester, gone):
        for permission in ("view_team", "decide_for_team"):
            assign_perm(f"staff.{permission}", person, team("orders"))
    tell()
    assert [message.to for message in mail.outbox] == [[world.finance.email]]


def test_the_mail_says_what_waits_and_where_and_nothing_of_the_customer(
    world: World, mail_server: MailServer, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://console.example"
    request = world.held_refund()
    tell()
    [(to, raw)] = mail_server.mails
    message = email.message_from_bytes(raw, policy=policy.default)
    assert to == [world.ana.email]
    assert message["Subject"].strip() == f"{request.reference} waits for a decision: Issue refund EUR 84.00 · ORD-1042"
    assert message["Auto-Submitted"] == "auto-generated"
    for kind in ("plain", "html"):
        text = message.get_body((kind,)).get_content()
        for part in (request.reference, "Issue refund EUR 84.00 · ORD-1042", "T2", "store__issue_refund", "UTC"):
            assert part in text
        assert f"https://console.example/console/approvals/{request.pk}/" in text
        for secret in ("Ana Martins", "arrived broken", world.customer.email, "4242", "CUS-1001", request.digest):
            assert secret not in text


def test_the_link_in_the_mail_opens_the_request(world: World) -> None:
    world.held_refund()
    tell()
    link = re.search(r"Open it: \S+?(/console/\S+)", str(mail.outbox[0].body))
    client = Client()
    client.force_login(world.ana)
    assert link and client.get(link[1]).status_code == 200


def test_a_title_that_a_model_filled_with_tricks_is_one_line_without_links(world: World) -> None:
    request = world.held_refund()
    title = "Refund\r\nBcc: eve@example.com · https://evil.example evil.example/x \u202emoc EUR 84.00"
    ApprovalRequest.objects.filter(pk=request.pk).update(title=title)
    tell()
    [message] = mail.outbox
    assert message.recipients() == [world.ana.email]
    assert message.subject.endswith(": Refund Bcc: … · … … moc EUR 84.00")
    assert "evil" not in str(message.message())


def test_what_is_decided_before_anybody_was_told_is_not_announced(world: World) -> None:
    request = world.held_refund()
    world.approve(request)
    tell()
    assert mail.outbox == []


def test_what_is_decided_while_the_mail_waits_is_not_sent_any_more(world: World) -> None:
    request = world.held_refund()
    announce()
    world.approve(request)
    send_due()
    assert mail.outbox == []
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.problem) == (Delivery.State.DROPPED, "the request is approved")


def test_who_lost_the_right_while_the_mail_waited_does_not_get_it(world: World) -> None:
    world.held_refund()
    announce()
    world.ana.groups.clear()
    send_due()
    assert mail.outbox == []
    assert Delivery.objects.get().problem == "the person may not decide this any more"


@pytest.mark.parametrize(
    ("life", "left", "mailed"),
    [
        (timedelta(hours=4), timedelta(minutes=16), False),
        (timedelta(hours=4), timedelta(minutes=14), True),
        (timedelta(minutes=20), timedelta(minutes=6), False),
        (timedelta(minutes=20), timedelta(minutes=4), True),
    ],
)
def test_one_mail_says_that_a_request_ends_soon(world: World, life: timedelta, left: timedelta, mailed: bool) -> None:
    request = world.held_refund()
    tell()
    mail.outbox.clear()
    ApprovalRequest.objects.filter(pk=request.pk).update(expires_at=request.created_at + life)
    request.refresh_from_db()
    let_pass(request, left=left)
    for _ in range(3):
        tell()
    assert [message.subject.partition(":")[0] for message in mail.outbox] == (
        [f"{request.reference} ends soon"] if mailed else []
    )


def test_the_second_of_two_people_is_reminded_and_the_first_is_left_in_peace(world: World) -> None:
    for permission in ("view_team", "decide_for_team"):
        assign_perm(f"staff.{permission}", world.finance, team("orders"))
    request = world.held_refund()
    ApprovalRequest.objects.filter(pk=request.pk).update(tier=Tier.T3)
    ApprovalDecision.objects.create(request=request, verdict="approve", decided_by=world.ana, digest=request.digest)
    let_pass(request, left=timedelta(minutes=1))
    tell()
    assert {message.to[0] for message in mail.outbox} == {world.finance.email}


def test_an_expired_request_is_told_to_those_who_had_been_asked(world: World) -> None:
    request = world.held_refund()
    tell()
    mail.outbox.clear()
    let_pass(request, left=timedelta(seconds=-1))
    assert services.expire_due() == 1
    for _ in range(2):
        tell()
    [message] = mail.outbox
    assert message.to == [world.ana.email]
    assert message.subject.startswith(f"{request.reference} ended without a decision")


def test_a_mail_that_could_not_be_sent_is_tried_again_later_and_arrives_once(
    world: World, mail_server: MailServer
) -> None:
    mail_server.refuse = "451 not now"
    world.held_refund()
    tell()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == (Delivery.State.WAITING, 1)
    assert delivery.problem == "the mail server refuses the recipient: 451"
    assert delivery.next_attempt_at > timezone.now() + timedelta(seconds=10)
    mail_server.refuse = ""
    send_due()
    assert mail_server.mails == []
    make_due()
    send_due()
    make_due()
    send_due()
    assert len(mail_server.mails) == 1
    assert Delivery.objects.get().state == Delivery.State.SENT


def test_waiting_doubles_with_every_attempt_and_has_an_end() -> None:
    for attempts, seconds in ((1, 30), (2, 60), (5, 480), (8, 3600), (60, 3600)):
        waits = {outbox.wait_after(attempts).total_seconds() for _ in range(50)}
        assert seconds / 2 <= min(waits) < max(waits) <= seconds * 1.5


def test_after_the_last_attempt_the_mail_is_given_up_where_people_can_see_it(
    world: World, mail_server: MailServer
) -> None:
    mail_server.refuse = "451 not now"
    world.held_refund()
    announce()
    for _ in range(outbox.ATTEMPTS + 2):
        make_due()
        send_due()
    delivery = Delivery.objects.get()
    assert (delivery.state, delivery.attempts) == (Delivery.State.FAILED, outbox.ATTEMPTS)
    page = admin_page(world).content.decode()
    assert "the mail server refuses the recipient: 451" in page


def test_the_doctor_says_what_failed_and_what_nobody_sends(world: World) -> None:
    world.held_refund()
    announce()
    assert notifications() == "1 waiting, none failed in the last day"
    Delivery.objects.update(next_attempt_at=timezone.now() - timedelta(minutes=6))
    with pytest.raises(Unhealthy, match="due for 6 min"):
        notifications()
    Delivery.objects.update(state=Delivery.State.FAILED, ended_at=timezone.now())
    with pytest.raises(Unhealthy, match="1 failed in the last day"):
        notifications()
    Delivery.objects.update(ended_at=timezone.now() - timedelta(days=2))
    assert notifications() == "0 waiting, none failed in the last day"


def test_a_recipient_that_does_not_exist_is_given_up_at_once(world: World, mail_server: MailServer) -> None:
    mail_server.refuse = "550 no such user"
    world.held_refund()
    tell()
    assert Delivery.objects.get().state == Delivery.State.FAILED


def test_a_mail_server_that_is_away_costs_one_attempt_and_not_one_per_mail(world: World, settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    for permission in ("view_team", "decide_for_team"):
        assign_perm(f"staff.{permission}", world.finance, team("orders"))
    world.held_refund()
    tell()
    assert sorted(Delivery.objects.values_list("attempts", flat=True)) == [0, 1]
    assert not Delivery.objects.filter(next_attempt_at__lte=timezone.now()).exists()


def test_a_mail_server_that_hangs_holds_up_nobody_but_mail(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a mail waits for an answer, the scheduler's duties and the webhooks of the same process go on."""
    settings.SWEEP_SECONDS = 0.05
    monkeypatch.setenv("WEBHOOK_SECRET_CRM", "whsec_" + "A" * 32)
    accepted, stop = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as silent, Hooks() as hooks:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = silent.getsockname()
        settings.INTERNAL_HOSTS = [hooks.host]
        endpoint = WebhookEndpoint.objects.create(name="CRM", url=hooks.url, secret="WEBHOOK_SECRET_CRM")
        endpoint.teams.add(team("orders"))
        request = world.held_refund()

        def say_nothing() -> None:
            taken, _ = silent.accept()
            accepted.set()
            stop.wait(60)
            taken.close()

        threads = [threading.Thread(target=say_nothing), threading.Thread(target=run_scheduler, args=[stop])]
        for thread in threads:
            thread.start()
        try:
            with sending(stop):
                assert accepted.wait(30)
                let_pass(request, left=timedelta(seconds=-1))
                eventually(lambda: any(post.json["type"] == "approval.expired" for post in hooks.posts), within=30)
                mail_waits = Delivery.objects.get(recipient=world.ana, notice__kind="pending")
                assert (mail_waits.state, mail_waits.attempts) == (Delivery.State.WAITING, 1)
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def run_scheduler(stop: threading.Event) -> None:
    try:
        scheduler.run(stop)
    finally:
        connection.close()


def test_nothing_is_sent_inside_a_transaction(world: World, settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.WatchfulBackend"
    world.held_refund()
    announce()
    with transaction.atomic(), pytest.raises(RuntimeError, match="inside a transaction"):
        send_next(EMAIL)
    make_due()
    send_due()
    assert WatchfulBackend.inside == [False]


class WatchfulBackend(BaseEmailBackend):
    inside: list[bool] = []

    def send_messages(self, messages: Any) -> int:
        self.inside.append(connection.in_atomic_block)
        return len(messages)


def test_two_processes_announce_and_send_each_mail_once(world: World, mail_server: MailServer) -> None:
    for number in range(3):
        colleague = User.objects.create(username=f"c{number}", email=f"c{number}@example.com")
        colleague.groups.set(world.ana.groups.all())
        for permission in ("view_team", "decide_for_team"):
            assign_perm(f"staff.{permission}", colleague, team("orders"))
    world.held_refund()
    together = threading.Barrier(4)

    def work() -> None:
        try:
            together.wait()
            tell()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Notice.objects.count() == 1
    assert sorted(to for to, _ in mail_server.mails) == sorted(
        [[world.ana.email], *([f"c{number}@example.com"] for number in range(3))]
    )


def test_a_mail_whose_sender_vanished_is_sent_by_the_next_one_with_the_same_message_id(
    world: World, mail_server: MailServer
) -> None:
    world.held_refund()
    announce()
    taken = outbox.claim_next(EMAIL)
    assert taken is not None
    EMAIL.send(taken)  # and the process ends before it can write that down
    send_due()
    assert len(mail_server.mails) == 1  # the lease still holds
    make_due()
    send_due()
    ids = {re.search(rb"^Message-ID: (.*)$", raw, re.MULTILINE)[1].strip() for _, raw in mail_server.mails}
    assert (len(mail_server.mails), len(ids)) == (2, 1)
    assert Delivery.objects.get().state == Delivery.State.SENT


def test_without_a_mail_server_nobody_is_written_to_and_nothing_fails(world: World, settings: Any) -> None:
    settings.NOTIFY_BY_EMAIL = False
    world.held_refund()
    tell()
    assert Notice.objects.count() == 1
    assert not Delivery.objects.exists()


def test_an_admin_sends_a_failed_mail_again_and_the_audit_trail_says_who(world: World, mail_server: MailServer) -> None:
    mail_server.refuse = "550 no such user"
    request = world.held_refund()
    tell()
    mail_server.refuse = ""
    delivery = Delivery.objects.get()
    answer = admin_page(world, action="send_again", _selected_action=delivery.pk)
    assert "1 messages will be sent again" in answer.content.decode()
    send_due()
    assert len(mail_server.mails) == 1
    entry = AuditEntry.objects.get(action="approvals.notification.resent")
    assert (entry.actor_id, entry.ticket) == (str(world.admin.pk), request.ticket.number)


def admin_page(world: World, **action: Any) -> Any:
    client = Client()
    client.force_login(world.admin)
    address = "/admin/approvals/delivery/"
    return client.post(address, action, follow=True) if action else client.get(address)


def test_looking_for_news_costs_four_queries_when_there_are_none(
    world: World, django_assert_max_num_queries: Any
) -> None:
    world.held_refund()
    announce()
    with django_assert_max_num_queries(5):  # and the database's clock
        announce()
