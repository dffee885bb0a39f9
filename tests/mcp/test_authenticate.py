"""OAuth client credentials: a token is fetched once, renewed in time, dropped when refused, and shown nowhere."""

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from agents.mcp import oauth, remote
from agents.mcp.endpoint import Endpoint
from agents.mcp.errors import NotExecuted
from supportagent.tools.models import MCPServer, Tool
from supportagent.tools.schema import imported_hash
from tests.mcp.ledgerly import CARD, CREDENTIAL, SECRET, Ledgerly
from tests.mcp.ledgerly_server import TOOLS


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CREDENTIAL, SECRET)
    oauth._slots.clear()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Ledgerly]]:
    started: list[Ledgerly] = []

    def one(**options: Any) -> Ledgerly:
        started.append(Ledgerly(tmp_path, **options).__enter__())
        return started[-1]

    yield one
    for each in started:
        each.__exit__(None, None, None)


def row(desk: Ledgerly, **changes: Any) -> MCPServer:
    usual = {"pk": 7, "name": "ledgerly", "title": "Ledgerly", "transport": "http", "url": desk.url, **desk.oauth}
    return MCPServer(**{**usual, **changes})


def tool(server: MCPServer, name: str, **fields: Any) -> Tool:
    declared = next(one for one in TOOLS if one["name"] == name)
    definition = {"title": "", "outputSchema": {}, "annotations": {}, **declared}
    usual = {
        "server": server,
        "name": name,
        "qualified_name": f"ledgerly__{name}",
        "input_schema": declared["inputSchema"],
        "definition": definition,
        "definition_hash": imported_hash(definition),
        "effect": Tool.Effect.READ if name.startswith(("fetch", "list")) else Tool.Effect.WRITE,
        "timeout_seconds": 5,
    }
    return Tool(**{**usual, **fields})


FETCH = {"invoiceNo": "INV-9001", "tenant": "shop-7"}


@pytest.mark.parametrize("stateless", [False, True])
def test_both_protocols_are_spoken_under_one_token(start: Callable[..., Ledgerly], stateless: bool) -> None:
    desk = start(stateless=stateless)
    server = row(desk)
    greeting = remote.greet(server)
    assert (greeting.name, len(greeting.definitions)) == ("ledgerly", 5)
    assert remote.read(tool(server, "fetchInvoice"), FETCH).data["data"]["invoice"]["state"] == "paid"
    note = {**FETCH, "total": 12.5, "currencyCode": "EUR", "clientToken": "k-1"}
    assert remote.write(tool(server, "createCreditNote"), note, key="k").ok
    [token] = desk.lines("token")
    assert (token["scope"], token["resource"]) == ("billing", desk.url)


def test_one_thread_fetches_and_the_others_wait(start: Callable[..., Ledgerly]) -> None:
    desk = start()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: Endpoint.of(row(desk)).secret, range(8)))
    assert len(set(found)) == 1 and len(desk.lines("token")) == 1


def test_a_token_is_renewed_before_it_expires(start: Callable[..., Ledgerly], monkeypatch: pytest.MonkeyPatch) -> None:
    desk = start(life=100)
    first = Endpoint.of(row(desk)).secret
    now = oauth.time.monotonic()
    monkeypatch.setattr(oauth.time, "monotonic", lambda: now + 89)
    assert Endpoint.of(row(desk)).secret == first
    monkeypatch.setattr(oauth.time, "monotonic", lambda: now + 91)
    assert Endpoint.of(row(desk)).secret != first, "nine tenths of its life are over"


def test_a_refused_token_is_dropped_and_the_call_made_once_under_a_fresh_one(start: Callable[..., Ledgerly]) -> None:
    desk = start()
    server = row(desk)
    note = {**FETCH, "total": 12.5, "currencyCode": "EUR", "clientToken": "k-1"}
    remote.greet(server)
    desk.revoke()
    assert remote.write(tool(server, "createCreditNote"), note, key="k").ok
    assert len(desk.lines("token")) == 2
    assert len(desk.lines("call")) == len(desk.lines("credit")) == 1


def test_a_server_that_refuses_every_token_executed_nothing(
    start: Callable[..., Ledgerly], monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = start()
    monkeypatch.setattr(oauth, "_read", lambda _status, _answer: ("worthless", 300.0))
    with pytest.raises(NotExecuted, match="did not accept our token") as refusal:
        remote.write(tool(row(desk), "createCreditNote"), {**FETCH, "total": 1}, key="k")
    assert refusal.value.code == "unauthorized"
    assert desk.lines("call") == [] and len(desk.lines("unauthorized")) <= 4


@pytest.mark.parametrize(
    ("changes", "secret_value", "words"),
    [
        ({}, "wrong-secret", "refused us with HTTP 401: invalid_client"),
        ({"oauth_scope": "everything"}, SECRET, "invalid_scope"),
        ({"oauth_client_id": ""}, SECRET, "needs a client id"),
        ({"credential": ""}, SECRET, "needs a client id and a reference"),
        ({"oauth_token_url": "http://169.254.169.254/token"}, SECRET, "Only https is allowed"),
        ({"oauth_token_url": "https://[::ffff:127.0.0.2]/token"}, SECRET, "inside our own network"),
        ({"oauth_token_url": "http://127.0.0.1:9/token"}, SECRET, "the connection was refused"),
    ],
)
def test_a_token_that_is_not_given_means_that_nothing_was_sent(
    start: Callable[..., Ledgerly],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, str],
    secret_value: str,
    words: str,
) -> None:
    desk = start()
    monkeypatch.setenv(CREDENTIAL, secret_value)
    with pytest.raises(NotExecuted) as refusal:
        remote.read(tool(row(desk, **changes), "fetchInvoice"), FETCH)
    assert words in refusal.value.message
    assert secret_value not in str(refusal.value)
    assert desk.lines("call") == []


def test_a_token_endpoint_that_redirects_is_not_followed(start: Callable[..., Ledgerly]) -> None:
    desk = start()
    with pytest.raises(NotExecuted, match="it redirects"):
        Endpoint.of(row(desk, oauth_token_url=f"{desk.root}/oauth/elsewhere"))
    assert desk.lines("token") == []


def test_neither_secret_nor_token_is_written_anywhere(
    start: Callable[..., Ledgerly], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    desk = start()
    server = row(desk)
    endpoint = Endpoint.of(server)
    outcome = remote.read(tool(server, "fetchInvoice"), FETCH)
    said = f"{caplog.text} {endpoint!r} {endpoint.oauth!r} {outcome!r}"
    assert SECRET not in said and endpoint.secret not in said


def test_the_client_may_be_named_in_the_form(start: Callable[..., Ledgerly]) -> None:
    desk = start()
    assert Endpoint.of(row(desk, oauth_client_auth="post")).secret
    assert desk.lines("token")[0]["client"] == "desk-app"


def test_an_answer_in_a_wrapper_is_cut_to_what_counts_and_masked(start: Callable[..., Ledgerly]) -> None:
    read = tool(
        row(start()),
        "fetchInvoice",
        result_path="data",
        masks=["buyer.card.number", "invoice.lines.net"],
        record_paths={"invoice": "invoice.number", "line": "invoice.lines.text"},
    )
    outcome = remote.read(read, FETCH)
    assert CARD not in str(outcome)
    assert outcome.data["buyer"] == {"customerNo": "CUS-1001", "card": {"last4": "1111"}}
    assert outcome.data["invoice"]["lines"] == [{"text": "Pour-over set"}]
    assert outcome.records == ["invoice:INV-9001", "line:Pour-over set"]


def test_words_of_a_failure_are_withheld_where_answers_are_masked(start: Callable[..., Ledgerly]) -> None:
    server = row(start())
    unknown = {"invoiceNo": "INV-1", "tenant": "shop-7"}
    assert "No invoice INV-1" in str(remote.read(tool(server, "fetchInvoice"), unknown).data)
    masked = remote.read(tool(server, "fetchInvoice", masks=["buyer.card"]), unknown)
    assert masked.code == "tool_error" and "INV-1" not in str(masked.data)


def test_an_answer_of_another_shape_than_reviewed_is_none(start: Callable[..., Ledgerly]) -> None:
    with pytest.raises(NotExecuted, match="the answer has no part payload"):
        remote.read(tool(row(start()), "fetchInvoice", result_path="payload"), FETCH)
