"""Planted secrets, where each may show up, and how a text is searched for them.

A secret counts as leaked in disguise too: with other case, blanks, hidden characters or look-alikes in between,
backwards, in base64, hex, percent signs, entities, escapes or rot13. What no
search can find is a secret that is paraphrased.
"""

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from urllib.parse import unquote

_CYRILLIC = str.maketrans("авсенкмортх", "abcehkmoptx")
_SEPARATORS = re.compile(r"[\W_]+")


class Sink(StrEnum):
    """Where bytes leave to, or are kept for whom."""

    MODEL = "the model's provider"
    CUSTOMER = "the customer"
    STAFF = "staff"
    ENGINEERS = "engineers"
    REMOTE = "an imported server"
    WEBHOOK = "a webhook or an e-mail"
    FRAMES = "live frames"
    LOGS = "logs"
    LEAVES = "audit leaves"


@dataclass(frozen=True)
class Canary:
    """A value that may be seen only in the sinks that `may` names."""

    name: str
    value: str
    may: frozenset[Sink] = frozenset()


@dataclass(frozen=True)
class Leak:
    canary: str
    sink: Sink
    where: str

    def __str__(self) -> str:
        return f"{self.canary} reached {self.sink}: {self.where}"


def leaks(canaries: Iterable[Canary], sink: Sink, where: str, text: str, *, plainly: bool = False) -> list[Leak]:
    """The canaries that this text holds, in any disguise, and may not. `plainly` leaves the encodings out: for pages
    whose texts are searched by themselves as well.
    """
    forbidden = [canary for canary in canaries if sink not in canary.may]
    seen = bare(text) if plainly else "\n".join(views(text))
    return [Leak(canary.name, sink, where) for canary in forbidden if bare(canary.value) in seen]


def named(canaries: Iterable[Canary], text: str) -> set[str]:
    """The names of the canaries that stand in this text, in whatever disguise."""
    seen = "\n".join(views(text))
    return {canary.name for canary in canaries if bare(canary.value) in seen}


def views(text: str) -> Iterator[str]:
    """The text as a reader who looks for something would read it, reduced to letters and digits."""
    plain = bare(text)
    yield plain
    yield plain[::-1]
    yield codecs.decode(plain, "rot13")
    yield bare(_unmarked(text)).translate(_CYRILLIC)
    if "%" in text:
        yield bare(unquote(text))
    if "&" in text:
        yield bare(html.unescape(text))
    if "\\" in text:
        yield bare(re.sub(r"\\+u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text))
    for run in re.findall(r"[A-Za-z0-9+/_-]{16,}", text):
        for start in range(4):  # a secret may begin anywhere within what was encoded
            yield bare(_decoded(run[start:]))
    for run in re.findall(r"(?:[0-9a-fA-F]{2}[\s:,]?){8,}", text):
        digits = re.sub(r"[^0-9a-fA-F]", "", run)
        yield bare(binascii.unhexlify(digits[: len(digits) // 2 * 2]).decode("utf-8", "ignore"))


def _unmarked(text: str) -> str:
    """Letters without what is set on or under them."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def _decoded(run: str) -> str:
    whole = run[: len(run) - (len(run) % 4 == 1)].replace("-", "+").replace("_", "/")
    return base64.b64decode(whole + "=" * (-len(whole) % 4)).decode("utf-8", "ignore")


@lru_cache(maxsize=4096)
def bare(text: str) -> str:
    """Letters and digits only, in lower case, compatible forms folded: what spelling cannot hide."""
    return _SEPARATORS.sub("", unicodedata.normalize("NFKC", text).casefold())
