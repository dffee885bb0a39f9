"""HTTP as we speak it with imported servers, below the SDK: what leaves, where to, and what is let in.

The SDK follows redirects within an origin, asks again for a lost stream, takes the reply to another request for its
own, and reads without a bound. None of that gets past here: one POST per `tools/call`, no GET, no redirect, and
every answer is checked and handed on as one JSON reply. The SDK gets an error reply for what is not acceptable; what
really happened stands in the Trip.
"""

import asyncio
import json
import socket
import ssl
import time
from collections.abc import Iterable
from typing import Any

import httpcore2
import httpx2

from agents.mcp.answers import ANSWER_LIMIT, BadAnswer, collect, from_event_stream, parse, reply_to
from agents.mcp.trip import Trip
from supportagent import addresses
from supportagent.addresses import AddressRefused

CONNECT_SECONDS = 10
WRITE_SECONDS = 30
LIST_LIMIT = 2 * 1024 * 1024
MAX_POSTS = 60  # of one attempt: the handshake, the pages of a list, one call
SESSION_HEADER = "mcp-session-id"
_OURS = -32000  # code of the errors that we put in the place of an answer

_tls: list[ssl.SSLContext] = []


def tls_context() -> ssl.SSLContext:
    """Certificates of the system, loaded once per process: it takes longer than a call."""
    if not _tls:
        _tls.append(httpcore2.default_ssl_context())
    return _tls[0]


class Redirected(Exception):
    """The server names another address."""


class CheckedBackend(httpcore2.AnyIOBackend):
    """Connects to the number that was checked, so that a name cannot point somewhere else the second time."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raises AddressRefused, httpcore2.ConnectError, httpcore2.ConnectTimeout."""
        until = time.monotonic() + (timeout or CONNECT_SECONDS)
        problem: Exception = httpcore2.ConnectError("the host has no address")
        for number in await self._numbers(host, port, until):
            left = until - time.monotonic()
            if left <= 0:
                raise httpcore2.ConnectTimeout("no connection in time") from problem
            try:
                return await super().connect_tcp(number, port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as failed:
                problem = failed
        raise problem

    async def _numbers(self, host: str, port: int, until: float) -> list[str]:
        asked = asyncio.get_running_loop().run_in_executor(None, addresses.resolve, host, port)
        try:
            found = await asyncio.wait_for(asked, until - time.monotonic())
        except TimeoutError:
            raise httpcore2.ConnectTimeout("the name was not resolved in time") from None
        except (socket.gaierror, UnicodeError):
            raise httpcore2.ConnectError("the name cannot be resolved") from None
        return [str(address[0]) for _, address in found]


class Wire(httpx2.AsyncBaseTransport):
    """The transport of one attempt: a fresh pool that keeps no connection for a second request."""

    def __init__(self, trip: Trip, tls: ssl.SSLContext) -> None:
        self.trip = trip
        self.session_id = ""
        self.problem = ""  # of the newest request, the handshake included
        self.refused = False
        self.unauthorized = False
        self._posts = 0
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=4,
            max_keepalive_connections=0,
            http1=True,
            http2=False,
            retries=0,
            network_backend=CheckedBackend(),
        )

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "POST":  # no stream beside the calls, and none is resumed
            return httpx2.Response(405, request=request)
        message = json.loads(await request.aread())
        identity, call = message.get("id"), message.get("method") == "tools/call"
        trip = self.trip if call else Trip()
        self._posts += 1
        if self._posts > MAX_POSTS or not trip.begin():
            # The SDK wants to send again what may have been carried out: it gets no second chance.
            return _reply(request, identity, "held back: this request was made already")
        reply = await self._exchange(request, identity, trip, call=call)
        self.problem, self.refused = trip.problem, trip.refused
        if reply is None and "id" in message:
            return _reply(request, identity, trip.problem)
        if reply is not None and call and "error" in reply:
            trip.error = _error(reply["error"])
        headers = {SESSION_HEADER: self.session_id} if self.session_id else {}
        return httpx2.Response(200 if reply else 202, json=reply, headers=headers, request=request)

    async def end_session(self, url: str, headers: dict[str, str]) -> None:
        """Tell a server that keeps sessions that ours is over; it need not answer."""
        target = httpx2.URL(url)
        request = httpcore2.Request(
            "DELETE",
            httpcore2.URL(scheme=target.raw_scheme, host=target.raw_host, port=target.port, target=target.raw_path),
            headers=[(b"Host", target.netloc), *((k.encode(), v.encode()) for k, v in headers.items())],
            extensions={"timeout": {"connect": 1, "read": 1, "write": 1, "pool": 1}},
        )
        response = await self._pool.handle_async_request(request)
        await response.aclose()

    async def _exchange(self, request: httpx2.Request, identity: Any, trip: Trip, *, call: bool) -> dict | None:
        """One request and its reply; None when there is none, then the trip says why."""
        try:
            response = await self._pool.handle_async_request(self._outgoing(request, trip))
            try:
                return await self._read(response, identity, call=call)
            finally:
                await response.aclose()
        except AddressRefused as refusal:
            trip.fail(str(refusal), refused=True)
        except Redirected:
            trip.fail("the server redirects, which is not followed", refused=True)
        except BadAnswer as bad:
            trip.fail(str(bad))
        except httpcore2.ConnectTimeout:
            trip.fail("no connection came about in time")
        except (httpcore2.ConnectError, OSError) as error:
            trip.fail(why_not_connected(error))
        except Exception as error:  # the connection broke, or what came back is not HTTP
            trip.fail(f"the connection ended without an answer ({type(error).__name__})")
        return None

    async def _read(self, response: Any, identity: Any, *, call: bool) -> dict | None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        limit = ANSWER_LIMIT if call else LIST_LIMIT
        self.unauthorized = self.unauthorized or response.status == 401
        if headers.get("content-encoding", "identity").lower() != "identity":
            raise BadAnswer("the answer is compressed, which was not asked for")
        if 300 <= response.status < 400:
            raise Redirected
        if identity is None:  # a notification: nothing is to be read
            return None
        if response.status >= 400 and kind != "application/json":
            raise BadAnswer(f"the server answered HTTP {response.status}")
        if kind == "text/event-stream":
            reply = await from_event_stream(response.stream, identity, limit=limit)
        elif kind == "application/json" and response.status != 202:
            body = await collect(response.stream, limit=limit)
            # A server that refuses a request before it reads its id has none to give, except for a call.
            reply = reply_to(parse(body), identity, null_is_ours=not call and response.status >= 400)
        else:
            raise BadAnswer(f"HTTP {response.status} without an answer")
        if response.status >= 400 and "error" not in reply:
            raise BadAnswer(f"the server answered HTTP {response.status}")
        self.session_id = headers.get(SESSION_HEADER, "") or self.session_id
        return reply

    def _outgoing(self, request: httpx2.Request, trip: Trip) -> httpcore2.Request:
        async def trace(event: str, _info: dict[str, Any]) -> None:
            if event.endswith("send_request_headers.started"):
                trip.leaves()

        return httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(
                scheme=request.url.raw_scheme,
                host=request.url.raw_host,
                port=request.url.port,
                target=request.url.raw_path,
            ),
            headers=request.headers.raw,
            content=request.stream,
            extensions={
                "trace": trace,
                "timeout": {"connect": CONNECT_SECONDS, "write": WRITE_SECONDS, "read": None, "pool": CONNECT_SECONDS},
            },
        )


def _reply(request: httpx2.Request, identity: Any, problem: str) -> httpx2.Response:
    """What the SDK is told where there is no answer: the problem, as an error of this request."""
    error = {"code": _OURS, "message": problem}
    return httpx2.Response(200, json={"jsonrpc": "2.0", "id": identity, "error": error}, request=request)


def _error(error: dict[str, Any]) -> tuple[int, str] | None:
    code = error.get("code")
    return (code, str(error.get("message", ""))) if isinstance(code, int) and not isinstance(code, bool) else None


def why_not_connected(error: Exception) -> str:
    """In our own words: the text of an exception may hold anything."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return "the connection was refused"
        if isinstance(cause, ssl.SSLError):
            return "no secure connection came about: the certificate or the protocol was not acceptable"
        cause = cause.__cause__ or cause.__context__
    return "the name cannot be resolved" if "resolved" in str(error) else "no connection came about"
