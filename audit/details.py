"""Private details of an entry: encrypted with a key per person, so that deleting one key erases them all."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.db import connection
from django.db.models import QuerySet

from audit import chain
from audit.models import AuditDetail, SubjectKey
from supportagent.prepared import prepared

KEY_BYTES, SALT_BYTES, NONCE_BYTES = 32, 32, 12
MOST_SEEN = 50_000
_seen: dict[str, None] = {}  # people whose key was there when this process last looked


class DetailsAltered(ValueError):
    """The stored details are not the ones that the leaf was committed to."""


@dataclass(frozen=True)
class Sealed:
    """What goes into the side table, and the commitment that goes into the leaf."""

    subject: str
    salt: bytes
    ciphertext: bytes
    commitment: str


def seal(key: bytes, *, subject: str, details: bytes) -> Sealed:
    """Encrypt canonical details. The ciphertext is bound to the commitment, hence to its entry."""
    salt, nonce = os.urandom(SALT_BYTES), os.urandom(NONCE_BYTES)
    commitment = chain.commitment(salt, details)
    return Sealed(subject, salt, nonce + AESGCM(key).encrypt(nonce, details, commitment.encode()), commitment)


def unseal(row: AuditDetail, *, key: bytes, commitment: str) -> Any:
    """The details as they were recorded. Raises DetailsAltered."""
    sealed = bytes(row.ciphertext)
    try:
        details = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], commitment.encode())
    except (InvalidTag, ValueError):
        raise DetailsAltered(f"the details of entry {row.entry_id} cannot be decrypted") from None
    if chain.commitment(bytes(row.salt), details) != commitment:
        raise DetailsAltered(f"the details of entry {row.entry_id} do not match their commitment")
    return json.loads(details)


def make_keys(subjects: Collection[str]) -> None:
    """See that each person has a key, before the head of the chain is locked. Known people cost no statement."""
    unknown = [subject for subject in subjects if subject not in _seen]
    if unknown:
        keys_for(unknown)


def keys_for(subjects: Collection[str]) -> dict[str, bytes]:
    """The key of each person, made where there is none yet.

    Race: two transactions make the key of the same new person. The unique subject lets one insert; the other
    waits for its commit and reads the same key. Sorted, so that two of them cannot wait for each other.
    """
    found = existing_keys(subjects)
    if len(_seen) > MOST_SEEN:
        _seen.clear()
    _seen.update(dict.fromkeys(found))  # not those made below, which may yet be rolled back
    missing = sorted(set(subjects) - found.keys())
    if missing:
        made = {subject: os.urandom(KEY_BYTES) for subject in missing}
        found |= made if _insert(made) == len(made) else existing_keys(missing)
    return found


def _insert(keys: Mapping[str, bytes]) -> int:
    """Keep these keys where there is none yet; how many were new."""
    marks = ", ".join(["(%s, %s)"] * len(keys))
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {SubjectKey._meta.db_table} (subject, key) VALUES {marks} "  # noqa: S608
            "ON CONFLICT (subject) DO NOTHING",
            [value for pair in keys.items() for value in pair],
        )
        return int(cursor.rowcount)


def existing_keys(subjects: Iterable[str]) -> dict[str, bytes]:
    """The keys that still exist; a person who was erased has none."""
    return {subject: bytes(key) for subject, key in _keys(tuple(sorted(set(subjects))))}


@prepared
def _keys(subjects: tuple[str, ...]) -> QuerySet[SubjectKey, tuple[str, bytes | memoryview]]:
    return SubjectKey.objects.filter(subject__in=subjects).values_list("subject", "key")
