"""Tokens by OAuth client credentials: fetched when needed, kept in this process, renewed before they expire.

The token endpoint is reached like any address that an admin typed: checked numbers, no redirect, a bound on everything.
Neither the client secret nor a token is written, logged or shown anywhere; every message here is in our own words.
"""

import base64
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

import anyio
import httpcore2
import httpx2

from agents.mcp.answers import BadAnswer, collect, parse
from agents.mcp.background import background, on_fork
from agents.mcp.credentials import MAX_BYTES
from agents.mcp.errors import NotExecuted
from agents.mcp.wire import CheckedBackend, tls_context, why_not_connected
from supportagent import addresses
from supportagent.tools.models import MCPServer

SECONDS = 15.0
ANSWER_LIMIT = 64 * 1024
USUAL_LIFE, LONGEST_LIFE = 300.0, 24 * 3600.0
# A token is renewed so long before its end, or after nine tenths of a short life.
MARGIN_SECONDS = 60.0
# The errors of RFC 6749 and 8707. Others are not repeated: the words are the endpoint's.
ERRORS = frozenset(
    {
        "invalid_request",
        "invalid_client",
        "invalid_grant",
        "unauthorized_client",
        "unsupported_grant_type",
        "invalid_scope",
        "invalid_target",
        "access_denied",
        "server_error",
        "temporarily_unavailable",
    }
)


@dataclass(frozen=True)
class OAuthClient:
    """Who asks for a token, where, and for what."""

    token_url: str
    client_id: str
    auth: str
    scope: str
    resource: str
    audience: str
    secret: str = field(repr=False)

    @classmethod
    def of(cls, server: MCPServer, secret: str) -> "OAuthClient":
        """Raises NotExecuted where the row names no secret or no client."""
        if not secret or not server.oauth_client_id:
            raise NotExecuted("credential_missing", "OAuth needs a client id and a reference to the client secret")
        return cls(
            token_url=server.oauth_token_url,
            client_id=server.oauth_client_id,
            auth=server.oauth_client_auth,
            scope=server.oauth_scope,
            resource=server.oauth_resource,
            audience=server.oauth_audience,
            secret=secret,
        )


@dataclass
class _Slot:
    """The token of one client. The lock makes others wait for the one that fetches it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    token: str = ""
    until: float = 0.0  # monotonic


_slots: dict[OAuthClient, _Slot] = {}
_slots_lock = threading.Lock()


def token_of(client: OAuthClient) -> str:
    """A token that is good for a while yet. Raises NotExecuted. Blocks; call it outside of transactions."""
    with _slots_lock:
        slot = _slots.setdefault(client, _Slot())
    if not slot.lock.acquire(timeout=SECONDS + 5):
        raise NotExecuted("unreachable", "the token endpoint did not answer in time")
    try:
        if not slot.token or time.monotonic() >= slot.until:
            slot.token = ""
            slot.token, life = _fetch(client)
            slot.until = time.monotonic() + life - min(MARGIN_SECONDS, life / 10)
        return slot.token
    finally:
        slot.lock.release()


def drop(client: OAuthClient, token: str) -> None:
    """Forget a token that the server did not accept, unless another has taken its place. Never waits."""
    slot = _slots.get(client)
    if slot is not None and slot.token == token:
        slot.until = 0.0


def _fetch(client: OAuthClient) -> tuple[str, float]:
    try:
        addresses.check(client.token_url)
        status, answer = background.start(_post(client)).result(timeout=SECONDS + 5)
    except addresses.AddressRefused as refusal:
        raise NotExecuted("refused", f"token endpoint: {refusal}") from None
    except BadAnswer as bad:
        raise NotExecuted("unreachable", f"token endpoint: {bad}") from None
    except TimeoutError:
        raise NotExecuted("unreachable", "the token endpoint did not answer in time") from None
    except (httpcore2.ConnectError, httpcore2.ConnectTimeout, OSError) as error:
        raise NotExecuted("unreachable", f"token endpoint: {why_not_connected(error)}") from None
    except Exception as error:
        raise NotExecuted("unreachable", f"token endpoint: no answer ({type(error).__name__})") from None
    return _read(status, answer)


def _read(status: int, answer: Any) -> tuple[str, float]:
    if not isinstance(answer, dict):
        raise NotExecuted("unreachable", f"token endpoint: HTTP {status} without a token")
    if status != 200:
        error = answer.get("error")
        said = f": {error}" if isinstance(error, str) and error in ERRORS else ""
        raise NotExecuted("credential_refused", f"the token endpoint refused us with HTTP {status}{said}")
    token, kind, life = answer.get("access_token"), answer.get("token_type", "bearer"), answer.get("expires_in")
    if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable() or " " in token:
        raise NotExecuted("unreachable", "token endpoint: what it gave is no token")
    if len(token) > MAX_BYTES or not isinstance(kind, str) or kind.lower() != "bearer":
        raise NotExecuted("unreachable", "token endpoint: it gave no bearer token of a usable length")
    known = isinstance(life, int | float) and not isinstance(life, bool) and life > 0
    return token, min(float(life), LONGEST_LIFE) if known else USUAL_LIFE  # type: ignore[arg-type]


async def _post(client: OAuthClient) -> tuple[int, Any]:
    """One POST on a connection of its own: its status, and its JSON where it has some."""
    target = httpx2.URL(client.token_url)
    headers, body = _request(client)
    request = httpcore2.Request(
        "POST",
        httpcore2.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path),
        headers=[(b"Host", target.netloc), *headers, (b"Content-Length", str(len(body)).encode())],
        content=body,
        extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), SECONDS)},
    )
    pool = httpcore2.AsyncConnectionPool(
        ssl_context=tls_context(), http1=True, http2=False, retries=0, network_backend=CheckedBackend()
    )
    with anyio.fail_after(SECONDS):
        async with pool:
            response = await pool.handle_async_request(request)
            try:
                if 300 <= response.status < 400:
                    raise BadAnswer("it redirects, which is not followed")
                answer = await collect(response.aiter_stream(), limit=ANSWER_LIMIT)
            finally:
                await response.aclose()
    try:
        return response.status, parse(answer)
    except BadAnswer:
        return response.status, None


def _request(client: OAuthClient) -> tuple[list[tuple[bytes, bytes]], bytes]:
    form = {"grant_type": "client_credentials"}
    form |= {
        name: value
        for name, value in (("scope", client.scope), ("resource", client.resource), ("audience", client.audience))
        if value
    }
    headers = [
        (b"Content-Type", b"application/x-www-form-urlencoded"),
        (b"Accept", b"application/json"),
        (b"Accept-Encoding", b"identity"),
        (b"Connection", b"close"),
    ]
    if client.auth == MCPServer.ClientAuth.POST:
        form |= {"client_id": client.client_id, "client_secret": client.secret}
    else:
        both = f"{quote_plus(client.client_id)}:{quote_plus(client.secret)}"
        headers.append((b"Authorization", b"Basic " + base64.b64encode(both.encode())))
    return headers, urlencode(form).encode()


def _forget() -> None:
    """A forked process may have been copied while a lock was held."""
    global _slots_lock
    _slots_lock = threading.Lock()
    _slots.clear()


on_fork.append(_forget)
