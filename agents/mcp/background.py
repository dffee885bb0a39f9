"""One event loop per process, in a thread of its own: the worker's threads are synchronous, the SDK is not.

The loop goes on after a caller gave up, so that a late answer is still heard. It dies with its process.
"""

import asyncio
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

# Names are resolved and late answers stored here; both wait, and the loop must not.
THREADS = 16

on_fork: list[Callable[[], None]] = []
"""What must be forgotten in a process that was forked off: it has neither the thread nor the connections."""


class Background:
    """The loop of this process; started with the first call."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                # Plainly asyncio's own: a server may have installed another policy, without child processes.
                loop = asyncio.SelectorEventLoop()
                loop.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="mcp-helper"))
                threading.Thread(target=self._run, args=(loop,), name="mcp-loop", daemon=True).start()
                self._loop = loop
            return self._loop

    def start(self, work: Coroutine[Any, Any, Any]) -> "Future[Any]":
        """Run a coroutine on the loop, from any other thread."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def forget(self) -> None:
        self._lock = threading.Lock()
        self._loop = None

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        loop.run_forever()


background = Background()


def _after_fork() -> None:
    background.forget()
    for forget in on_fork:
        with contextlib.suppress(Exception):
            forget()


os.register_at_fork(after_in_child=_after_fork)
