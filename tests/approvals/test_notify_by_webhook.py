"""What another system gets to hear of a request, and how it knows that we wrote it."""

import base64
import hashlib
import hmac
import ipaddress
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.db import connection
from django.test import Client
from django.utils import timezone

from approvals.models import Delivery, WebhookEndpoint
from approvals.notifications import webhook
from approvals.notifications.announcing import announce
from approvals.notifications.outbox import ATTEMPTS, send_due
from audit.models import AuditEntry
from tests.approvals.receivers import Hooks, Post
from tests.faults.processes import ROOT, environment
from tests.world import World, build_world, team

pytestmark = pytest.mark.django_db(transaction=True)

KEY, OTHER_KEY = os.urandom(32), os.urandom(32)
State = Delivery.State


def as_secret(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


@pytest.fixture
def world(transactional_db: None, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    settings.NOTIFY_BY_EMAIL = False
    settings.PUBLIC_URL = "https://console.example"
    monkeypatch.setenv("WEBHOOK_SECRET_CRM", as_secret(KEY))
    return build_world(settings, tmp_path)


@pytest.fixture
def hooks(settings: Any) -> Iterator[Hooks]:
    with Hooks() as server:
        settings.INTERNAL_HOSTS = [server.host]
        yield server


def listens(url: str, *teams: str, **fields: Any) -> WebhookEndpoint:
    """An endpoint as an admin has saved it."""
    endpoint = WebhookEndpoint.objects.create(
        **{"name": "CRM", "url": url, "secret": "WEBHOOK_SECRET_CRM", **fields},
    )
    endpoint.teams.set([team(slug) for slug in teams or ("orders",)])
    return endpoint


def tell() -> None:
    announce()
    send_due()


def make_due() -> None:
    # A second ago: SQLite's clock knows milliseconds only, so for it this very microsecond may still be to come.
    due = timezone.now() - timedelta(seconds=1)
    Delivery.objects.filter(state=State.WAITING).update(next_attempt_at=due)


def signatures_by_the_book(post: Post, key: bytes) -> str:
    """As standardwebhooks.com writes it: base64(HMAC-SHA256(key, id.timestamp.body))."""
    content = f"{post.headers['webhook-id']}.{post.headers['webhook-timestamp']}.{post.body.decode()}"
    return "v1," + base64.b64encode(hmac.new(key, content.encode(), hashlib.sha256).digest()).decode()


def test_an_endpoint_gets_a_signed_message_that_names_the_request_and_nothing_of_the_customer(
    world: World, hooks: Hooks
) -> None:
    listens(hooks.url)
    request = world.held_refund()
    tell()
    [post] = hooks.posts
    assert post.path == "/hooks?from=test"
    assert post.headers["content-type"] == "application/json"
    assert post.headers["host"] == hooks.host
    assert post.headers["webhook-signature"] == signatures_by_the_book(post, KEY)
    assert abs(int(post.headers["webhook-timestamp"]) - time.time()) < 30
    assert post.json["type"] == "approval.pending"
    assert abs(datetime.fromisoformat(post.json["timestamp"]) - datetime.now(UTC)) < timedelta(seconds=30)
    assert post.json["data"] == {
        "reference": request.reference,
        "state": "PENDING",
        "tier": "T2",
        "tool": "store__issue_refund",
        "title": "Issue refund EUR 84.00 · ORD-1042",
        "expires_at": request.expires_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "link": f"https://console.example/console/approvals/{request.pk}/",
    }
    assert Delivery.objects.get().state == State.SENT


def test_while_the_secret_is_changed_every_message_is_signed_with_both(
    world: World, hooks: Hooks, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(as_secret(OTHER_KEY) + "\n")
    monkeypatch.setenv("WEBHOOK_SECRET_NEW_FILE", str(tmp_path / "secret"))
    listens(hooks.url, next_secret="WEBHOOK_SECRET_NEW")
    world.held_refund()
    tell()
    [post] = hooks.posts
    both = {signatures_by_the_book(post, key) for key in (KEY, OTHER_KEY)}
    assert set(post.headers["webhook-signature"].split(" ")) == both


def test_an_endpoint_hears_of_its_own_teams_only_and_of_nothing_when_it_is_off(world: World, hooks: Hooks) -> None:
    listens(hooks.url, "billing", "partners")
    listens(hooks.url, "orders", name="Off", enabled=False)
    world.held_refund()
    tell()
    assert hooks.posts == []


def test_an_endpoint_that_is_switched_off_meanwhile_gets_nothing_more(world: World, hooks: Hooks) -> None:
    endpoint = listens(hooks.url)
    world.held_refund()
    announce()
    endpoint.enabled = False
    endpoint.save()
    send_due()
    assert hooks.posts == []
    assert Delivery.objects.get().problem == "the endpoint is switched off"


def test_a_refused_message_is_sent_again_with_the_same_id_and_once_it_is_taken_never_more(
    world: World, hooks: Hooks
) -> None:
    listens(hooks.url)
    world.held_refund()
    hooks.status = 500
    tell()
    assert Delivery.objects.get().problem == "answered 500"
    hooks.status = 200
    for _ in range(3):
        make_due()
        send_due()
    first, second = hooks.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert second.headers["webhook-signature"] == signatures_by_the_book(second, KEY)


@pytest.mark.parametrize("status", [301, 302, 307, 410])
def test_a_redirect_is_not_followed_and_gone_is_gone(world: World, hooks: Hooks, status: int) -> None:
    with Hooks() as elsewhere:
        hooks.status, hooks.headers = status, {"location": elsewhere.url}
        listens(hooks.url)
        world.held_refund()
        tell()
        assert (len(hooks.posts), elsewhere.posts) == (1, [])
    assert Delivery.objects.get().state == State.FAILED


def test_an_endpoint_that_never_takes_a_message_is_given_up_where_people_can_see_it(world: World, hooks: Hooks) -> None:
    hooks.status = 500
    listens(hooks.url)
    world.held_refund()
    announce()
    for _ in range(ATTEMPTS + 2):
        make_due()
        send_due()
    assert len(hooks.posts) == ATTEMPTS
    assert Delivery.objects.get().state == State.FAILED


def test_a_private_address_is_refused_when_it_is_saved(world: World) -> None:
    client = Client()
    client.force_login(world.admin)
    form = {"name": "CRM", "url": "https://10.0.0.7/hook", "teams": [team("orders").pk], "enabled": "on"}
    answer = client.post("/admin/approvals/webhookendpoint/add/", {**form, "secret": "WEBHOOK_SECRET_CRM"})
    assert "inside our own network" in answer.content.decode()
    typed = client.post(
        "/admin/approvals/webhookendpoint/add/", {**form, "url": "https://crm.example/", "secret": as_secret(KEY)}
    )
    assert "Write the name of its variable" in typed.content.decode()
    assert not WebhookEndpoint.objects.exists()
    saved = client.post(
        "/admin/approvals/webhookendpoint/add/", {**form, "url": "https://crm.example/", "secret": "WEBHOOK_SECRET_CRM"}
    )
    assert saved.status_code == 302
    assert list(WebhookEndpoint.objects.get().teams.all()) == [team("orders")]


def test_a_public_name_that_leads_into_our_network_is_refused_at_the_connection(
    world: World, hooks: Hooks, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.INTERNAL_HOSTS = []
    port = int(hooks.host.rpartition(":")[2])
    inside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: inside)
    listens(f"https://crm.example:{port}/hook")
    world.held_refund()
    tell()
    assert hooks.posts == []
    delivery = Delivery.objects.get()
    assert delivery.state == State.FAILED
    assert "inside our own network" in delivery.problem


@pytest.mark.parametrize(
    "value",
    ["", "not a secret", as_secret(b"short"), base64.b64encode(KEY).decode()],
    ids=["none", "no secret", "short", "without its prefix"],
)
def test_without_a_usable_secret_nothing_leaves_unsigned(
    world: World, hooks: Hooks, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET_CRM", value)
    listens(hooks.url)
    world.held_refund()
    tell()
    assert hooks.posts == []
    problem = Delivery.objects.get().problem
    assert problem.startswith("WEBHOOK_SECRET_CRM ")
    assert not value or value not in problem


def test_an_endpoint_that_drips_its_answer_is_cut_off(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every byte would start a socket's timeout anew."""
    monkeypatch.setattr(webhook, "SECONDS", 0.5)
    cut = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        settings.INTERNAL_HOSTS = [host]

        def drip() -> None:
            taken, _ = server.accept()
            with taken:
                taken.recv(65536)
                try:
                    while True:
                        taken.sendall(b"H")
                        time.sleep(0.05)
                except OSError:
                    cut.set()

        threading.Thread(target=drip, daemon=True).start()
        listens(f"http://{host}/")
        world.held_refund()
        tell()
        assert cut.wait(10)
    assert Delivery.objects.get().state == State.WAITING


def test_one_endpoint_that_is_away_costs_one_attempt_and_the_others_get_theirs(
    world: World, hooks: Hooks, settings: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        host = f"127.0.0.1:{closed.getsockname()[1]}"
    settings.INTERNAL_HOSTS = [host, hooks.host]
    away = listens(f"http://{host}/", name="Away")
    listens(hooks.url)
    request = world.held_refund()
    announce()
    sibling = Delivery.objects.get(endpoint=away).notice
    sibling.pk, sibling.kind = None, "escalated"
    sibling.save()
    Delivery.objects.create(notice=sibling, endpoint=away, next_attempt_at=timezone.now())
    send_due()
    assert [post.json["data"]["reference"] for post in hooks.posts] == [request.reference]
    assert sorted(away.deliveries.values_list("attempts", flat=True)) == [0, 1]


def test_two_processes_deliver_once(world: World, hooks: Hooks) -> None:
    for number in range(4):
        listens(hooks.url, name=f"CRM {number}")
    world.held_refund()
    together = threading.Barrier(3)

    def work() -> None:
        try:
            together.wait()
            tell()
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hooks.posts) == len({post.headers["webhook-id"] for post in hooks.posts}) == 4


@pytest.mark.slow
def test_a_process_killed_between_sending_and_marking_leaves_a_message_that_comes_again_with_its_id(
    world: World, hooks: Hooks
) -> None:
    listens(hooks.url)
    world.held_refund()
    announce()

    def start() -> subprocess.Popen[bytes]:
        surroundings = environment(SUPPORTAGENT_INTERNAL_HOSTS=hooks.host, EMAIL_URL="off")
        command = [sys.executable, "-m", "tests.approvals.sender_process"]
        return subprocess.Popen(command, cwd=ROOT, env=surroundings)

    process: list[subprocess.Popen[bytes]] = []
    hooks.on_post = lambda: os.kill(process[0].pid, signal.SIGKILL)
    connection.close()
    process.append(start())
    assert process[0].wait(60) == -signal.SIGKILL
    assert Delivery.objects.get().state == State.WAITING
    hooks.on_post = lambda: None
    send_due()
    assert len(hooks.posts) == 1  # the dead process's lease still holds
    make_due()
    assert start().wait(60) == 0
    assert len(hooks.posts) == 2
    assert len({post.headers["webhook-id"] for post in hooks.posts}) == 1
    assert Delivery.objects.get().state == State.SENT


def test_sending_again_repeats_the_message_with_its_id_even_after_the_decision(world: World, hooks: Hooks) -> None:
    listens(hooks.url)
    request = world.held_refund()
    tell()
    world.approve(request)
    client = Client()
    client.force_login(world.admin)
    chosen = {"action": "send_again", "_selected_action": Delivery.objects.get().pk}
    assert client.post("/admin/approvals/delivery/", chosen).status_code == 302
    send_due()
    first, second = hooks.posts
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (first.json["data"]["state"], second.json["data"]["state"]) == ("PENDING", "APPROVED")
    assert AuditEntry.objects.filter(action="approvals.notification.resent").count() == 1


def test_whoever_may_not_send_again_does_not_even_see_the_list(world: World, hooks: Hooks) -> None:
    listens(hooks.url)
    world.held_refund()
    tell()
    client = Client()
    client.force_login(world.ana)
    chosen = {"action": "send_again", "_selected_action": Delivery.objects.get().pk}
    assert client.post("/admin/approvals/delivery/", chosen).status_code == 403
    assert Delivery.objects.get().state == State.SENT


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, signed by nobody else."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "certificate.pem"
    unencrypted = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, unencrypted)
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@pytest.mark.parametrize("trusted", [True, False])
def test_an_endpoint_without_a_trusted_certificate_gets_nothing(
    world: World, hooks: Hooks, certificate: Path, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    hooks.server.socket = context.wrap_socket(hooks.server.socket, server_side=True)
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    listens(hooks.url.replace("http:", "https:"))
    world.held_refund()
    tell()
    assert len(hooks.posts) == trusted
    assert Delivery.objects.get().state == (State.SENT if trusted else State.WAITING)
