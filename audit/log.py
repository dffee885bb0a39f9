"""Record what was done, in the transaction that does it: no entry, no effect; no effect, no entry.

    with audit.log.transaction():
        ... lock, change, signal ...
        audit.log.record("approvals.request.approved", target=("approval", str(pk)), ...)

Entries wait in a buffer and are appended as the last statements of the outermost block, so that the head of
the chain is the last lock taken and the one held for the shortest time. Lock order everywhere: ticket, run,
call, subject, budgets by id, audit head.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, connection
from django.db import transaction as database

from audit import actions, append, chain
from audit.context import Actor, current_actor, request_id
from audit.models import IDENTITY_LENGTH, NAME_LENGTH

WRITER_WAIT_SECONDS = 60


class NoTransaction(RuntimeError):
    """Something was recorded outside `transaction()`: its entry would not share the fate of the effect."""


@dataclass(frozen=True)
class _Waiting:
    item: append.Item
    savepoint: Callable[[], None] | None


class _State(threading.local):
    """One buffer per thread, as Django's connections are. None outside of any block."""

    buffer: list[_Waiting] | None = None
    locked: dict[Any, Any] | None = None


_state = _State()
_sqlite_writer = threading.Lock()
# A child forked while another thread holds the mutex would wait for it for ever.
os.register_at_fork(after_in_child=lambda: globals().__setitem__("_sqlite_writer", threading.Lock()))


@contextmanager
def transaction(*, savepoint: bool = True) -> Iterator[None]:
    """An atomic block whose entries are appended at its end. A nested block is a savepoint of it.

    `savepoint=False` saves a nested block two statements; its exceptions then end the outermost block too.
    """
    if _state.buffer is not None:
        with _forgetting_on_error(), database.atomic(savepoint=savepoint):
            yield
        return
    with _one_sqlite_writer() as release, database.atomic():
        if release:
            # The first callback after the commit: later ones may talk to the network or open a transaction.
            connection.on_commit(release)
        buffer: list[_Waiting] = []
        _state.buffer, _state.locked = buffer, {}
        try:
            yield
        finally:
            # Before the commit, since callbacks that run after it may open the next transaction.
            _state.buffer = _state.locked = None
        append.append([waiting.item for waiting in buffer if _survived(waiting)])


def rows_held() -> dict[Any, Any]:
    """Where verbs keep the rows that they locked in the current transaction, so that nobody reads them again.

    Empty once a part of the transaction was rolled back, because its changes of these objects are void.
    """
    return {} if _state.locked is None else _state.locked


@contextmanager
def _forgetting_on_error() -> Iterator[None]:
    try:
        yield
    except BaseException:
        if _state.locked is not None:
            _state.locked.clear()
        raise


def record(
    action: str,
    *,
    target: tuple[str, str],
    actor: Actor | None = None,
    on_behalf_of: str = "",
    ticket: str = "",
    run: str = "",
    data: Mapping[str, Any] | None = None,
    refs: Iterable[tuple[str, str]] = (),
    outcome: str = "",
    cost_micros: int | None = None,
    private: Mapping[str, Any] | None = None,
    subject: str = "",
) -> None:
    """Add one entry to the current transaction.

    `on_behalf_of` is a customer's reference. `data` and all ids end in the leaf, which is never erased: no
    names, no free text. Those go into `private`, encrypted with the key of `subject`, a customer's reference.
    Raises NoTransaction, UnknownAction, NoActor, NotCanonical, ValueError.
    """
    if _state.buffer is None:
        raise NoTransaction(f"{action} was recorded outside audit.log.transaction()")
    actions.get(action)
    by = actor or current_actor()
    fact = chain.Fact(
        action=action,
        actor=_identity(by.type, by.id),
        target=_identity(*target),
        on_behalf_of=_short(on_behalf_of, IDENTITY_LENGTH),
        ticket=_short(ticket, IDENTITY_LENGTH),
        run=_short(run, IDENTITY_LENGTH),
        request=request_id.get(),
        outcome=_short(outcome, NAME_LENGTH),
        cost_micros=cost_micros,
        data=chain.normalised(data or {}),
        refs=tuple(_identity(*ref) for ref in refs),
    )
    if private and not subject:
        raise ValueError(f"{action}: private details need the subject whose key encrypts them")
    details = chain.canonical(private) if private else b""
    _state.buffer.append(_Waiting(append.Item(fact, details, subject), _savepoint_marker()))


def _identity(kind: str, identity: str) -> tuple[str, str]:
    if not kind or not identity:
        raise ValueError(f"({kind!r}, {identity!r}) names nothing: both a type and an id are needed")
    return _short(kind, NAME_LENGTH), _short(identity, IDENTITY_LENGTH)


def _short(value: str, length: int) -> str:
    """Text as a column and the leaf both can hold it, or ValueError where the mistake is made."""
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is {type(value).__name__}, not text")
    text: str = chain.normalised(value)
    if len(text) > length or "\x00" in text:
        raise ValueError(f"{text[:40]!r} is longer than {length} characters or holds a NUL")
    return text


def _savepoint_marker() -> Callable[[], None] | None:
    """Inside a savepoint, something that Django drops with it: a callback that does nothing.

    An exception may be caught around a nested block, be it ours or a plain `atomic()`. Its effects are rolled
    back then, and its entries must go with them.
    """
    if not connection.savepoint_ids:
        return None

    def marker() -> None:
        """Stands for the savepoint."""

    connection.on_commit(marker)
    return marker


def _survived(waiting: _Waiting) -> bool:
    if waiting.savepoint is None:
        return True
    remaining = [hook for hook in connection.run_on_commit if hook[1] is not waiting.savepoint]
    survived = len(remaining) < len(connection.run_on_commit)
    connection.run_on_commit = remaining
    return survived


@contextmanager
def _one_sqlite_writer() -> Iterator[Callable[[], None] | None]:
    """On SQLite, let the threads of this process take turns: its own busy wait starves some of them.

    Not inside an enclosing atomic block, which may already hold the database's write lock: whoever has the
    mutex would wait for that lock while we wait for the mutex.
    """
    if connection.vendor != "sqlite" or connection.in_atomic_block:
        yield None
        return
    mutex, held = _sqlite_writer, True
    if not mutex.acquire(timeout=WRITER_WAIT_SECONDS):
        raise OperationalError(f"database is locked: another thread writes for {WRITER_WAIT_SECONDS} s")

    def release() -> None:
        nonlocal held
        if held:
            held = False
            mutex.release()

    try:
        yield release
    finally:
        release()
