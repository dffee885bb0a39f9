"""Put buffered entries at the end of the chain: lock it, insert, move it. Called by `audit.log` only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from audit import chain, details
from audit.models import AuditDetail, AuditEntry, AuditReference, ChainHead, SubjectKey

ENTRY_COLUMNS = (
    "seq", "prev", "hash", "leaf", "at", "action", "actor_type", "actor_id",
    "target_type", "target_id", "ticket", "run", "outcome",
)  # fmt: skip
REFERENCE_COLUMNS = ("entry_id", "ref_type", "ref_id")
DETAIL_COLUMNS = ("entry_id", "subject", "salt", "ciphertext")
ENTRY_TABLE, REFERENCE_TABLE = AuditEntry._meta.db_table, AuditReference._meta.db_table
DETAIL_TABLE, KEY_TABLE, HEAD_TABLE = (model._meta.db_table for model in (AuditDetail, SubjectKey, ChainHead))

MOVE_HEAD = f"UPDATE {HEAD_TABLE} SET seq = %s, hash = %s WHERE id = 1"  # noqa: S608
# One round trip for any number of rows, while the lock on the head is held.
POSTGRES_APPEND = f"""
WITH entries AS (
  INSERT INTO {ENTRY_TABLE} ({", ".join(ENTRY_COLUMNS)})
  SELECT * FROM unnest(%s::bigint[], %s::bytea[], %s::bytea[], %s::bytea[], %s::timestamptz[], %s::text[],
    %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])
), refs AS (
  INSERT INTO {REFERENCE_TABLE} ({", ".join(REFERENCE_COLUMNS)})
  SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[])
), details AS (
  INSERT INTO {DETAIL_TABLE} ({", ".join(DETAIL_COLUMNS)})
  SELECT * FROM unnest(%s::bigint[], %s::text[], %s::bytea[], %s::bytea[])
) {MOVE_HEAD}
"""  # noqa: S608


class NoHead(RuntimeError):
    """The row of the chain's head is missing, so nothing can be recorded. `migrate` creates it once."""


@dataclass(frozen=True)
class Item:
    """A fact that waits for its place, with its private details in canonical form, or empty."""

    fact: chain.Fact
    details: bytes
    subject: str


@dataclass
class _Rows:
    """What one append writes: a list of rows per table, in the order of its columns."""

    entries: list[tuple[Any, ...]] = field(default_factory=list)
    references: list[tuple[int, str, str]] = field(default_factory=list)
    details: list[tuple[int, str, bytes, bytes]] = field(default_factory=list)


def append(items: Sequence[Item]) -> None:
    """Give the items consecutive numbers and link them. Raises NoHead."""
    if not items:
        return
    subjects = sorted({item.subject for item in items if item.details})
    details.make_keys(subjects)
    with connection.cursor() as cursor:
        seq, tip, keys = _lock_head(cursor, subjects)
        at, rows = timezone.now(), _Rows()
        for item in items:
            seq += 1
            tip = _link(rows, item, keys, seq=seq, prev=tip, at=at)
        _insert(cursor, rows, seq=seq, tip=tip)


def _lock_head(cursor: Any, subjects: Sequence[str]) -> tuple[int, bytes, dict[str, bytes]]:
    """The number and hash of the last entry, and the keys of these people, with one statement.

    Race: two transactions link to the same entry. The lock lets the second see what the first appended.
    On SQLite the immediate transaction is the lock.
    """
    lock = " FOR UPDATE OF head" if connection.features.has_select_for_update else ""
    marks = ", ".join(["%s"] * len(subjects)) or "NULL"
    cursor.execute(
        f"SELECT head.seq, head.hash, person.subject, person.key FROM {HEAD_TABLE} head "  # noqa: S608
        f"LEFT JOIN {KEY_TABLE} person ON person.subject IN ({marks}) WHERE head.id = 1{lock}",
        subjects,
    )
    found = cursor.fetchall()
    if not found:
        raise NoHead("the head of the audit chain is missing: run `manage.py migrate`")
    keys = {subject: bytes(key) for _, _, subject, key in found if subject is not None}
    if len(keys) < len(subjects):
        keys = details.keys_for(subjects)  # somebody was erased since their key was seen: a new one from here on
    seq, tip, *_ = found[0]
    return seq, bytes(tip), keys


def _link(rows: _Rows, item: Item, keys: Mapping[str, bytes], *, seq: int, prev: bytes, at: datetime) -> bytes:
    """Add the rows of one entry; returns its hash."""
    commitment = ""
    if item.details:
        secret = details.seal(keys[item.subject], subject=item.subject, details=item.details)
        rows.details.append((seq, secret.subject, secret.salt, secret.ciphertext))
        commitment = secret.commitment
    content = chain.content(item.fact, seq=seq, at=at, details=commitment)
    leaf = chain.canonical(content)
    tip = chain.link(prev, leaf)
    copies = chain.columns(content) | {"at": at}
    rows.entries.append((seq, prev, tip, leaf, *(copies[name] for name in ENTRY_COLUMNS[4:])))
    rows.references.extend((seq, kind, identity) for kind, identity in chain.references(content))
    return tip


def _insert(cursor: Any, rows: _Rows, *, seq: int, tip: bytes) -> None:
    tables = (
        (ENTRY_TABLE, ENTRY_COLUMNS, rows.entries),
        (REFERENCE_TABLE, REFERENCE_COLUMNS, rows.references),
        (DETAIL_TABLE, DETAIL_COLUMNS, rows.details),
    )
    if connection.vendor == "postgresql":
        by_column = [[row[n] for row in found] for _, names, found in tables for n in range(len(names))]
        cursor.execute(POSTGRES_APPEND, [*by_column, seq, tip])
        return
    for table, names, found in tables:
        if found:
            marks = ", ".join(["%s"] * len(names))
            cursor.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", found)  # noqa: S608
    cursor.execute(MOVE_HEAD, [seq, tip])
