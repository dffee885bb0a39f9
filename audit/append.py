"""Put buffered entries at the end of the chain: lock it, insert, move it. Called by `audit.log` only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone

from audit import chain, details
from audit.models import AuditDetail, AuditEntry, AuditReference, ChainHead

ENTRY_COLUMNS = (
    "seq", "prev", "hash", "leaf", "at", "action", "actor_type", "actor_id",
    "target_type", "target_id", "ticket", "run", "outcome",
)  # fmt: skip
REFERENCE_COLUMNS = ("entry_id", "ref_type", "ref_id")
ENTRY_TABLE, REFERENCE_TABLE = AuditEntry._meta.db_table, AuditReference._meta.db_table
HEAD_TABLE = ChainHead._meta.db_table

LOCK_HEAD = f"SELECT seq, hash FROM {HEAD_TABLE} WHERE id = 1"  # noqa: S608
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


def append(items: Sequence[Item]) -> None:
    """Give the items consecutive numbers and link them. Raises NoHead."""
    if not items:
        return
    sealed = _seal(items)
    with connection.cursor() as cursor:
        seq, tip = _lock_head(cursor)
        at = timezone.now()
        entries: list[tuple[Any, ...]] = []
        references: list[tuple[int, str, str]] = []
        for item, secret in zip(items, sealed, strict=True):
            seq += 1
            row, names = _linked(item.fact, secret, seq=seq, prev=tip, at=at)
            entries.append(row)
            references.extend((seq, kind, identity) for kind, identity in names)
            tip = row[2]
        _insert(cursor, entries, references, seq=seq, tip=tip)
    AuditDetail.objects.bulk_create(
        AuditDetail(entry_id=row[0], subject=secret.subject, salt=secret.salt, ciphertext=secret.ciphertext)
        for row, secret in zip(entries, sealed, strict=True)
        if secret
    )


def _seal(items: Sequence[Item]) -> list[details.Sealed | None]:
    subjects = {item.subject for item in items if item.details}
    keys = details.keys_for(subjects) if subjects else {}
    return [
        details.seal(keys[item.subject], subject=item.subject, details=item.details) if item.details else None
        for item in items
    ]


def _lock_head(cursor: Any) -> tuple[int, bytes]:
    """Race: two transactions link to the same entry. The lock lets the second see what the first appended.

    On SQLite the immediate transaction is the lock.
    """
    cursor.execute(LOCK_HEAD + (" FOR UPDATE" if connection.features.has_select_for_update else ""))
    head = cursor.fetchone()
    if head is None:
        raise NoHead("the head of the audit chain is missing: run `manage.py migrate`")
    return head[0], bytes(head[1])


def _linked(
    fact: chain.Fact, secret: details.Sealed | None, *, seq: int, prev: bytes, at: datetime
) -> tuple[tuple[Any, ...], list[tuple[str, str]]]:
    """The row of an entry in the order of ENTRY_COLUMNS, and what it can be found by."""
    content = chain.content(fact, seq=seq, at=at, details=secret.commitment if secret else "")
    leaf = chain.canonical(content)
    copies = chain.columns(content) | {"at": at}
    row = (seq, prev, chain.link(prev, leaf), leaf, *(copies[name] for name in ENTRY_COLUMNS[4:]))
    return row, chain.references(content)


def _insert(
    cursor: Any,
    entries: list[tuple[Any, ...]],
    references: list[tuple[int, str, str]],
    *,
    seq: int,
    tip: bytes,
) -> None:
    if connection.vendor == "postgresql":
        by_column = [list(column) for rows in (entries, references) for column in zip(*rows, strict=True)]
        cursor.execute(POSTGRES_APPEND, [*by_column, seq, tip])
        return
    for table, names, rows in (
        (ENTRY_TABLE, ENTRY_COLUMNS, entries),
        (REFERENCE_TABLE, REFERENCE_COLUMNS, references),
    ):
        marks = ", ".join(["%s"] * len(names))
        cursor.executemany(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", rows)  # noqa: S608
    cursor.execute(MOVE_HEAD, [seq, tip])
