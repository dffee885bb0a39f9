"""Requests that `/mcp` answers with a refusal: never a trace, never an effect, never a hint that helps a stranger."""

import http.client
import json
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from agents.mcp import callers, served
from agents.mcp.body import MAX_BYTES, VERSIONS
from agents.models import ToolCall
from supportagent.staff.models import AccessToken, User
from supportagent.staff.tokens import issue_token, revoke_token
from supportagent.tickets.models import Ticket
from tests.mcp.served.conftest import Connect
from tests.mcp.served.house import Worker
from tests.mcp.served.outside import LEGACY, MODERN, PlainClient, Reply
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

READ = {"name": "store__get_order", "arguments": {"order_id": "ORD-1042", "stated_reason": "see the order"}}
METADATA = "/.well-known/oauth-protected-resource/mcp"


@pytest.fixture
def client(world: World, connect: Connect) -> PlainClient:
    return connect(world.rosa)


def raw(client: PlainClient, body: bytes, **headers: str) -> Reply:
    """A body as it is, in the modern era unless the headers say otherwise."""
    usual = {"MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/list"}
    return client.post(body, usual | {name.replace("_", "-"): value for name, value in headers.items()})


def code(reply: Reply) -> Any:
    error = reply.json["error"]
    return error["code"] if isinstance(error, dict) else error


# --- 1, 65: tokens ------------------------------------------------------------------------------


def test_without_a_token_that_is_believed_the_answer_is_401_and_says_where_to_read_on(
    world: World, client: PlainClient
) -> None:
    bad = {}
    for name in ("revoked", "expired", "elsewhere"):
        bad[name] = issue_token(
            user=world.rosa, by=world.rosa, name=name, scope="tools:write", lifetime=timedelta(days=1)
        )
    revoke_token(token=bad["revoked"].row, by=world.rosa)
    AccessToken.objects.filter(name="expired").update(expires_at=timezone.now() - timedelta(seconds=1))
    AccessToken.objects.filter(name="elsewhere").update(audience="https://staging.example/mcp")
    left = User.objects.create_user("left")
    gone = issue_token(user=left, by=left, name="left", scope="tools:read", lifetime=timedelta(days=1)).token
    User.objects.filter(pk=left.pk).update(is_active=False)
    answers = []
    for value in [
        *(f"Bearer {each.token}" for each in bad.values()),
        f"Bearer {gone}",
        "Bearer sat_unknown",
        f"Bearer {client.token}x",
        f"Bearer {'x' * 5000}",
        f"Basic {client.token}",
        client.token,
        "Bearer ",
        None,
    ]:
        reply = client.ask("tools/list", headers={"Authorization": value})
        assert reply.status == 401, value
        assert f'resource_metadata="http://127.0.0.1:8000{METADATA}"' in reply.headers["www-authenticate"]
        answers.append(reply.json)
    assert all(answer == answers[0] for answer in answers), "nobody learns what was wrong with his token"
    assert client.ask("tools/list").status == 200
    assert client.post(client.request("tools/list"), {"Authorization": None}, path=f"/mcp?token={client.token}").status


def test_a_token_that_is_unknown_expired_or_revoked_is_refused_by_the_same_single_statement(
    world: World, django_assert_num_queries: Any
) -> None:
    day = timedelta(days=1)
    tokens = [issue_token(user=world.rosa, by=world.rosa, name=n, scope="tools:read", lifetime=day) for n in "re"]
    revoked, expired = tokens
    revoke_token(token=revoked.row, by=world.rosa)
    AccessToken.objects.filter(pk=expired.row.pk).update(expires_at=timezone.now() - day)
    for token in ("sat_unknown", revoked.token, expired.token):
        with django_assert_num_queries(1):
            assert callers.admit(token) is None


def test_a_token_that_is_revoked_between_two_requests_is_refused_at_once(world: World, client: PlainClient) -> None:
    assert client.ask("tools/list").status == 200
    revoke_token(token=AccessToken.objects.get(), by=User.objects.get(username="root"))
    assert client.ask("tools/list").status == 401


def test_a_scope_that_is_too_small_is_403_and_names_the_needed_scope_only(
    world: World, ticket: Ticket, worker: Worker, connect: Connect
) -> None:
    reader = connect(world.rosa, scope="tools:read")
    assert reader.call("store__get_order", {**READ["arguments"], "ticket": ticket.number}).status == "done"
    note = {"ticket": ticket.number, "body": "Calm", "stated_reason": "remember it"}
    refused = reader.ask("tools/call", {"name": "tickets__add_internal_note", "arguments": note})
    assert refused.status == 403
    challenge = refused.headers["www-authenticate"]
    assert 'error="insufficient_scope", scope="tools:write"' in challenge
    assert "tools:read" not in challenge + json.dumps(refused.json)
    hidden = reader.ask("tools/call", {"name": "store__issue_refund", "arguments": note})
    assert (hidden.status, code(hidden)) == (400, -32602), "of a tool that is not granted nobody learns its scope"
    assert ToolCall.objects.filter(run__agent=None).count() == 1
    assert connect(world.rosa).call("tickets__add_internal_note", note).status == "done"


def test_too_many_requests_of_one_token_are_429_with_the_time_to_wait(
    world: World, client: PlainClient, connect: Connect, settings: Any
) -> None:
    settings.MCP_REQUESTS_PER_MINUTE = 3
    statuses = [client.ask("tools/list") for _ in range(8)]
    assert 429 in {reply.status for reply in statuses[3:]}
    limited = next(reply for reply in statuses if reply.status == 429)
    assert 0 < int(limited.headers["retry-after"]) <= 61
    assert connect(world.ana).ask("tools/list").status == 200, "each token by itself"


def test_what_the_resource_is_stands_where_the_challenge_says(client: PlainClient) -> None:
    about = client.post(b"", {"Authorization": None}, method="GET", path=METADATA)
    assert about.status == 200
    assert about.json["resource"] == "http://127.0.0.1:8000/mcp"
    assert about.json["scopes_supported"] == ["tools:read", "tools:write"]
    assert client.post(b"", method="POST", path=METADATA).status == 405


# --- 4-7, 11, 14: bodies and headers --------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{},"params":{}}', -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":NaN}}', -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":Infinity}}', -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":1e400}}', -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":' + b"[" * 10_000 + b"]" * 10_000 + b"}", -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":' + b'{"a":' * 40 + b"1" + b"}" * 41, -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"\xff"}}', -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"\\ud800"}}', -32700),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"x":"\\u0000"}}', -32700),
        (b'{"jsonrpc":"2.0","id":' + b"9" * 5000 + b',"method":"tools/list"}', -32700),
        (b"", -32700),
        (b"{", -32700),
        (b'"tools/list"', -32600),
        (b"null", -32600),
        (b'{"jsonrpc":"2.0","id":1}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":["tools/list"]}', -32600),
        # 63: a batch, a notification with an id, a response
        (b'[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]', -32600),
        (b"[]", -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":"tools/list","error":{"code":1,"message":"x"}}', -32600),
    ],
)
@pytest.mark.parametrize("version", [MODERN, LEGACY])
def test_a_body_that_is_not_one_plain_message_is_400_in_both_eras(
    client: PlainClient, body: bytes, expected: int, version: str
) -> None:
    reply = raw(client, body, MCP_Protocol_Version=version)
    assert (reply.status, code(reply)) == (400, expected)


def test_a_body_that_is_too_large_is_413_before_it_is_read(client: PlainClient) -> None:
    assert raw(client, b"x" * (MAX_BYTES + 1)).status == 413
    address = urlsplit(client.url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    headers = {"Authorization": f"Bearer {client.token}", "Content-Length": "10000000", "MCP-Protocol-Version": MODERN}
    connection.request("POST", "/mcp", b"{", headers)  # says ten megabytes, sends one byte
    assert connection.getresponse().status == 413
    connection.close()
    pieces = (b"x" * 10_000 for _ in range(100))
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
    connection.request("POST", "/mcp", pieces, {"Authorization": f"Bearer {client.token}"}, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_stranger_sends_no_body_that_anybody_parses(client: PlainClient) -> None:
    assert raw(client, b"{" * 1000, Authorization="Bearer sat_unknown").status == 401


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "OPTIONS", "HEAD"])
def test_only_a_post_is_answered_and_no_stream_is_opened(client: PlainClient, method: str) -> None:
    reply = client.post(b"", {"Accept": "text/event-stream", "X-HTTP-Method-Override": "POST"}, method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "POST")


def test_a_host_that_is_not_ours_is_400_whatever_a_proxy_header_says(client: PlainClient) -> None:
    for host in ("evil.example", "127.0.0.1.evil.example", "evil.example:80", "[", "a b"):
        reply = client.ask("tools/list", headers={"Host": host, "X-Forwarded-Host": "127.0.0.1"})
        assert (reply.status, code(reply)) == (400, "unknown_host")


def test_the_page_of_another_site_is_403(client: PlainClient) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:8000.evil.example", "http://127.0.0.1:9"):
        assert client.ask("tools/list", headers={"Origin": origin}).status == 403
    assert client.ask("tools/list", headers={"Origin": "http://127.0.0.1:8000"}).status == 200


def test_without_https_where_it_is_demanded_nothing_is_answered(client: PlainClient, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    reply = client.ask("tools/list")
    assert (reply.status, code(reply)) == (403, "https_required")
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    assert client.ask("tools/list", headers={"X-Forwarded-Proto": "https"}).status == 200
    assert client.ask("tools/list", headers={"X-Forwarded-Proto": "http"}).status == 403


def test_a_content_type_that_is_not_json_is_refused(client: PlainClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        assert client.ask("tools/list", headers={"Content-Type": kind}).status == 400


# --- 61, 62: versions and the headers of a request -------------------------------------------------


@pytest.mark.parametrize("version", ["1999-01-01", "2026-07-29", "", "2024-11-05", "2025-03-26", "x" * 500, None])
def test_a_version_that_is_not_served_is_400_with_those_that_are(client: PlainClient, version: str | None) -> None:
    reply = client.ask("tools/list", headers={"MCP-Protocol-Version": version})  # type: ignore[dict-item]
    assert (reply.status, code(reply)) == (400, -32022)
    assert reply.json["error"]["data"]["supported"] == list(VERSIONS)


def test_a_handshake_for_a_version_that_is_not_served_is_refused_too(client: PlainClient) -> None:
    hello = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}
    reply = client.post(client.request("initialize", hello))
    assert (reply.status, code(reply)) == (400, -32022)


def test_headers_that_say_something_else_than_the_body_are_400(
    world: World, ticket: Ticket, client: PlainClient
) -> None:
    asked = {"name": "store__get_order", "arguments": {**READ["arguments"], "ticket": ticket.number}}
    for headers in (
        {"Mcp-Name": "supportagent__find_tickets"},
        {"Mcp-Name": "store__issue_refund"},
        {"Mcp-Method": "tools/list"},
        {"Mcp-Name": None},
        {"Mcp-Method": None},
    ):
        reply = client.ask("tools/call", asked, headers)  # type: ignore[arg-type]
        assert (reply.status, code(reply)) == (400, -32020), headers
    assert not ToolCall.objects.exists()


# --- 66-68 --------------------------------------------------------------------------------------


def test_a_hidden_tool_is_answered_as_one_that_does_not_exist(
    world: World, ticket: Ticket, client: PlainClient
) -> None:
    names = (
        "store__issue_refund",  # of another role
        "store__order_facts",  # for the gate alone
        "store__get_orders",  # nowhere
        "STORE__GET_ORDER",
        "store__get_order ",
        "stоre__get_order",  # a Cyrillic letter
        "",
    )
    answers = []
    for name in names:
        arguments = {**READ["arguments"], "ticket": ticket.number}
        body = client.request("tools/call", {"name": name, "arguments": arguments})
        reply = client.post(body, {"MCP-Protocol-Version": LEGACY})
        answers.append((reply.status, reply.json["error"]))
    assert all(answer == answers[0] for answer in answers), answers
    assert answers[0][1] == {"code": -32602, "message": "Unknown tool"}


@pytest.mark.parametrize("extra", [{"requestState": "v1.AAAA"}, {"inputResponses": {}}, {"requestState": ""}])
def test_an_answer_to_a_question_that_nobody_asked_is_an_error_without_effect(
    world: World, ticket: Ticket, client: PlainClient, extra: dict[str, Any]
) -> None:
    arguments = {**READ["arguments"], "ticket": ticket.number}
    reply = client.ask("tools/call", {"name": "store__get_order", "arguments": arguments, **extra})
    assert (reply.status, code(reply)) == (400, -32602)
    assert not ToolCall.objects.exists()


def test_what_is_not_offered_is_not_found(client: PlainClient) -> None:
    for method in ("resources/list", "prompts/list", "subscriptions/listen", "tasks/list", "nonsense"):
        reply = client.ask(method, {"notifications": {"toolsListChanged": True}})
        assert (reply.status, code(reply)) == (404, -32601), method


def test_a_failure_of_ours_shows_no_trace_and_no_words_of_the_program(
    world: World, ticket: Ticket, client: PlainClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(served, "_ask", broken)
    for version in (MODERN, LEGACY):
        headers = {"MCP-Protocol-Version": version, "Mcp-Method": "tools/call", "Mcp-Name": "store__get_order"}
        meta = {"io.modelcontextprotocol/protocolVersion": MODERN, "io.modelcontextprotocol/clientCapabilities": {}}
        body = client.request("tools/call", {**READ, "_meta": meta})
        reply = client.post(body, headers)
        assert "secret" not in json.dumps(reply.json)
        assert code(reply) == -32603


def test_no_log_line_holds_a_token_or_what_a_client_sent(
    world: World, ticket: Ticket, client: PlainClient, caplog: pytest.LogCaptureFixture
) -> None:
    client.ask("tools/list", headers={"Authorization": "Bearer sat_secretsecret"})
    raw(client, b'{"private": "words of a customer"')
    client.ask("tools/list", headers={"Origin": "https://evil.example"})
    client.ask("tools/call", {"name": "words of a customer", "arguments": {}})
    assert "mcp request refused: status=401 code=invalid_token" in caplog.text
    for secret in ("secretsecret", "words of a customer", client.token):
        assert secret not in caplog.text
