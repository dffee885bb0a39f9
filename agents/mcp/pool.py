"""The processes of stdio servers: started when needed, used by one call at a time, ended when idle or broken.

A process that answered cleanly is kept for the next call. One that did not is killed: whatever it still does has
nobody to tell. A server that cannot be started is tried again after a pause that doubles.
"""

import asyncio
import atexit
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.client.client import Client
from mcp.client.session import ClientSession
from mcp_types import Implementation

from agents.mcp.background import on_fork
from agents.mcp.endpoint import CLIENT, Endpoint
from agents.mcp.errors import NotExecuted
from agents.mcp.stdio import StdioProcess
from agents.mcp.trip import Trip

MAX_PROCESSES = 4  # of one server in one worker process
IDLE_SECONDS = 60.0
FIRST_BACKOFF_SECONDS = 0.5
LAST_BACKOFF_SECONDS = 30.0


class Worker:
    """A started process with its session, which lives in a task of its own as the SDK asks for."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.process: StdioProcess | None = None
        self.session: ClientSession | None = None
        self.idle_since = time.monotonic()
        self._ready: asyncio.Future[ClientSession] = asyncio.get_running_loop().create_future()
        self._stop = asyncio.Event()
        self._gently = True
        self._task = asyncio.create_task(self._live())

    async def started(self) -> ClientSession:
        """Raises NotExecuted when it does not come up."""
        return await asyncio.shield(self._ready)

    @property
    def usable(self) -> bool:
        return self.process is not None and self.process.usable and not self._stop.is_set()

    def stop(self, *, gently: bool) -> None:
        self._gently = gently
        if not gently and self.process is not None:
            self.process.kill()
        self._stop.set()
        if not self._ready.done():
            self._task.cancel()

    async def _live(self) -> None:
        try:
            self.process = await StdioProcess.start(self.endpoint.command, self.endpoint.secrets)
            live.add(self.process)
            async with Client(self.process.streams(), client_info=Implementation(**CLIENT), cache=None) as client:
                self.session = client.session
                self._ready.set_result(client.session)
                await self._stop.wait()
        except NotExecuted as problem:
            self._fail(problem)
        except Exception:
            # The words of the exception are the server's; why the process broke is ours.
            because = self.process.broken if self.process else "the server could not be started"
            self._fail(NotExecuted("unreachable", because or "the server did not accept us"))
        finally:
            if self.process is not None:
                await self.process.end(gently=self._gently)
                live.discard(self.process)
            self._fail(NotExecuted("unreachable", "the server was stopped while it started"))

    def _fail(self, problem: NotExecuted) -> None:
        if not self._ready.done():
            self._ready.set_exception(problem)
            self._ready.exception()  # nobody may be waiting any more


class Pool:
    """The processes of one server."""

    def __init__(self) -> None:
        self.idle: list[Worker] = []
        self.free = asyncio.Semaphore(MAX_PROCESSES)
        self.backoff = 0.0
        self.not_before = 0.0

    async def take(self, endpoint: Endpoint) -> Worker:
        """An idle process, or a new one. Raises NotExecuted while it cannot be started."""
        while self.idle:
            worker = self.idle.pop()
            if worker.usable:
                return worker
            worker.stop(gently=False)
        wait = self.not_before - time.monotonic()
        if wait > 0:
            raise NotExecuted("unreachable", f"the server failed to start; it is tried again in {wait:.0f} s")
        worker = Worker(endpoint)
        try:
            await worker.started()
        except BaseException:
            worker.stop(gently=False)
            self.backoff = min(max(self.backoff * 2, FIRST_BACKOFF_SECONDS), LAST_BACKOFF_SECONDS)
            self.not_before = time.monotonic() + self.backoff
            raise
        return worker

    def give_back(self, worker: Worker, *, clean: bool) -> None:
        if not clean or not worker.usable:
            worker.stop(gently=False)
            return
        self.backoff = 0.0
        worker.idle_since = time.monotonic()
        self.idle.append(worker)
        asyncio.get_running_loop().call_later(IDLE_SECONDS + 1, self.tidy)

    def tidy(self) -> None:
        """End what was not needed for a while."""
        for worker in list(self.idle):
            if time.monotonic() - worker.idle_since > IDLE_SECONDS or not worker.usable:
                self.idle.remove(worker)
                worker.stop(gently=True)


pools: dict[tuple[object, ...], Pool] = {}
live: set[StdioProcess] = set()


@asynccontextmanager
async def session_of(endpoint: Endpoint, trip: Trip) -> AsyncIterator[ClientSession]:
    """A process for one call. It is kept only when the block ends well and its answer was one."""
    pool = pools.setdefault(endpoint.key, Pool())
    async with pool.free:
        worker = await pool.take(endpoint)
        clean = False
        try:
            assert worker.process is not None and worker.session is not None  # noqa: S101 - it started
            worker.process.trip = trip
            yield worker.session
            clean = not trip.problem
        finally:
            pool.give_back(worker, clean=clean)


def _kill_all() -> None:
    for process in list(live):
        with contextlib.suppress(Exception):
            process.kill()


def _forget() -> None:
    pools.clear()
    live.clear()


atexit.register(_kill_all)
on_fork.append(_forget)
