"""Personal data out of texts: each value of the records becomes a placeholder, always the same; what is left over and
looks personal is cut and marked.

Values are compared as a reader would: without case, accents, spaces, punctuation and hidden characters, so that
`A N A @ example . com` is found where the records say `ana@example.com`. In doubt something is cut: a scenario that
says less is mended by whoever reads it, a name that got out is not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any

from supportagent.rehearsal import looks
from supportagent.tickets.text import HIDDEN

CUT = "[cut]"
FREE_TEXT = 60  # characters: what is longer in a result is an article or a description, not a value
SHORT = 8  # letters and digits; what is shorter counts only where it stands as a word of its own


class Kind(StrEnum):
    """What a value is, and so what stands for it."""

    NAME = "name"
    EMAIL = "email"
    PHONE = "phone"
    LINE1 = "line1"
    LINE2 = "line2"
    CITY = "city"
    POSTCODE = "postcode"
    VAT_ID = "vat_id"
    ORDER = "order"
    REFERENCE = "reference"
    OTHER = "other"


_BY_KEY = {
    **dict.fromkeys(("name", "full_name", "first_name", "last_name", "billing_name", "recipient"), Kind.NAME),
    **dict.fromkeys(("email", "contact", "mail"), Kind.EMAIL),
    **dict.fromkeys(("phone", "tel", "mobile"), Kind.PHONE),
    **dict.fromkeys(("line1", "street", "address_line1", "billing_line1"), Kind.LINE1),
    **dict.fromkeys(("line2", "address_line2", "billing_line2"), Kind.LINE2),
    **dict.fromkeys(("city", "town", "address_city", "billing_city"), Kind.CITY),
    **dict.fromkeys(("postcode", "zip", "postal_code", "address_postcode", "billing_postcode"), Kind.POSTCODE),
    "vat_id": Kind.VAT_ID,
    "order_id": Kind.ORDER,
    "reference": Kind.REFERENCE,
    "customer": Kind.REFERENCE,
}
# What is nobody's own: words of the shop, of lists to choose from, and texts that code or the shop wrote.
_LISTED = """
    status state code reason_code currency sku category carrier country changed withheld severity service component
    priority language sentiment team to topic slug title excerpt text body description material dimensions error message
    hint availability impact kind type question reason stated_reason summary next_step note brief
"""
_HARMLESS = frozenset(_LISTED.split())
_TELLS_WORDS = ("sku", "category", "carrier", "topic", "title", "material")  # of these, in what a server answered
_OF_THE_SHOP = ("items", "lines", "products", "articles", "results")  # lists whose names are of things, not of people
# What stands for the customer's own details; the stage fills them in.
_OWN = {
    Kind.NAME: "{NAME}",
    Kind.EMAIL: "{EMAIL}",
    Kind.PHONE: "{PHONE}",
    Kind.LINE1: "{STREET}",
    Kind.CITY: "{CITY}",
    Kind.POSTCODE: "{POSTCODE}",
    Kind.REFERENCE: "{REFERENCE}",
}
# And for somebody else's, or for new ones that the customer gave: like real ones, so that a tool accepts them.
_INVENTED = {
    Kind.NAME: "Alex Sample {n}",
    Kind.EMAIL: "new.{n}@example.org",
    Kind.PHONE: "+351 910 000 1{n:02}",
    Kind.LINE1: "Example Street {n}",
    Kind.LINE2: "Floor {n}",
    Kind.CITY: "Exampleton",
    Kind.POSTCODE: "1000-{n:03}",
    Kind.VAT_ID: "PT50000000{n}",
}
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


class Pseudonyms:
    """What stands for what, in one scenario. First `learn` every record, then `clean` every text."""

    def __init__(self) -> None:
        self.orders: dict[str, str] = {}  # number -> name in the scenario
        self.cuts = 0
        self._values: dict[str, str] = {}  # skeleton -> what stands for it
        self._invented: dict[Kind, int] = {}
        self._vocabulary: set[str] = set()

    def learn(self, kind: Kind, value: str, *, own: bool = False) -> None:
        """From now on this value is replaced. `own`: it is the customer's, and not new."""
        bones = skeleton(value)
        if len(bones) < 2 or bones in self._values:
            return
        stands = self._stand_in(kind, value, own)
        self._values[bones] = stands
        for part, instead in _parts(kind, value, stands):
            if len(key := skeleton(part)) >= 2:
                self._values.setdefault(key, instead)

    def learn_all(self, data: Any, *, own: bool = False, key: str = "", within: str = "") -> None:
        """Every value of a tool's arguments or result (`own`: of records that were read). A key that nobody knows holds
        something to be cut.
        """
        if isinstance(data, Mapping):
            for name, value in data.items():
                self.learn_all(value, own=own, key=str(name), within=key or within)
        elif isinstance(data, list):
            for value in data:
                self.learn_all(value, own=own, key=key, within=within)
        elif isinstance(data, str) and data:
            thing = key == "name" and within in _OF_THE_SHOP
            if own and (thing or key in _TELLS_WORDS):
                self.know(data)
            if thing or key in _HARMLESS:
                return
            if len(data) <= FREE_TEXT:
                self.learn(_BY_KEY.get(key, Kind.OTHER), data, own=own)
        elif isinstance(data, int) and abs(data) >= 1_000_000:
            self.learn(Kind.OTHER, str(data))

    def know(self, text: str) -> None:
        """Words that are nobody's own although they are written with a capital."""
        self._vocabulary.update(word.casefold() for word in re.findall(r"[^\W\d_]+", text))

    def clean(self, text: str, *, language: str = "en") -> str:
        """The text with placeholders for what is known, and `[cut]` for what looks personal and is not."""
        text = HIDDEN.sub("", unicodedata.normalize("NFKC", text))
        mask: list[tuple[int, str] | None] = [None] * len(text)
        for number, (start, end, instead) in enumerate(self._found(text, language)):
            free = [place for place in range(start, end) if mask[place] is None]
            whole = len(free) == end - start
            for place in free:
                mask[place] = (number, instead if whole else CUT)
        return self._rebuilt(text, mask)

    def clean_data(self, data: Any, *, key: str = "", language: str = "en") -> Any:
        """Arguments of a tool with every text in them cleaned; sums and choices stay."""
        if isinstance(data, Mapping):
            return {self.clean(str(k)): self.clean_data(v, key=str(k), language=language) for k, v in data.items()}
        if isinstance(data, list):
            return [self.clean_data(value, key=key, language=language) for value in data]
        if isinstance(data, int | float) and not isinstance(data, bool) and abs(data) >= 1_000_000:
            self.cuts += 1
            return CUT
        if not isinstance(data, str):
            return data
        return data if key in _HARMLESS and re.fullmatch(r"[a-z_]{1,40}", data) else self.clean(data, language=language)

    def _stand_in(self, kind: Kind, value: str, own: bool) -> str:
        if kind == Kind.ORDER:
            number = len(self.orders) + 1
            self.orders[value] = "ORDER" if number == 1 else f"ORDER{number}"
            return f"{{{self.orders[value]}}}"
        if own and kind in _OWN:
            return _OWN[kind]
        if kind not in _INVENTED:
            return CUT
        self._invented[kind] = number = self._invented.get(kind, 0) + 1
        return _INVENTED[kind].format(n=number)

    def _found(self, text: str, language: str) -> Iterator[tuple[int, int, str]]:
        """Where something has to go: what is known first and the longest of it first, then what looks personal."""
        bones, places = _bones(text)
        for value in sorted(self._values, key=len, reverse=True):
            at = bones.find(value)
            while at >= 0:
                start, end = places[at], places[at + len(value) - 1] + 1
                while end < len(text) and unicodedata.combining(text[end]):
                    end += 1
                if (len(value) >= SHORT and not value.isdigit()) or _is_word(text, start, end):
                    yield start, end, self._values[value]
                at = bones.find(value, at + 1)
        yield from looks.personal(text, language=language, known=self._vocabulary)

    def _rebuilt(self, text: str, mask: list[tuple[int, str] | None]) -> str:
        parts: list[str] = []
        last: tuple[int, str] | None = None
        for character, here in zip(text, mask, strict=True):
            if here is None:
                parts.append(character)
            elif here != last:
                parts.append(here[1])
                self.cuts += here[1].startswith("[")
            last = here
        return "".join(parts)


def skeleton(text: str) -> str:
    """Letters and digits alone, without case and accents."""
    return _bones(text)[0]


def _bones(text: str) -> tuple[str, list[int]]:
    """The skeleton of a text, and for each character of it where it stands in the text."""
    bones, places = [], []
    for place, character in enumerate(text):
        for plain in unicodedata.normalize("NFKD", character).casefold():
            if plain.isalnum():
                bones.append(plain)
                places.append(place)
    return "".join(bones), places


def _is_word(text: str, start: int, end: int) -> bool:
    return not (start and text[start - 1].isalnum()) and not (end < len(text) and text[end].isalnum())


def _parts(kind: Kind, value: str, stands: str) -> Iterator[tuple[str, str]]:
    """What of a value tells who it is when it stands alone: a first name, a street without its number."""
    digits = re.sub(r"\D", "", value)
    if kind == Kind.NAME:
        yield from ((word, stands) for word in re.split(r"[\W\d_]+", value))
    elif kind == Kind.EMAIL:
        local, _, host = value.partition("@")
        yield from ((part, CUT) for part in (local, host) if len(skeleton(part)) >= 4)
    elif kind == Kind.PHONE and len(digits) >= 9:
        yield from ((part, stands) for part in (digits[-9:], digits[-8:]))
    elif kind in (Kind.LINE1, Kind.LINE2):
        street = re.sub(r"\d+\w?", "", value)
        yield from ((part, CUT) for part in (street,) if len(skeleton(part)) >= 6)
    elif kind == Kind.ORDER and len(digits) >= 4:
        yield digits, stands
    elif kind in (Kind.REFERENCE, Kind.OTHER) and not _DATE.match(value):
        yield from ((run, CUT) for run in re.findall(r"\d{4,}", value))
