"""Tell open pages that something changed: fire and forget, after the commit, never in its way.

A frame says only "there is news"; the page then reads the database. So a lost frame costs freshness,
never truth, and nothing here may block or fail the transaction that has just been committed.
"""

import asyncio
import atexit
import logging
import os
import re
import threading
from collections.abc import Mapping
from typing import Any

from channels.layers import get_channel_layer
from django.db import transaction

logger = logging.getLogger(__name__)

SEND_SECONDS = 2.0  # A broker that takes longer counts as down.
CATCH_UP_SECONDS = 2.0  # Between attempts during an outage; listeners take about a second to come back.
GATHER_SECONDS = 0.02  # What is published meanwhile leaves together; of the same news only the newest.
BACKLOG = 1000  # Frames waiting in this process; beyond it only the name of the group is kept.
GROUP_NAME = re.compile(r"[A-Za-z0-9._-]{1,99}")


def publish(group: str, payload: Mapping[str, Any]) -> None:
    """Send `{"type": "live.changed", **payload}` to the channel group once the transaction commits.

    `group` may hold letters, digits, "-", "_" and "." only. Outside a transaction the frame leaves at
    once. Frames of the same group and `what` that wait together become one, the newest. Never raises: a broker
    that is down is logged once per outage, and when it is back every group that missed something gets one frame
    with `what: "*"`.
    """
    if not GROUP_NAME.fullmatch(group):
        logger.error("not a channel group, so nobody is told: %r", group)
        return
    message = {**payload, "type": "live.changed"}
    transaction.on_commit(lambda: _publisher.send(group, message), robust=True)


def flush(timeout: float = 1.0) -> bool:
    """Wait until every frame handed over so far has left; False when `timeout` seconds were not enough."""
    return _publisher.flush(timeout)


class Publisher:
    """One event loop in one background thread, started by the first frame of each process.

    `async_to_sync` would make a loop, and so a broker connection, per frame; this keeps one open.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event
        self._waiting: dict[tuple[str, str], dict[str, Any]] = {}  # The newest frame of each group and subject.
        self._sending = False
        self._missed: set[str] = set()  # Groups that are owed a frame; not empty means an outage.

    def send(self, group: str, message: dict[str, Any]) -> None:
        with self._lock:
            loop, wake = self._running_loop(), not self._waiting
            key = (group, str(message.get("what", "")))
            if self._waiting.pop(key, None) is None and len(self._waiting) >= BACKLOG:
                loop.call_soon_threadsafe(self._miss, group, "the backlog is full")
                return
            self._waiting[key] = message
        if wake:
            loop.call_soon_threadsafe(self._news.set)

    def flush(self, timeout: float) -> bool:
        if self._loop is None:
            return True
        emptied = asyncio.run_coroutine_threadsafe(self._join(), self._loop)
        try:
            emptied.result(timeout)
        except TimeoutError:
            emptied.cancel()
            return False
        return True

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            loop = asyncio.new_event_loop()
            self._news = asyncio.Event()
            threading.Thread(target=self._run, args=(loop,), name="live-publisher", daemon=True).start()
            self._loop = loop
        return self._loop

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.create_task(self._catch_up())
        loop.run_until_complete(self._deliver())

    async def _join(self) -> None:
        while self._waiting or self._sending:
            await asyncio.sleep(GATHER_SECONDS / 4)

    async def _deliver(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._news.clear()
            with self._lock:
                frames, self._waiting, self._sending = self._waiting, {}, True
            for (group, _), message in frames.items():
                # During an outage frames must not queue up behind time-outs.
                if self._missed:
                    self._missed.add(group)
                else:
                    await self._try(group, message)
            self._sending = False

    async def _catch_up(self) -> None:
        while True:
            await asyncio.sleep(CATCH_UP_SECONDS)
            for group in list(self._missed):
                if not await self._try(group, {"type": "live.changed", "what": "*"}):
                    break
                self._missed.discard(group)
                if not self._missed:
                    logger.warning("live updates are getting out again")

    async def _try(self, group: str, message: dict[str, Any]) -> bool:
        try:
            async with asyncio.timeout(SEND_SECONDS):  # `wait_for` would make a task per frame
                await get_channel_layer().group_send(group, message)
        except Exception as error:  # Whatever the broker's client raises, the next frame must go out.
            self._miss(group, repr(error))
            return False
        return True

    def _miss(self, group: str, why: str) -> None:
        if not self._missed:
            logger.warning("live updates are not getting out: %s", why)
        self._missed.add(group)


_publisher = Publisher()


def _start_afresh() -> None:
    """A forked child inherits the loop's object but not its thread (and perhaps a held lock)."""
    global _publisher
    _publisher = Publisher()


os.register_at_fork(after_in_child=_start_afresh)
atexit.register(flush)
