"""How stored text becomes what a reader sees: a small safe subset for everybody, the bare truth for staff.

Markdown is parsed with raw HTML off, pictures off and links cut to the hosts of `settings.LINK_HOSTS`; nh3 then
enforces the same on the result, so that a mistake in one is caught by the other. No rendered message ever makes a
reader's browser ask another server for anything.
"""

import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from urllib.parse import urlsplit

import nh3
from django.conf import settings
from django.utils.html import linebreaks
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.token import Token

from supportagent.tickets.text import HIDDEN

NESTING = 12  # levels of quotes and lists; every one costs two
TAGS = {"a", "blockquote", "br", "code", "em", "li", "ol", "p", "pre", "strong", "ul"}
_PRESENTATION_OF_AN_EMOJI = "\ufe0f"


def render_message(body: str) -> SafeString:
    """A message as HTML: paragraphs, emphasis, lists, quotes, code, and links whose address is written out.

    Hidden characters (bidi overrides, zero width, tags) are gone. A link to a host outside `settings.LINK_HOSTS`
    becomes its text and its address, neither of them clickable.
    """
    markdown = _markdown()
    environment: dict[str, object] = {}
    text = strip_hidden(body)
    tokens = markdown.parse(text, environment)
    if any(token.level >= NESTING - 1 for token in tokens):
        # The parser drops what is nested deeper: show it all, plainly.
        return mark_safe(linebreaks(text, autoescape=True))  # noqa: S308 - escaped
    for token in tokens:
        if token.children:
            token.children = list(_with_plain_links(token.children))
    html = markdown.renderer.render(tokens, markdown.options, environment)
    clean = nh3.clean(
        html,
        tags=TAGS,
        attributes={"a": {"href"}},
        url_schemes={"https"},
        link_rel="noopener noreferrer nofollow",
    )
    return mark_safe(clean)  # noqa: S308 - nh3 just cleaned it


def strip_hidden(text: str) -> str:
    """The text without characters that have no shape of their own. An emoji keeps its colour."""
    return HIDDEN.sub(lambda match: match.group() if _colours_an_emoji(match.start(), text) else "", text)


def escape_hidden(text: str) -> str:
    """The text for staff: hidden characters and letters that pose as others are shown as `[U+202E]`.

    Returns plain text, to be escaped by the template like any other. Nothing is left out, so what a model read
    and what a supervisor reads are the same.
    """
    shown = HIDDEN.sub(
        lambda match: match.group() if _colours_an_emoji(match.start(), text) else _name(match.group()), text
    )
    return "".join(_without_lookalikes(shown))


def _colours_an_emoji(position: int, text: str) -> bool:
    before = text[position - 1 : position]
    return text[position] == _PRESENTATION_OF_AN_EMOJI and before != "" and unicodedata.category(before) == "So"


def _name(character: str) -> str:
    return f"[U+{ord(character):04X}]"


def _without_lookalikes(text: str) -> Iterator[str]:
    """In a word that mixes Latin with Cyrillic, Greek or another look-alike script, name the foreign letters."""
    for word in _words(text):
        scripts = {_script(letter) for letter in word}
        if "LATIN" in scripts and len(scripts - {"", "LATIN"}) > 0:
            yield "".join(letter if _script(letter) in ("", "LATIN") else _name(letter) for letter in word)
        else:
            yield word


def _words(text: str) -> Iterator[str]:
    start = 0
    for index, character in enumerate(text):
        if not character.isalpha():
            yield text[start:index]
            yield character
            start = index + 1
    yield text[start:]


LOOKALIKE_SCRIPTS = ("CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "FULLWIDTH", "MATHEMATICAL")


@cache
def _script(character: str) -> str:
    """LATIN, one of the scripts with letters that look Latin, or "" for everything else."""
    name = unicodedata.name(character, "")
    return next((script for script in ("LATIN", *LOOKALIKE_SCRIPTS) if name.startswith(script)), "")


def _with_plain_links(tokens: Iterable[Token]) -> Iterator[Token]:
    """Replace links by what may be shown of them, and write every address out after its text."""
    address, text, allowed = "", "", False
    for token in tokens:
        if token.type == "link_open":
            address, text = str(token.attrGet("href") or ""), ""
            allowed = _is_allowed(address)
            if allowed:
                yield token
        elif token.type == "link_close":
            if allowed:
                yield token
            if address and text.strip() != address:
                yield Token("text", "", 0, content=f" ({address})")
            address, allowed = "", False
        else:
            text += token.content
            yield token


def _is_allowed(address: str) -> bool:
    """https, no user name or port, and a host that stands in `settings.LINK_HOSTS` letter by letter."""
    try:
        parts = urlsplit(address)
        return parts.scheme == "https" and parts.netloc in settings.LINK_HOSTS
    except ValueError:
        return False


@cache
def _markdown() -> MarkdownIt:
    """One parser per process (it keeps no state between texts). Rules that are off stay as typed."""
    return MarkdownIt("commonmark", {"html": False, "breaks": True, "linkify": False, "maxNesting": NESTING}).disable(
        ["image", "reference", "heading", "lheading", "hr", "html_block", "html_inline"]
    )
