"""What stands around every call of an imported server: a bounded number at once, its circuit, and what is counted.

A server that hangs holds at most MCP_CALLS_PER_SERVER threads of a worker process until their timeout; then its circuit
opens, and calls are refused at once. Other servers are neither asked nor slowed.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import Error

from agents.mcp.background import on_fork
from agents.mcp.errors import UNAUTHORIZED, NotExecuted, OutcomeUnknown
from supportagent.tools import health
from supportagent.tools.health import Admission, CircuitOpen
from supportagent.tools.models import Tool

logger = logging.getLogger(__name__)

PROBE_GRACE_SECONDS = 60  # beyond twice the tool's timeout: then the worker that probed is taken for dead
SLOT_SECONDS = 1.0  # how long a call waits for others of its server to end
# Certainly not executed: because the server failed, or although it answered. What else there is says nothing about it.
FAILED = frozenset({"unreachable", "no_answer", "bad_answer", UNAUTHORIZED})
ANSWERED = frozenset({"definition_changed", "rejected", "listing_refused"})

_slots: dict[int, threading.BoundedSemaphore] = {}
on_fork.append(_slots.clear)


@contextmanager
def watched(tool: Tool) -> Iterator[None]:
    """Around one call. Raises NotExecuted where it must not begin: `circuit_open`, `server_busy`, `not_executed`."""
    slot = _slot(tool.server_id)
    if not slot.acquire(blocking=False):
        with _refusals(tool):
            health.look(tool.server_id)  # nobody waits for a place only to be refused
        if not slot.acquire(timeout=SLOT_SECONDS):
            raise NotExecuted("server_busy", "too many calls wait for this server already; nothing was sent")
    try:
        admission = _admit(tool)
        with _counted(admission):
            yield
    finally:
        slot.release()


def _slot(server_id: int) -> threading.BoundedSemaphore:
    # One step under the interpreter's lock: two threads get the same.
    return _slots.setdefault(server_id, threading.BoundedSemaphore(settings.MCP_CALLS_PER_SERVER))


def _admit(tool: Tool) -> Admission:
    with _refusals(tool):
        return health.admit(tool.server_id, seconds=2 * tool.timeout_seconds + PROBE_GRACE_SECONDS)


@contextmanager
def _refusals(tool: Tool) -> Iterator[None]:
    try:
        yield
    except CircuitOpen as refusal:
        raise NotExecuted("circuit_open", str(refusal)) from None
    except Error:
        logger.exception("the circuit of server %s could not be read", tool.server_id)
        raise NotExecuted("not_executed", "the database did not answer before the call, so nothing was sent") from None


@contextmanager
def _counted(admission: Admission) -> Iterator[None]:
    began = time.monotonic()
    told = False

    def note(problem: str = "", *, unknown: bool = False) -> None:
        nonlocal told
        told = True
        try:
            health.note(admission, seconds=time.monotonic() - began, problem=problem, unknown=unknown)
        except Error:  # what the call did matters more than its figures
            logger.exception("a call of server %s could not be counted", admission.server_id)

    try:
        yield
        note()
    except OutcomeUnknown as unknown:
        # An error that the server itself gave is an answer, though it proves nothing.
        note("" if "error" in unknown.evidence else unknown.message, unknown=True)
        raise
    except NotExecuted as refusal:
        if refusal.code in FAILED:
            note(refusal.message)
        elif refusal.code in ANSWERED:
            note()
        raise
    finally:
        if not told:
            _release(admission)


def _release(admission: Admission) -> None:
    try:
        health.release(admission)
    except Error:
        logger.exception("the probe of server %s was not released; its time runs out", admission.server_id)
