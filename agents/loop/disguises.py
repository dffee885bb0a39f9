"""Ways in which a text may hide what it says from a search: undone, so that one search finds it however it is written.

What code cannot undo is a paraphrase. So this is the second wall; the first is that a model is shown no secret.
"""

import base64
import binascii
import codecs
import html
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from supportagent.tickets.rendering import strip_hidden

_INTERLEAVED = re.compile(r"\S([ .\-_|/*·\n])(?:\S\1){5,}\S?")  # s.p.a.c.e.d o u t
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[\s:,]?){8,}")
_ESCAPE = re.compile(r"\\+u([0-9a-fA-F]{4})")
_JSON_ESCAPE = re.compile(r"\\(?:u00([2-7][0-9a-fA-F])|.)", re.DOTALL)
_NOT_A_LETTER = re.compile(r"[\W_]+")
# Letters of other alphabets that look like Latin ones, in the order of the letters that they pose as.
_LOOK_LATIN = str.maketrans(
    {
        **dict(zip("аеорсухіјѕһԁԛԝ", "aeopcyxijshdqw", strict=True)),
        **dict(zip("αορνικτυ", "aopviktu", strict=True)),
        **dict(zip("АВЕКМНОРСТХУІЈЅ", "ABEKMHOPCTXYIJS", strict=True)),
        **dict(zip("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX", strict=True)),
    }
)


def readings(text: str) -> tuple[str, ...]:
    """The text as it stands, and as somebody reads it who knows the usual tricks."""
    plain = folded(text)
    found = [text, plain, plain[::-1], codecs.encode(plain, "rot13")]
    if (latin := unmarked(in_latin(text))) != plain:
        found.append(latin)
    if (joined := _INTERLEAVED.sub(lambda match: match.group()[::2], plain)) != plain:
        found.append(joined)
    if "%" in plain:
        found.append(unquote(plain))
    if "\\" in plain:
        found.append(_ESCAPE.sub(lambda match: chr(int(match[1], 16)), plain))
    return (*found, *_decoded(plain))


def folded(text: str) -> str:
    """As a reader sees it: entities resolved, no hidden characters, wide and other compatible forms made plain."""
    return strip_hidden(unicodedata.normalize("NFKC", strip_hidden(html.unescape(text))))


def in_latin(text: str) -> str:
    """`folded`, with letters that only look Latin made Latin, and without the marks of emphasis."""
    return re.sub(r"[*_~`]+", "", folded(text).translate(_LOOK_LATIN))


def unmarked(text: str) -> str:
    """Letters without accents and other marks."""
    return "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))


def without_escapes(json_text: str) -> str:
    """JSON that says the same, its letters and digits written as such, so that a pattern finds what they spell."""

    def plain(match: re.Match[str]) -> str:
        written = chr(int(match[1], 16)) if match[1] else ""
        return written if written.isalnum() or written in tuple("-_. @+") else match[0]

    return _JSON_ESCAPE.sub(plain, json_text)


def bare(text: str) -> str:
    """Letters and digits only, in lower case: what blanks, dots and line breaks cannot cut."""
    return _NOT_A_LETTER.sub("", text).casefold()


def _decoded(text: str) -> Iterator[str]:
    for run in _ENCODED.findall(text):
        standard = run.replace("-", "+").replace("_", "/")
        for start in range(4):  # it may begin anywhere within what was encoded
            part = standard[start : len(standard) - ((len(standard) - start) % 4 == 1)]
            yield base64.b64decode(part + "=" * (-len(part) % 4)).decode("utf-8", "ignore")
    for run in _HEX.findall(text):
        digits = re.sub(r"[^0-9a-fA-F]", "", run)
        yield binascii.unhexlify(digits[: len(digits) // 2 * 2]).decode("utf-8", "ignore")
