"""What a written text may be: the rules at the door, before anything is stored or shown.

Storage keeps what was written, hidden characters included, because staff must be able to see an attack;
`rendering` decides what each reader is shown.
"""

import re
import unicodedata

from supportagent.tickets.errors import InvalidMessage, MessageTooLong

MESSAGE_LIMIT = 8_000  # characters
SUBJECT_LIMIT = 200  # characters
LANGUAGE = re.compile(r"([A-Za-z]{2,3})(?:-([A-Za-z]{2}|[A-Za-z]{4}|[0-9]{3}))?\Z")
CLIENT_ID = re.compile(r"[A-Za-z0-9._:-]{1,64}\Z")

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Characters without a shape of their own: format controls (zero width, bidi, tags), fillers that look like
# nothing, variation selectors (which can smuggle bytes), and control characters other than tab and newline.
HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U000110bd\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)


def storable(text: str) -> str:
    """Text without what a database cannot hold: PostgreSQL stores no NUL, and UTF-8 no half characters."""
    return _UNSTORABLE.sub("", text)


def clean_body(text: str, *, limit: int = MESSAGE_LIMIT) -> str:
    """Return the text as it is stored: NFC, `\\n` line ends, without NUL and lone surrogates, trimmed.

    Raises MessageTooLong above `limit` characters, InvalidMessage when nothing visible is left.
    """
    if len(text) > limit:  # Before the work below, which costs in proportion to the length.
        raise MessageTooLong(len(text), limit)
    text = storable(text).replace("\r\n", "\n").replace("\r", "\n")
    text = unicodedata.normalize("NFC", text).strip()
    if len(text) > limit:  # NFC makes a few characters of some scripts longer.
        raise MessageTooLong(len(text), limit)
    if not HIDDEN.sub("", text).strip():
        raise InvalidMessage("The message is empty.")
    return text


def clean_line(text: str, *, limit: int = SUBJECT_LIMIT) -> str:
    """One line for a heading: hidden characters gone, white space collapsed, cut to `limit` characters."""
    line = " ".join(HIDDEN.sub("", storable(text)).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def clean_client_id(value: str) -> str:
    """A client's own id for a message; "" means that it sent none. Raises InvalidMessage for anything odd."""
    if value and not CLIENT_ID.match(value):
        raise InvalidMessage("The client message id must be 1 to 64 letters, digits or . _ : - characters.")
    return value


def clean_language(value: str) -> str:
    """A short code of BCP 47 in its usual spelling: `en`, `pt-BR`, `zh-Hant`, `es-419`. Raises InvalidMessage."""
    found = LANGUAGE.match(value)
    if found is None:
        raise InvalidMessage("The language must be a short code as in en, de or pt-BR.")
    language, further = found[1].lower(), found[2] or ""
    further = further.title() if len(further) == 4 else further.upper()
    return f"{language}-{further}" if further else language
