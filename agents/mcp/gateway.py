"""`/mcp`: the granted tools for outside MCP clients. Everything about a request that the SDK does not check is here.

In front of the SDK: HTTPS, host, origin, token, rate, size, strict JSON, the version of the protocol, and the scope.
What gets through is served without sessions: each request stands for itself and is answered as JSON at once, in both
eras of the protocol, so nothing is held open for anybody.
"""

import asyncio
import json
import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from asgiref.sync import ThreadSensitiveContext
from django.conf import settings
from django.http.request import split_domain_port, validate_host
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings

from agents.mcp import served
from agents.mcp.body import MAX_BYTES, BadMessage, read
from agents.mcp.callers import Caller, TooMany, admit, in_database, left, missing_scope
from audit.context import request_id

logger = logging.getLogger(__name__)

PATH = "/mcp"
METADATA_PATH = "/.well-known/oauth-protected-resource/mcp"
BODY_SECONDS = 10
_TOKEN = re.compile(r"(?i:bearer) +([\x21-\x7e]{1,200})")
# Host and Origin are checked below, by the product's own settings.
_UNCHECKED = TransportSecuritySettings(enable_dns_rebinding_protection=False)


class Refused(Exception):
    """The request is answered with this status and goes no further."""

    def __init__(self, status: int, body: Mapping[str, Any], **headers: str) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


async def gateway(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application of `/mcp`. It needs no lifespan: what the SDK starts and ends lives for one request."""
    headers = _headers(scope)
    token = request_id.set(uuid.uuid4().hex)
    try:
        # Outside of Django's handler all database work of the process would share one thread: one per request.
        async with ThreadSensitiveContext():
            await _serve(scope, headers, receive, send)
    except Refused as refusal:
        logger.warning("mcp request refused: status=%s code=%s", refusal.status, _code(refusal.body))
        await _answer(send, refusal.status, refusal.body, refusal.headers)
    finally:
        request_id.reset(token)


async def _serve(scope: Any, headers: Mapping[str, str], receive: Any, send: Any) -> None:
    _check_address(scope, headers)
    if scope["method"] != "POST":
        raise Refused(405, _error("method_not_allowed", "Send a POST: nothing is streamed here"), allow="POST")
    caller = await _caller(headers)
    body = await _body(headers, receive)
    try:
        message = read(body, headers.get("mcp-protocol-version"))
    except BadMessage as bad:
        raise Refused(400, {"jsonrpc": "2.0", "id": None, "error": bad.error}) from bad
    await _check_scope(caller, message)
    await _hand_over({**scope, served.CALLER: caller}, body, receive, send)
    await in_database(left, caller)


async def _hand_over(scope: Any, body: bytes, receive: Any, send: Any) -> None:
    """Let the SDK answer. Without sessions its manager keeps nothing between requests, so each request has its own."""
    sent = False

    async def replay() -> Any:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    manager = StreamableHTTPSessionManager(
        served.server, json_response=True, stateless=True, security_settings=_UNCHECKED
    )
    async with manager.run():
        await manager.handle_request(scope, replay, send)


def _check_address(scope: Any, headers: Mapping[str, str]) -> None:
    """Only over HTTPS where that is demanded, under a name of ours, and from no page but our own."""
    by_proxy = settings.SECURE_PROXY_SSL_HEADER
    scheme = headers.get("x-forwarded-proto", "") if by_proxy else scope.get("scheme", "http")
    if settings.SECURE_SSL_REDIRECT and scheme != "https":
        raise Refused(403, _error("https_required", "Use HTTPS; the token was sent in the clear, so revoke it"))
    domain, _port = split_domain_port(headers.get("host", ""))
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        raise Refused(400, _error("unknown_host", "This host is not served"))
    if "origin" in headers and headers["origin"] != _own_origin():
        raise Refused(403, _error("origin_not_allowed", "Requests of other sites' pages are not accepted"))


def _own_origin() -> str:
    address = urlsplit(settings.PUBLIC_URL)
    return f"{address.scheme}://{address.netloc}"


async def _caller(headers: Mapping[str, str]) -> Caller:
    match = _TOKEN.fullmatch(headers.get("authorization", ""))
    # An absent or odd token costs the same query as an unknown one.
    caller = await in_database(admit, match[1] if match else "")
    if caller is None:
        challenge = f'Bearer resource_metadata="{_metadata_url()}"'
        if match:
            challenge += ', error="invalid_token"'
        raise Refused(401, _error("invalid_token", "A valid access token is needed"), www_authenticate=challenge)
    if isinstance(caller, TooMany):
        raise Refused(429, _error("too_many_requests", "Slow down"), retry_after=str(caller.retry_after))
    return caller


async def _body(headers: Mapping[str, str], receive: Any) -> bytes:
    """The whole body, unless it is too large or dawdles."""
    length = headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 12 or int(length) > MAX_BYTES:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                event = await receive()
                if event["type"] != "http.request":
                    raise Refused(400, _error("incomplete", "The body is incomplete"))
                body += event.get("body", b"")
                if len(body) > MAX_BYTES:
                    raise _too_large()
                if not event.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise Refused(408, _error("too_slow", "The body did not arrive in time")) from None


def _too_large() -> Refused:
    return Refused(413, _error("too_large", f"A body has at most {MAX_BYTES} bytes"), connection="close")


async def _check_scope(caller: Caller, message: Mapping[str, Any]) -> None:
    params = message.get("params")
    if message["method"] != "tools/call" or not isinstance(params, dict):
        return
    if scope := await in_database(missing_scope, caller, params.get("name")):
        challenge = f'Bearer error="insufficient_scope", scope="{scope}", resource_metadata="{_metadata_url()}"'
        raise Refused(403, _error("insufficient_scope", f"Needed scope: {scope}"), www_authenticate=challenge)


async def metadata(scope: Any, _receive: Any, send: Any) -> None:
    """What a client reads about this resource (RFC 9728). Tokens are issued in the admin: there is no other server."""
    about = {
        "resource": settings.MCP_URL,
        "resource_name": "Support Agent",
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["tools:read", "tools:write"],
    }
    if scope["method"] == "GET":
        await _answer(send, 200, about)
    else:
        await _answer(send, 405, _error("method_not_allowed", "Send a GET"), {"allow": "GET"})


def _metadata_url() -> str:
    return f"{_own_origin()}{METADATA_PATH}"


def _headers(scope: Any) -> dict[str, str]:
    """Header names in lower case. One that stands twice is joined with a comma, and so is neither of the two."""
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": code, "error_description": message}


def _code(body: Mapping[str, Any]) -> Any:
    error = body.get("error")
    return error["code"] if isinstance(error, dict) else error


async def _answer(send: Any, status: int, body: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
    text = json.dumps(body).encode()
    fields = {
        "content-type": "application/json",
        "content-length": str(len(text)),
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        **(headers or {}),
    }
    lines = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": text})
