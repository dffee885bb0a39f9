"""The arithmetic of the chain: pure functions from values to bytes and hashes. The leaf format never changes.

    leaf = canonical JSON of one entry, version, seq and time included
    hash = SHA-256(LINK || prev || SHA-256(0x00 || leaf))        prev of the first entry: 32 zero bytes

The inner hash is the leaf hash of RFC 6962, so that a Merkle tree can later be built over the same leaves.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

VERSION = 1
GENESIS = bytes(32)
LINK = b"supportagent audit link 1\x00"
DETAIL = b"supportagent audit detail 1\x00"


class NotCanonical(ValueError):
    """A value that has no single canonical form: a float, a key that is no text, an unknown type."""


def normalised(value: Any) -> Any:
    """A deep copy with all text in NFC and all containers plain. Raises NotCanonical."""
    if isinstance(value, str):
        return unicodedata.normalize("NFC", str(value))
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, Mapping):
        return _normalised_mapping(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray | memoryview):
        return [normalised(item) for item in value]
    raise NotCanonical(f"{type(value).__name__} has no canonical form; pass text, integers, lists or mappings")


def canonical(value: Any) -> bytes:
    """The one JSON form of a value: keys sorted by code point, NFC, no white space, no floats, UTF-8.

    Raises NotCanonical.
    """
    try:
        text = json.dumps(normalised(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return text.encode()
    except UnicodeEncodeError:
        raise NotCanonical("text holds a surrogate that is half a character") from None


@dataclass(frozen=True)
class Fact:
    """One thing to be recorded, before it has a place in the chain. Everything here ends in the leaf."""

    action: str
    actor: tuple[str, str]
    target: tuple[str, str]
    on_behalf_of: str = ""
    ticket: str = ""
    run: str = ""
    request: str = ""
    outcome: str = ""
    cost_micros: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    refs: tuple[tuple[str, str], ...] = ()


def content(fact: Fact, *, seq: int, at: datetime, details: str = "") -> dict[str, Any]:
    """What a leaf says; its canonical form is the leaf. `details` is the commitment to private ones."""
    return {
        "v": VERSION,
        "seq": seq,
        "at": timestamp(at),
        "action": fact.action,
        "actor": fact.actor,
        "target": fact.target,
        "on_behalf_of": fact.on_behalf_of,
        "ticket": fact.ticket,
        "run": fact.run,
        "request": fact.request,
        "outcome": fact.outcome,
        "cost_micros": fact.cost_micros,
        "data": fact.data,
        "refs": sorted(set(fact.refs)),
        "details": details,
    }


def timestamp(at: datetime) -> str:
    """UTC with microseconds: `2026-01-31T09:30:00.000000Z`."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def columns(content: Mapping[str, Any]) -> dict[str, Any]:
    """What the query columns of an entry must hold, given its parsed leaf."""
    return {
        "seq": content["seq"],
        "at": content["at"],
        "action": content["action"],
        "actor_type": content["actor"][0],
        "actor_id": content["actor"][1],
        "target_type": content["target"][0],
        "target_id": content["target"][1],
        "ticket": content["ticket"],
        "run": content["run"],
        "outcome": content["outcome"],
    }


def references(content: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Everything an entry can be found by: its target, the customer it was done for, what else it names."""
    found = {(kind, identity) for kind, identity in [content["target"], *content["refs"]]}
    if content["on_behalf_of"]:
        found.add(("customer", content["on_behalf_of"]))
    return sorted(found)


def leaf_hash(leaf_bytes: bytes) -> bytes:
    """RFC 6962: the prefix 0x00 keeps a leaf from being passed off as an inner node."""
    return hashlib.sha256(b"\x00" + leaf_bytes).digest()


def link(prev: bytes, leaf_bytes: bytes) -> bytes:
    """The hash of an entry, which binds it to the one before."""
    return hashlib.sha256(LINK + prev + leaf_hash(leaf_bytes)).digest()


def commitment(salt: bytes, details: bytes) -> str:
    """Binds a leaf to private details without telling them: without the salt nobody can test a guess."""
    return hashlib.sha256(DETAIL + salt + details).hexdigest()


def _normalised_mapping(value: Mapping[Any, Any]) -> dict[str, Any]:
    result = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise NotCanonical(f"a key is {type(key).__name__}, not text")
        result[unicodedata.normalize("NFC", str(key))] = normalised(item)
    if len(result) != len(value):
        raise NotCanonical("two keys are the same after normalisation")
    return result
