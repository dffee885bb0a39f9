"""An imported payment server and its tools, reviewed as an admin would."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from agents.mcp import late, remote, watch
from supportagent.grants.server import Outcome
from supportagent.tools.models import MCPServer, Tool
from supportagent.tools.schema import imported_hash
from tests.mcp import faulty_desk
from tests.mcp.bank import Bank, StdioBank

REFUND = {"payment_id": "PAY-0001", "amount_minor": 500, "currency": "EUR"}
TOKEN = "s3cret-token-of-the-bank"


@pytest.fixture(autouse=True)
def reachable(settings: Any) -> None:
    settings.INTERNAL_HOSTS = ["127.0.0.1"]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often a read is tried is tested here, not how long somebody waits before the next time."""
    monkeypatch.setattr(remote, "PAUSE_SECONDS", 0.01)


@pytest.fixture(autouse=True)
def watched_when_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many tests look at single calls of rows that are not saved: they have no circuit, and nothing is counted."""
    watched = watch.watched

    def when_saved(tool: Tool) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext() if tool.server._state.adding else watched(tool)

    monkeypatch.setattr(watch, "watched", when_saved)


@pytest.fixture(scope="session")
def shared_bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with Bank(tmp_path_factory.mktemp("bank"), modern=True) as bank:
        yield bank


@pytest.fixture(scope="session")
def shared_old_bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with Bank(tmp_path_factory.mktemp("old-bank")) as bank:
        yield bank


@pytest.fixture
def bank(shared_bank: Bank) -> Iterator[Bank]:
    """The payment server, with an empty ledger."""
    yield from _empty(shared_bank)


@pytest.fixture
def old_bank(shared_old_bank: Bank) -> Iterator[Bank]:
    """The same, speaking the protocol of 2025: a handshake, a session, notifications."""
    yield from _empty(shared_old_bank)


def _empty(bank: Bank) -> Iterator[Bank]:
    bank.forget()
    yield bank
    if bank.process is None:
        bank.start()


@pytest.fixture
def stdio_bank(tmp_path: Path) -> Iterator[StdioBank]:
    bank = StdioBank(tmp_path)
    yield bank
    bank.end()


@pytest.fixture
def late_answers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Outcome]]:
    """What came after the caller had given up."""
    heard: list[tuple[str, Outcome]] = []
    monkeypatch.setattr(late, "hook", [lambda key, outcome: heard.append((key, outcome))])
    return heard


@pytest.fixture
def impostor(tmp_path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """A TLS server with a certificate of its own making: its port, and what anybody told it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_own_certificate(tmp_path))
    received: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                plain, _ = listener.accept()
                with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                    received.append(connection.recv(1000))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        yield listener.getsockname()[1], received
        listener.shutdown(socket.SHUT_RDWR)


def _own_certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    )
    return file


def server_row(**fields: Any) -> MCPServer:
    usual = {"pk": 1, "name": "bank", "title": "Bank", "transport": MCPServer.Transport.HTTP}
    return MCPServer(**{**usual, **fields})


def tool_row(server: MCPServer, name: str = "refund_payment", **fields: Any) -> Tool:
    """The row of a tool, unsaved: what the client needs of it."""
    declared = next(one for one in faulty_desk.tools() if one["name"] == name)
    definition = {"title": "", "outputSchema": {}, "annotations": {}, **declared}
    usual = {
        "server": server,
        "name": name,
        "qualified_name": f"{server.name}__{name}",
        "description": definition["description"],
        "input_schema": definition["inputSchema"],
        "definition": definition,
        "definition_hash": imported_hash(definition),
        "effect": Tool.Effect.READ if name == "get_payment" else Tool.Effect.WRITE,
        "tool_class": Tool.Repeat.OPAQUE,
        "timeout_seconds": 5,
    }
    return Tool(**{**usual, **fields})


Call = Callable[..., Outcome]


def call(tool: Tool, key: str = "call-1", **changes: Any) -> Outcome:
    """Make the call as the loop does."""
    from agents.mcp.client import call_tool

    named = "idempotency_key" if tool.name == "issue_refund" else "reference"
    arguments = {**REFUND, named: key, **changes}
    if tool.name == "get_payment":
        arguments = {"payment_id": "PAY-0001", **changes}
    return call_tool(tool, arguments, key=key, customer="CUS-1001", actor=1)
