"""The log as JSON lines that anybody can check with SHA-256 alone. See `audit.chain` for the arithmetic."""

from __future__ import annotations

import json
from collections.abc import Iterator

from django.db.models import QuerySet

from audit import details
from audit.models import AuditDetail, AuditEntry

BATCH = 500


def entries(
    *, ticket: str = "", run: str = "", target: tuple[str, str] | None = None, since_seq: int = 0
) -> QuerySet[AuditEntry]:
    """The entries that pass every given filter, oldest first. `target` finds whatever names it."""
    found = AuditEntry.objects.filter(seq__gte=since_seq).order_by("seq")
    if ticket:
        found = found.filter(ticket=ticket)
    if run:
        found = found.filter(run=run)
    return found.about(*target) if target else found


def lines(found: QuerySet[AuditEntry], *, with_details: bool = False) -> Iterator[str]:
    """One JSON object per entry: number, both hashes, and the leaf as the exact text that was hashed.

    With details, `private` holds them decrypted, or null where there are none any more. Reads in batches.
    """
    last = 0
    while batch := list(found.filter(seq__gt=last)[:BATCH]):
        last = batch[-1].seq
        private = _decrypted(batch) if with_details else {}
        for entry in batch:
            line = {
                "seq": entry.seq,
                "prev": bytes(entry.prev).hex(),
                "hash": bytes(entry.hash).hex(),
                "leaf": bytes(entry.leaf).decode(),
            }
            if with_details:
                line["private"] = private.get(entry.seq)
            yield json.dumps(line, ensure_ascii=False)


def _decrypted(batch: list[AuditEntry]) -> dict[int, object]:
    rows = {row.entry_id: row for row in AuditDetail.objects.filter(entry_id__in=[entry.seq for entry in batch])}
    keys = details.existing_keys(row.subject for row in rows.values())
    return {
        entry.seq: details.unseal(row, key=keys[row.subject], commitment=json.loads(bytes(entry.leaf))["details"])
        for entry in batch
        if (row := rows.get(entry.seq)) and row.subject in keys
    }
