"""What looks personal in a text although no record holds it: addresses, numbers, names that somebody gave."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

_I = re.IGNORECASE
# Every pattern begins at the beginning of a word, so that a hostile text takes time in proportion to its length.
_SHAPES = (
    (
        re.compile(r"(?<![\w.+%-])[\w.+%-]+ ?(?:@|\(at\)|\[at\]) ?[\w-]+(?: ?(?:\.|\(dot\)|\[dot\]) ?[\w-]+)+", _I),
        "[e-mail]",
    ),
    (re.compile(r"(?<![\w.+%-])[\w.+%-]+ at [\w-]+ dot [\w-]+", _I), "[e-mail]"),
    (re.compile(r"(?:https?://|www\.)\S+", _I), "[link]"),
    (re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,}(?: ?[A-Z0-9]{1,4})?\b", _I), "[account]"),
    (re.compile(r"\b[A-Z]{2,5} ?[-#] ?\d{3,}(?:-\w+)*", _I), "[reference]"),
    (re.compile(r"\+?\d(?:[ ().\-/]{0,3}\d){6,}"), "[number]"),
    (re.compile(r"\b(?=(?:[A-Za-z]*\d){4})[A-Za-z0-9]{8,}\b"), "[reference]"),
    (re.compile(r"\d{5,}"), "[number]"),
    (re.compile(r"\b[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}\b"), "[postcode]"),
    (
        re.compile(r"\b(?:rua|avenida|travessa|praça|rue|boulevard|calle|plaza|paseo)\s+[^\n,.;!?]{2,60}", _I),
        "[address]",
    ),
    (
        re.compile(r"(?:\b\d+\w?,? )?(?<![\w'’-])[\w'’-]+ (?:street|road|lane|drive|avenue|square)\b(?: \d+\w?)?", _I),
        "[address]",
    ),
    (re.compile(r"\b\w+(?:straße|strasse|str\.|weg|platz|allee|gasse) ?\d+\w?", _I), "[address]"),
    (re.compile(r"\b(?:\d{4}-\d{3}|\d{5}) [^\W\d_]+"), "[address]"),
)
_NAME = r"[^\W\d_][\w'’-]*(?: [^\W\d_][\w'’-]*){0,2}"
_CAPITAL = r"[A-ZÀ-ÖØ-Þ][\w'’-]*(?: [A-ZÀ-ÖØ-Þ][\w'’-]*){0,2}"
# After these words a name comes, however it is written; after those, where it has a capital.
_GIVEN = re.compile(
    r"\b(?i:my name is|my name's|call me|mein name ist|ich heiße|je m'appelle|me llamo|mi nombre es|chamo-me)[ :,]+"
    rf"(?P<name>{_NAME})"
)
_SAID = re.compile(
    r"\b(?i:i am|i'm|this is|here is|ich bin|hier ist|je suis|soy|sou|regards|sincerely|cheers|yours|grüße|gruß|"
    r"cordialement|saludos|hello|hi|hey|dear|hallo|bonjour|hola|olá|liebe|lieber|mr|mrs|ms|miss|herr|frau|madame|"
    rf"monsieur|señor|señora|wife|husband|son|daughter|brother|sister)[ :,.]*\n?[ ]*(?P<name>{_CAPITAL})"
)
_SIGNED = re.compile(rf"\n[ \t–-]*(?P<name>{_CAPITAL})[ \t.]*\Z")
_INSIDE = re.compile(r"(?<=[\w,;:’')] )(?P<name>[A-ZÀ-ÖØ-Þ][^\W\d_]+(?:[-'’][^\W\d_]+)*)")
_EVERYBODYS = """
    i im ive id ill the a an we you it is my your our this that there please thanks thank ok yes no not
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december english german french spanish portuguese euro eur usd pdf vat sku visa mastercard paypal
"""
_KNOWN_TO_ALL = frozenset(_EVERYBODYS.split())
NOUNS_WITH_CAPITALS = ("de",)


def personal(text: str, *, language: str, known: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Where something stands that may be personal, and what is written instead.

    `known` are words that are nobody's own. Where nouns have capitals (German), a capital says nothing, so a name is
    found only where it is introduced.
    """
    for shape, instead in _SHAPES:
        yield from ((found.start(), found.end(), instead) for found in shape.finditer(text))
    for rule in (_GIVEN, _SAID, _SIGNED):
        for found in rule.finditer(text):
            if rule is _GIVEN or not _is_known(found["name"], known):
                yield found.start("name"), found.end("name"), "[name]"
    if language.partition("-")[0] not in NOUNS_WITH_CAPITALS:
        for found in _INSIDE.finditer(text):
            if not _is_known(found["name"], known):
                yield found.start("name"), found.end("name"), "[cut]"


def _is_known(words: str, known: Collection[str]) -> bool:
    """Whether every word is nobody's own."""
    return all(word in known or word in _KNOWN_TO_ALL for word in re.findall(r"[^\W\d_]+", words.casefold()))
