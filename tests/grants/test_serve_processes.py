"""A domain's server as a process of its own: real processes, the library's client, and the grant enforced there."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp_types import CallToolResult

from supportagent.grants import signing
from supportagent.grants.server import GRANT_META
from supportagent.store.models import Refund
from tests.faults.processes import environment
from tests.grants.doors import Caller
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
REFUND = {"order_id": "ORD-1042", "amount_minor": 8400, "currency": "EUR"}
ORDER = {"order_id": "ORD-1042"}


@pytest.fixture
def caller(settings: Any, tmp_path: Path) -> Caller:
    world: World = build_world(settings, tmp_path)
    return Caller.on_ticket(world)


def command(name: str, *arguments: str) -> list[str]:
    return [sys.executable, str(ROOT / "manage.py"), f"serve_{name}_mcp", *arguments]


def over_stdio() -> Client:
    [program, *arguments] = command("store")
    return Client(StdioServerParameters(command=program, args=arguments, env=environment(), cwd=str(ROOT)))


@contextmanager
def over_http() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A server on a free port; it has to end in order when it is told to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(command("store", "--http", f"127.0.0.1:{port}"), env=environment(), cwd=ROOT)
    try:
        _until_it_listens(port, process)
        yield f"http://127.0.0.1:{port}/mcp", process
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()


def _until_it_listens(port: int, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the server did not start")


def signed(caller: Caller, tool: str, arguments: dict[str, Any], **changes: Any) -> dict[str, str]:
    return {GRANT_META: caller.grant("store", tool, arguments, **changes)}


def code(answer: CallToolResult) -> str:
    assert answer.is_error
    return str(answer.structured_content["error"]["code"])


async def test_over_stdio_every_call_needs_a_grant_of_its_own(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signing.time, "time", lambda now=time.time: now() - 3600)
    expired = signed(caller, "issue_refund", REFUND)
    monkeypatch.undo()
    mine = signed(caller, "issue_refund", REFUND, key="call-a.1")
    body, signature = mine[GRANT_META].split(".")
    tampered = {GRANT_META: f"{body}.{signature[:-4]}AAA="}
    more = {**REFUND, "amount_minor": 8401}
    async with over_stdio() as client:
        listed = [tool.name for tool in (await client.list_tools()).tools]
        assert "issue_refund" in listed
        assert "order_facts" not in listed, "for the gate alone"
        for meta, arguments, refusal in (
            (None, REFUND, "grant_missing"),
            ({GRANT_META: "x"}, REFUND, "grant_malformed"),
            (tampered, REFUND, "grant_signature"),
            (mine, more, "grant_for_other_arguments"),
            (signed(caller, "get_order", REFUND), REFUND, "grant_for_another_tool"),
            (expired, REFUND, "grant_expired"),
            (signed(caller, "issue_refund", REFUND, actor=caller.other.pk), REFUND, "permission_denied"),
        ):
            assert code(await client.call_tool("issue_refund", arguments, meta=meta)) == refusal
        assert code(await client.call_tool("no_such_tool", {}, meta=mine)) == "unknown_tool"
        done = await client.call_tool("issue_refund", REFUND, meta=mine)
        again = await client.call_tool("issue_refund", REFUND, meta=mine)
        assert not done.is_error
        assert again.structured_content == done.structured_content, "the stored result"
        other = signed(caller, "issue_refund", more, key="call-a.1")
        assert code(await client.call_tool("issue_refund", more, meta=other)) == "key_reused"
        read = await client.call_tool("get_order", ORDER, meta=signed(caller, "get_order", ORDER))
        assert read.structured_content["order_id"] == "ORD-1042"
    assert await Refund.objects.acount() == 1


async def test_over_http_the_same_is_enforced_and_sigterm_ends_it(caller: Caller) -> None:
    with over_http() as (url, _process):
        for mode in ("auto", "legacy"):
            async with Client(url, mode=mode) as client:
                assert code(await client.call_tool("get_order", ORDER)) == "grant_missing"
                read = await client.call_tool("get_order", ORDER, meta=signed(caller, "get_order", ORDER))
                assert read.structured_content["order_id"] == "ORD-1042"
        page = urllib.request.Request(
            url, b"{}", {"Content-Type": "application/json", "Origin": "https://evil.example"}
        )
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(page)
        assert refused.value.code == 403


def test_stdout_carries_the_protocol_only_and_sigterm_ends_it_cleanly(db: None) -> None:
    """Also with the level of the log at its loudest, and a line that is no message."""
    process = subprocess.Popen(
        command("tickets"),
        env=environment(SUPPORTAGENT_LOG_LEVEL="DEBUG"),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stdin and process.stdout
        hello = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "initialize",
            "params": {
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "plain", "version": "1"},
            },
        }
        process.stdin.write(b"this is no message\n" + json.dumps(hello).encode() + b"\n")
        process.stdin.flush()
        while (answer := json.loads(process.stdout.readline())).get("id") != 1:
            assert answer["jsonrpc"] == "2.0"
        assert answer["result"]["serverInfo"]["name"] == "tickets"
        process.send_signal(signal.SIGTERM)
        rest, _errors = process.communicate(timeout=20)
        assert (process.returncode, rest) == (0, b"")
    finally:
        process.kill()


def test_the_end_of_stdin_ends_it(db: None) -> None:
    done = subprocess.run(
        command("knowledge"), env=environment(), cwd=ROOT, stdin=subprocess.PIPE, timeout=60, check=False
    )
    assert done.returncode == 0
