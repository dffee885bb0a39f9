"""What a person changed in a text before it went out, word by word."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

LONGEST = 6_000  # characters; beyond it both texts are shown whole


@dataclass(frozen=True)
class Piece:
    """A stretch of text: `kind` is "same", "del" or "ins"."""

    kind: str
    text: str


def pieces(before: str, after: str) -> Iterator[Piece]:
    """Both texts in one: what stayed, what went, what came."""
    if max(len(before), len(after)) > LONGEST:
        yield from (Piece("del", before), Piece("ins", after))
        return
    old, new = re.findall(r"\s*\S+|\s+$", before), re.findall(r"\s*\S+|\s+$", after)
    for kind, a, b, c, d in SequenceMatcher(None, old, new).get_opcodes():
        if kind == "equal":
            yield Piece("same", "".join(old[a:b]))
            continue
        if a < b:
            yield Piece("del", "".join(old[a:b]))
        if c < d:
            yield Piece("ins", "".join(new[c:d]))
