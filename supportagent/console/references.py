"""Links from a page to records of the layers above it, which it does not know: they register who finds them.

A domain keeps the id of a tool call, for example, and shows the ticket that it was for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reference:
    """A record as a page names it."""

    label: str
    url: str


Find = Callable[[Any, Collection[str]], Mapping[str, Reference]]
_finders: dict[str, Find] = {}


def register(kind: str, find: Find) -> None:
    """Let `find(user, ids)` say which records of a kind that person may see, by id; one set of statements for all."""
    _finders[kind] = find


def references(kind: str, user: Any, ids: Collection[str]) -> Mapping[str, Reference]:
    """Those of the records that `user` may see, by id; nothing for a kind that nobody registered."""
    find = _finders.get(kind)
    return find(user, ids) if find is not None and ids else {}
