"""Ways in which a text may hide what it says from a search: undone, so that one search finds it however it is written.

What code cannot undo is a paraphrase. So this is the second wall; the first is that a model is shown no secret.
"""

import base64
import binascii
import codecs
import re
import unicodedata
from collections.abc import Iterator
from urllib.parse import unquote

from supportagent.tickets.rendering import strip_hidden

_INTERLEAVED = re.compile(r"\S([ .\-_|/*·\n])(?:\S\1){5,}\S?")  # s.p.a.c.e.d o u t
_ENCODED = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}[\s:,]?){8,}")
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
    if (joined := _INTERLEAVED.sub(lambda match: match.group()[::2], plain)) != plain:
        found.append(joined)
    if "%" in plain:
        found.append(unquote(plain))
    return (*found, *_decoded(plain))


def folded(text: str) -> str:
    """Without hidden characters, wide and other compatible forms made plain."""
    return strip_hidden(unicodedata.normalize("NFKC", strip_hidden(text)))


def in_latin(text: str) -> str:
    """`folded`, with letters that only look Latin made Latin, and without the marks of emphasis."""
    return re.sub(r"[*_~`]+", "", folded(text).translate(_LOOK_LATIN))


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
