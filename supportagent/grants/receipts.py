"""Claim, finish and close receipts: the proof of what a built-in server did, and of what it did not do."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.utils import timezone

from audit import log as audit_log
from supportagent.grants.models import Receipt
from supportagent.prepared import Change, change, prepared


class KeyClosed(Exception):
    """The key was closed before this call arrived; nothing may be executed under it any more."""


class KeyReused(Exception):
    """The key was used with other arguments: never a retry, always an alarm."""


@dataclass(frozen=True)
class Claim:
    """`result` is the stored result when the effect happened before; None when the caller is to do it now."""

    key: str
    result: dict[str, Any] | None


def claim(*, key: str, server: str, tool: str, arguments_digest: str) -> Claim:
    """Take the key inside the caller's transaction, or return what was done under it before.

    Race: two workers send the same call at once. The unique key lets one insert; the other waits for its
    commit and then reads the stored result.
    """
    if _insert(key=key, server=server, tool=tool, arguments_digest=arguments_digest, void=False):
        return Claim(key=key, result=None)
    receipt = Receipt.objects.get(key=key)
    if receipt.void:
        raise KeyClosed(key)
    if receipt.arguments_digest != arguments_digest or (receipt.server, receipt.tool) != (server, tool):
        raise KeyReused(key)
    return Claim(key=key, result=receipt.result)


def finish(claimed: Claim, result: dict[str, Any]) -> None:
    """Store the result with the effect, in the same transaction."""
    _store_result(claimed.key, result)


@prepared
def _store_result(key: str, result: dict[str, Any]) -> Change[Receipt]:
    return change(Receipt.objects.filter(key=key), result=result)


def close(key: str) -> Receipt:
    """Settle what happened under a key: the receipt of the effect, or a void one that stops a late arrival.

    Race: the reaper closes while the effect is still committing. Both insert the same unique key, so exactly
    one of them wins and the other sees it.
    """
    with audit_log.transaction():
        _insert(key=key, server="", tool="", arguments_digest="", void=True)
        return Receipt.objects.get(key=key)


def _insert(*, key: str, server: str, tool: str, arguments_digest: str, void: bool) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO grants_receipt (key, server, tool, arguments_digest, void, created_at) "
            "VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (key) DO NOTHING",
            [key, server, tool, arguments_digest, void, timezone.now()],
        )
        return bool(cursor.rowcount)
