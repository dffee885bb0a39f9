"""What may not be said: credentials, card numbers, and what only staff may read."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from django.conf import settings

from agents.loop import disguises

CARD_MARK = "[card number removed]"
SECRET_MARK = "[secret removed]"  # noqa: S105 - a mark in a text
QUOTE_WORDS = 12  # in a row, of a text for staff: nobody writes the same by chance
MIN_SECRET = 12  # characters of a configured key; a shorter one would be found in ordinary words

_CARD = re.compile(r"(?<![\w.-])\d(?:[ -]?\d){12,18}(?![\w-])")
_CREDENTIAL = re.compile(
    r"sk-[A-Za-z0-9_-]{20,}|AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{30,}|-----BEGIN [A-Z ]*PRIVATE KEY-----"
    r"|eyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{15,}"
)
_WORD = re.compile(r"[^\W_]+(?:[-./:][^\W_]+)*")
_DATE_OR_NUMBER = re.compile(r"[\d.,:/-]+")


def masked(text: str) -> str:
    """The text with card numbers, credentials and this installation's own keys replaced by a mark."""
    text = _CARD.sub(lambda match: CARD_MARK if _luhn(match.group()) else match.group(), text)
    text = _CREDENTIAL.sub(SECRET_MARK, text)
    for key in _own_keys():
        text = text.replace(key, SECRET_MARK)
    return text


def removed(text: str) -> str:
    """The text as it may be kept: masked, and nothing but the mark where a secret stands in it in disguise."""
    text = masked(text)
    return SECRET_MARK if holds_secret(text) else text


def holds_secret(text: str) -> bool:
    """Whether a card number or a credential stands in the text, in any disguise that code can undo."""
    found = disguises.readings(text)
    if any(masked(reading) != reading for reading in found):
        return True
    written = "\n".join(disguises.bare(reading) for reading in found)
    return any(disguises.bare(key) in written for key in _own_keys())


def was_masked(text: str) -> bool:
    """Whether something was taken out of the text before it was kept."""
    return SECRET_MARK in text or CARD_MARK in text


def quotes(text: str, sources: Iterable[str]) -> set[str]:
    """The codes and long quotations, as `bare` text, that the text takes from these sources."""
    written = "\n".join(disguises.bare(reading) for reading in disguises.readings(text))
    return {piece for source in sources for piece in _pieces(source) if piece in written}


@lru_cache(maxsize=256)
def _pieces(source: str) -> frozenset[str]:
    """What identifies a source: each code in it (letters with digits, or many digits), and each long run of words."""
    words = _WORD.findall(disguises.folded(source))
    codes = {disguises.bare(word) for word in words if _is_code(word)}
    return frozenset(codes | set(_runs([disguises.bare(word) for word in words])))


def _is_code(word: str) -> bool:
    bare = disguises.bare(word)
    digits = sum(character.isdigit() for character in bare)
    if _DATE_OR_NUMBER.fullmatch(word):
        return word.isdigit() and len(word) >= 6
    return len(bare) >= 6 and digits >= 2


def _runs(words: list[str]) -> Iterator[str]:
    return ("".join(words[n : n + QUOTE_WORDS]) for n in range(len(words) - QUOTE_WORDS + 1))


def _own_keys() -> list[str]:
    keys = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS, settings.GRANT_KEY]
    keys += [settings.OPENAI_API_KEY, settings.METRICS_TOKEN]
    return [key for key in keys if len(key) >= MIN_SECRET]


def _luhn(candidate: str) -> bool:
    digits = [int(char) for char in candidate if char.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
