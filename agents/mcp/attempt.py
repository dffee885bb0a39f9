"""One attempt at one call: a fresh session, the tool listed again where it writes, one request, one verdict.

The caller waits for `answer` until the tool's timeout is over. The attempt goes on after that, because a slow server
may still say what it did: that is a late answer.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import httpx2
import mcp_types as types
from mcp.client.client import Client
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client
from pydantic import TypeAdapter

from agents.mcp import listing, oauth, pool
from agents.mcp.answers import shorten
from agents.mcp.endpoint import CLIENT, Endpoint
from agents.mcp.errors import UNAUTHORIZED, DefinitionChanged, NotExecuted, OutcomeUnknown
from agents.mcp.trip import Trip
from agents.mcp.wire import SESSION_HEADER, Wire, tls_context
from supportagent import addresses
from supportagent.tools.models import MCPServer
from supportagent.tools.schema import imported_hash

logger = logging.getLogger(__name__)

Answer = types.CallToolResult | types.InputRequiredResult
_ANSWER: TypeAdapter[Answer] = TypeAdapter(Answer)
# JSON-RPC errors that say: the method or its parameters are wrong, so nothing was done.
NOT_DONE = (types.METHOD_NOT_FOUND, types.INVALID_PARAMS)


@dataclass(frozen=True)
class Order:
    """What is to be called. `pin` is the definition that was reviewed; without one it is not listed again.

    `discreet`: the words of a server's error are not passed on, because they may repeat what a review masks.
    """

    tool: str
    arguments: dict[str, Any]
    timeout: float
    listen: float
    pin: str = ""
    discreet: bool = False


class Attempt:
    """Runs on the background loop; everything that its owner sees is in `answer`, a future of any thread.

    `answer` holds the server's result, or raises NotExecuted, DefinitionChanged or OutcomeUnknown. `on_late` is
    called with the result, on the loop, when one comes after the caller was told OutcomeUnknown(late=True).
    """

    def __init__(self, endpoint: Endpoint, order: Order, on_late: Callable[[Answer], None] | None = None) -> None:
        self.endpoint = endpoint
        self.order = order
        self.answer: Future[Answer] = Future()
        self.trip = Trip(on_sent=self._sent)
        self._on_late = on_late
        self._started = time.monotonic()

    async def run(self) -> None:
        """Never raises: whatever happens becomes the answer."""
        order = self.order
        with anyio.CancelScope(deadline=anyio.current_time() + order.timeout) as scope:
            try:
                async with self._session() as session:
                    if order.pin:
                        await self._check_definition(session)
                    # From here on the timer of the sent request counts, and beyond it we only listen.
                    scope.deadline = anyio.current_time() + max(self._left(order.listen), 0)
                    self._settle(await self._call(session))
            except Exception as error:
                self._fail(_innermost(error))
        self._fail(TimeoutError())  # when the time was over; else there is a verdict already
        if self.trip.unauthorized and self.endpoint.oauth is not None:
            oauth.drop(self.endpoint.oauth, self.endpoint.secret)

    # -- the conversation ----------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _session(self) -> AsyncIterator[ClientSession]:
        if self.endpoint.transport == MCPServer.Transport.STDIO:
            async with pool.session_of(self.endpoint, self.trip) as session:
                yield session
            return
        async with http_session(self.endpoint, self.trip) as session:
            yield session

    async def _check_definition(self, session: ClientSession) -> None:
        found = [one for one in await listing.read(session) if one["name"] == self.order.tool]
        if not found:
            raise DefinitionChanged("the server does not offer this tool any more")
        if len(found) > 1 or imported_hash(found[0]) != self.order.pin:
            raise DefinitionChanged("the server offers this tool no longer as it was reviewed")

    async def _call(self, session: ClientSession) -> Answer:
        params = types.CallToolRequestParams(name=self.order.tool, arguments=self.order.arguments)
        return await session.send_request(types.CallToolRequest(params=params), _ANSWER)

    # -- the verdict ---------------------------------------------------------------------------------------------

    def _sent(self) -> None:
        asyncio.get_running_loop().call_later(self.order.timeout, self._give_up)

    def _give_up(self) -> None:
        """The caller has waited long enough; an answer may still come."""
        seconds = f"{self.order.timeout:g} s"
        self._tell(OutcomeUnknown(f"no answer within {seconds}; still listening", late=self._on_late is not None))

    def _settle(self, answer: Answer) -> None:
        if not self.answer.done():
            self.answer.set_result(answer)
        elif self._on_late is not None:
            self._on_late(answer)

    def _fail(self, error: BaseException) -> None:
        self._tell(self._verdict(error))

    def _tell(self, verdict: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(verdict)

    def _verdict(self, error: BaseException) -> Exception:
        """What an error proves. Before the first byte nothing was done; after it almost nothing is proved."""
        trip, secret = self.trip, self.endpoint.secret
        if not trip.sent:
            if isinstance(error, NotExecuted):
                return error
            if trip.unauthorized:
                return NotExecuted(UNAUTHORIZED, "the server did not accept our token (HTTP 401)")
            if trip.refused:
                return NotExecuted("refused", trip.problem)
            timed_out = isinstance(error, TimeoutError)
            because = "the server was not ready in time" if timed_out else "the server did not accept us"
            return NotExecuted("unreachable", trip.problem or because)
        if trip.error is not None:
            code, message = trip.error
            words = f"error {code}" if self.order.discreet else f"error {code}: {shorten(message, secret=secret)}"
            if self.endpoint.trusted and code in NOT_DONE:
                return NotExecuted("rejected", words)
            return OutcomeUnknown(f"the server answered with {words}", evidence={"error": words})
        if isinstance(error, TimeoutError):
            return OutcomeUnknown(f"no answer within {self.order.listen:g} s")
        return OutcomeUnknown(trip.problem or "the answer does not keep the protocol")

    def _left(self, seconds: float) -> float:
        return self._started + seconds - time.monotonic()


@asynccontextmanager
async def http_session(endpoint: Endpoint, trip: Trip) -> AsyncIterator[ClientSession]:
    """A fresh session over HTTP. Raises NotExecuted where the address may not be used or the server is not there."""
    try:
        addresses.check(endpoint.url)
    except addresses.AddressRefused as refusal:
        raise NotExecuted("refused", str(refusal)) from None
    headers = {"Authorization": f"Bearer {endpoint.secret}"} if endpoint.secret else {}
    wire = Wire(trip, tls_context())
    client = httpx2.AsyncClient(
        transport=wire,
        headers={**headers, "Accept-Encoding": "identity", "User-Agent": CLIENT["name"]},
        timeout=None,
        trust_env=False,
        follow_redirects=False,
        max_redirects=0,
    )
    async with client:
        transport = streamable_http_client(endpoint.url, http_client=client, terminate_on_close=False)
        try:
            async with Client(transport, client_info=types.Implementation(**CLIENT), cache=None) as connected:
                yield connected.session
        except Exception:
            if not trip.sent and not trip.problem:
                trip.fail(wire.problem, refused=wire.refused)
            raise
        finally:
            trip.unauthorized = wire.unauthorized
            if wire.session_id:
                with anyio.move_on_after(2, shield=True), contextlib.suppress(Exception):
                    await wire.end_session(endpoint.url, {**headers, SESSION_HEADER: wire.session_id})


def _innermost(error: BaseException) -> BaseException:
    """Task groups wrap what happened in groups; the first of ours in it counts, else the first."""
    while isinstance(error, BaseExceptionGroup):
        leaves = [_innermost(inner) for inner in error.exceptions]
        error = next((leaf for leaf in leaves if isinstance(leaf, NotExecuted)), leaves[0])
    return error
