"""From what a person typed to safe search terms, and from a hit to the passage worth showing."""

import re
import unicodedata

MAX_TERMS = 16
EXCERPT_LENGTH = 240
WORD = re.compile(r"[^\W_]+")
_DOUBLING = ("ing", "ed", "er")  # shipping: ship
_ENDINGS = (*_DOUBLING, "s")
# The 'english' dictionary of PostgreSQL drops these itself; the embedded database has no such list.
STOP_WORDS = frozenset(
    """
    a about after again all also am an and any are as at be because been before being but by can could did
    do does doing don down during each few for from further get got had has have having he hello help her
    here hers hey hi him his how i if in into is it its itself just know like ll m may me mine more most my
    need no nor not now of off on once only or other our out over own please re s same she should so some
    such t tell than thank thanks that the their them then there these they this those through to too under
    until up us ve very want was we were what when where which while who whom why will with would yes you
    your
    """.split()  # noqa: SIM905 - a list literal of this length is hard to read
)


def terms(text: str) -> list[str]:
    """The distinct meaningful words of a query: letters and digits only, so no search syntax survives."""
    words = (fold(word) for word in WORD.findall(text[:1000]))
    wanted = [word for word in dict.fromkeys(words) if word not in STOP_WORDS and len(word) > 1]
    return wanted[:MAX_TERMS]


def fold(text: str) -> str:
    """Lower case without accents: both databases and the excerpt compare the same letters."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def sqlite_match(words: list[str]) -> str:
    """FTS5: any of the words, each also as a beginning. Quoted, so that AND, NEAR or * mean nothing."""
    return " OR ".join(f'"{word}"*' for word in words)


def postgres_tsquery(words: list[str]) -> str:
    return " | ".join(f"'{word}':*" for word in words)


def excerpt(body: str, words: list[str]) -> str:
    """The sentence with most of the words, cut to 240 characters; the beginning when none has any."""
    sentences = re.split(r"(?<=[.!?])\s+|\n+", plain(body))
    best = max((s for s in sentences if s.strip()), key=lambda s: matched(s, words), default="")
    return best if len(best) <= EXCERPT_LENGTH else best[: EXCERPT_LENGTH - 1].rstrip() + "…"


def plain(markdown: str) -> str:
    """Without headings and list marks: an excerpt is a line of text."""
    without_headings = re.sub(r"(?m)^#+ .*$", "", markdown)
    return re.sub(r"(?m)^\s*(?:[-*]|\d+\.)\s+|\*\*|`", "", without_headings).strip()


def matched(text: str, words: list[str]) -> int:
    """How many of the words stand in the text, whatever their endings."""
    found = set(WORD.findall(fold(text)))
    return sum(any(word.startswith(stem) for word in found) for stem in map(_stem, words))


def wording(text: str) -> str:
    """What alike questions share: their telling words without endings and numbers, sorted. "" for none."""
    roots = {_root(word) for word in terms(text) if not any(char.isdigit() for char in word)}
    return " ".join(sorted(roots))


def _root(word: str) -> str:
    """The word without an English ending: `wrapping`, `wraps` and `wrapped` are one question's `wrap`."""
    ending = (
        next((end for end in _ENDINGS if word.endswith(end) and len(word) - len(end) >= 3), "")
        if not word.endswith("ss")
        else ""
    )
    root = word.removesuffix(ending)
    if ending in _DOUBLING and len(root) > 3 and root[-1] == root[-2] and root[-1] not in "ls":
        root = root[:-1]
    return f"{root[:-1]}i" if root.endswith("y") else root.removesuffix("e") if len(root) > 3 else root


def _stem(word: str) -> str:
    return word[: max(4, len(word) - 2)]
