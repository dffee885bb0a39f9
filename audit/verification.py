"""Prove the log from its rows: every link, every copy, the head, and that state which needs an entry has one.

Streams in constant memory and takes no lock. Entries and the head are committed together, so a head that is
read after the entries is never behind them: what was appended meanwhile is read in the next round.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from django.db import DatabaseError
from django.db.models import F

from audit import chain, details
from audit.models import AuditDetail, AuditEntry, AuditReference, ChainHead

BATCH = 500
# description of the row, target type, target id, action that must have been recorded for it
StateRow = tuple[str, str, str, str]
StateCheck = Callable[[], Iterable[StateRow]]


class Kind(StrEnum):
    """What was done to the log, as far as its rows tell."""

    EDIT = "edit"
    COLUMN_MISMATCH = "column-mismatch"
    DELETE = "delete"
    INSERT = "insert"
    REORDER = "reorder"
    FORK = "fork"
    STATE_WITHOUT_ENTRY = "state-without-entry"


class CannotVerify(RuntimeError):
    """The log could not be read to its end. Says nothing about tampering, and is never "ok"."""


@dataclass(frozen=True)
class Finding:
    """The first bad place. `seq` is None for state without an entry, which has no place in the chain."""

    kind: Kind
    seq: int | None
    message: str


@dataclass(frozen=True)
class Report:
    """`entries` were read up to the end or to the first finding in the chain."""

    entries: int
    tip: bytes
    findings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        return not self.findings


_state_checks: dict[str, StateCheck] = {}


def register_state_check(name: str, rows: StateCheck) -> None:
    """`rows()` yields (description, target type, target id, action) of state that must have such an entry."""
    _state_checks[name] = rows


def verify() -> Report:
    """Check everything. Stops at the first break of the chain, since nothing after it means anything.

    Raises CannotVerify when the database, a table, the head or a state check fails.
    """
    walk = _Walk()
    try:
        if finding := walk.to_the_end():
            return Report(walk.entries, walk.tip, (finding,))
        return Report(walk.entries, walk.tip, tuple(_state_without_entry()))
    except DatabaseError as problem:
        raise CannotVerify(f"the database did not answer: {problem}") from problem


class _Walk:
    """Follows the chain from its start; `seq` and `tip` are the last good entry."""

    def __init__(self) -> None:
        self.entries, self.seq, self.tip = 0, 0, chain.GENESIS

    def to_the_end(self) -> Finding | None:
        while True:
            for batch in self._batches():
                if finding := self._check_batch(batch):
                    return finding
            head = ChainHead.objects.filter(pk=1).first()
            if head is None:
                raise CannotVerify("the head of the chain is missing, so an end that was cut off would not show")
            if head.seq > self.seq and self._has_more():
                continue
            return self._check_end(head) or _stray_reference(self.seq)

    def _batches(self) -> Iterator[list[AuditEntry]]:
        """From the last good entry on, that one included: a second row with its number must not hide."""
        while True:
            rows = AuditEntry.objects.order_by("seq")
            if self.entries:
                rows = rows.filter(seq__gte=self.seq)
            batch = [row for row in rows[: BATCH + 1] if not self._is_last_good(row)]
            if not batch:
                return
            yield batch

    def _is_last_good(self, row: AuditEntry) -> bool:
        return bool(self.entries) and row.seq == self.seq and _bytes(row.hash) == self.tip

    def _has_more(self) -> bool:
        return AuditEntry.objects.filter(seq__gt=self.seq).exists()

    def _check_batch(self, batch: list[AuditEntry]) -> Finding | None:
        copies = _Copies(batch)
        for row in batch:
            if finding := self._check_row(row, copies):
                return finding
            self.entries, self.seq, self.tip = self.entries + 1, row.seq, _bytes(row.hash)
        return None

    def _check_row(self, row: AuditEntry, copies: _Copies) -> Finding | None:
        expected = self.seq + 1
        prev, leaf = _bytes(row.prev), _bytes(row.leaf)
        if chain.link(prev, leaf) != _bytes(row.hash):
            return Finding(Kind.EDIT, row.seq, "the content of the entry does not give its hash")
        content = _parsed(leaf, row.seq)
        if content is None:
            return Finding(Kind.EDIT, row.seq, "the leaf is not one that this product writes")
        if row.seq > expected:
            return Finding(Kind.DELETE, expected, f"the entry is missing; the next one there is {row.seq}")
        if (row.seq, prev) != (expected, self.tip):
            return self._explain(row, prev, written_as=content["seq"])
        return copies.check(row, content)

    def _explain(self, row: AuditEntry, prev: bytes, *, written_as: int) -> Finding:
        """The entry is whole but does not continue the one before; its surroundings tell why."""
        if AuditEntry.objects.filter(prev=prev).count() > 1:
            return Finding(Kind.FORK, row.seq, "another entry claims the same predecessor")
        if row.seq <= self.seq:
            return Finding(Kind.INSERT, row.seq, "the number is not one that the chain gives")
        if written_as != row.seq:
            if AuditEntry.objects.filter(hash=prev).exists():
                return Finding(Kind.REORDER, row.seq, "the entry stood at another place")
            return Finding(Kind.DELETE, row.seq, "an entry was taken out and later ones moved up")
        following = AuditEntry.objects.filter(seq__gt=row.seq).order_by("seq").first()
        if following and bytes(following.prev) == self.tip:
            return Finding(Kind.INSERT, row.seq, "the next entry continues the one before this one")
        if ChainHead.objects.filter(pk=1, seq__lt=row.seq).exists():
            return Finding(Kind.INSERT, row.seq, "the entry stands after the head of the chain")
        return Finding(Kind.EDIT, max(self.seq, 1), "the entry was rewritten: the next one continues another")

    def _check_end(self, head: ChainHead) -> Finding | None:
        if head.seq > self.seq:
            return Finding(Kind.DELETE, self.seq + 1, f"the chain was cut off; its head is at {head.seq}")
        if head.seq < self.seq:
            return Finding(Kind.INSERT, head.seq + 1, f"entries follow after the head at {head.seq}")
        if _bytes(head.hash) != self.tip:
            return Finding(Kind.EDIT, self.seq, "the last entry is not the one that the head was moved to")
        return None


class _Copies:
    """Columns, references and private details of a batch, to be compared with the leaves."""

    def __init__(self, batch: list[AuditEntry]) -> None:
        these = {"entry_id__gte": batch[0].seq, "entry_id__lte": batch[-1].seq}
        self.references: dict[int, list[tuple[str, str]]] = defaultdict(list)
        stored = AuditReference.objects.filter(**these)
        for seq, kind, identity in stored.values_list("entry_id", "ref_type", "ref_id"):
            self.references[seq].append((kind, identity))
        self.details = {row.entry_id: row for row in AuditDetail.objects.filter(**these)}
        self.keys = details.existing_keys(row.subject for row in self.details.values())

    def check(self, row: AuditEntry, content: dict[str, Any]) -> Finding | None:
        for name, value in chain.columns(content).items():
            stored = chain.timestamp(row.at) if name == "at" else getattr(row, name)
            if stored != value:
                return Finding(Kind.COLUMN_MISMATCH, row.seq, f"column {name} differs from the leaf")
        if sorted(self.references[row.seq]) != chain.references(content):
            return Finding(Kind.COLUMN_MISMATCH, row.seq, "the references differ from the leaf")
        return self._check_details(row.seq, content["details"])

    def _check_details(self, seq: int, commitment: str) -> Finding | None:
        """Details that are gone were erased, which is allowed; those that are there must be as recorded."""
        detail = self.details.get(seq)
        if detail is None or detail.subject not in self.keys:
            return None
        try:
            details.unseal(detail, key=self.keys[detail.subject], commitment=commitment)
        except details.DetailsAltered:
            return Finding(Kind.EDIT, seq, "the private details are not the ones that were recorded")
        return None


def _bytes(stored: bytes | memoryview | str) -> bytes:
    """SQLite lets anybody put text where bytes belong; that is to show as an edit, not as a failure."""
    return stored.encode() if isinstance(stored, str) else bytes(stored)


def _parsed(leaf: bytes, seq: int) -> dict[str, Any] | None:
    """What a leaf says, or None if it was not written by `chain.content` and `chain.canonical`.

    Raises CannotVerify for the format of a later release.
    """
    try:
        content: dict[str, Any] = json.loads(leaf)
        version = content["v"]
    except (ValueError, LookupError, TypeError):
        return None
    if version != chain.VERSION:
        raise CannotVerify(f"entry {seq} has format {version!r}; this release reads {chain.VERSION}")
    try:
        complete = chain.columns(content) and chain.references(content) and isinstance(content["details"], str)
        return content if complete and chain.canonical(content) == leaf else None
    except (ValueError, LookupError, TypeError):
        return None


def _stray_reference(last: int) -> Finding | None:
    """A reference to no entry. Read before the entry is looked up: both are committed together."""
    for beyond in ({"entry_id__lt": 1}, {"entry_id__gt": last}):
        stray = AuditReference.objects.filter(**beyond).order_by("entry_id").first()
        if stray and not AuditEntry.objects.filter(pk=stray.entry_id).exists():
            return Finding(Kind.COLUMN_MISMATCH, stray.entry_id, "a reference names an entry that is not there")
    return None


def _state_without_entry() -> Iterator[Finding]:
    """At most one finding per check: the first is enough to start looking."""
    for name, rows in sorted(_state_checks.items()):
        try:
            missing = next((row for batch in _batched(rows()) for row in _unrecorded(batch)), None)
        except DatabaseError:
            raise
        except Exception as problem:
            # Whatever goes wrong in an app's check, the answer must not be "ok", nor "tampered".
            raise CannotVerify(f"the state check {name!r} failed: {problem!r}") from problem
        if missing:
            description, kind, identity, action = missing
            message = f"{description} ({kind}:{identity}) has no entry {action}"
            yield Finding(Kind.STATE_WITHOUT_ENTRY, None, message)


def _unrecorded(batch: list[StateRow]) -> list[StateRow]:
    recorded = set(
        AuditReference.objects.filter(
            ref_id__in={identity for _, _, identity, _ in batch},
            entry__action__in={action for *_, action in batch},
            entry__target_type=F("ref_type"),
            entry__target_id=F("ref_id"),
        ).values_list("ref_type", "ref_id", "entry__action")
    )
    return [row for row in batch if (row[1], row[2], row[3]) not in recorded]


def _batched(rows: Iterable[StateRow]) -> Iterator[list[StateRow]]:
    batch: list[StateRow] = []
    for row in rows:
        batch.append(row)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch
