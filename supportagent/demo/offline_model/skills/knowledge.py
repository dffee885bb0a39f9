"""Answers from the knowledge base, cited by title and quoted as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .. import patterns
from ..context import ASK_PRODUCT, Aim, Moment
from ..desk import CannotHelp, Desk
from ..phrases import plain

SEARCH = "knowledge__search_articles"
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_SMALL = patterns.words_of(
    "the and for are you your our what which when where how does can could would should have has "
    "had with from this that there their they about many much some any please know tell like want "
    "need help hello just right now curious wondering question thanks thank also more into one "
    "use get out its online store shop currently available options looking interested give tells "
    "did was were will not buy bought order ordered sell carry"
)


def knowledge_question(desk: Desk, moment: Moment, aim: Aim) -> str:
    """Answer a product or policy question from the best article, or say that nothing is written about it."""
    words = _telling_words(aim.text) or _telling_words(aim.background)
    if not words:
        return f"Gladly. {ASK_PRODUCT}"
    answer = article_text(desk, " ".join(words[:12]), about=tuple(words))
    if answer:
        return f"{answer} Does that answer your question?"
    raise CannotHelp(
        "cannot_resolve",
        "the knowledge base has no article on the question",
        "I could not find anything in our help articles about that.",
    )


def article_text(desk: Desk, query: str, *, about: tuple[str, ...]) -> str:
    """Two sentences of the best article that has one of the `about` words, with its title; "" where there is none."""
    if not desk.offers(SEARCH):
        return ""
    data = desk.recall(SEARCH, "answer from the shop's own articles only", query=query)
    for article in data.get("articles") or ():
        if isinstance(article, Mapping) and _is_about(article, about):
            passage = _passage(article)
            if passage:
                return f'Our article "{plain(article.get("title"), 100)}" says: {passage}'
    return ""


def _is_about(article: Mapping[str, Any], about: tuple[str, ...]) -> bool:
    """At least one telling word stands in the title, or two in the text."""
    title = str(article.get("title") or "").lower()
    body = str(article.get("body") or "").lower()
    stems = {word[: max(4, len(word) - 2)] for word in about}
    return any(stem in title for stem in stems) or sum(stem in body for stem in stems) >= min(2, len(stems))


def _passage(article: Mapping[str, Any]) -> str:
    """The fitting passage and what follows it. Sentences that speak to the machine are left out."""
    sentences = [plain(s.lstrip("-* 0123456789."), 240) for s in _SENTENCE.split(_body(article)) if s.strip()]
    sentences = [s for s in sentences if s and not patterns.INJECTION.search(s.lower())]
    excerpt = plain(article.get("excerpt"), 240).rstrip("…")
    start = next((i for i, s in enumerate(sentences) if excerpt and (s.startswith(excerpt[:60]))), 0)
    return " ".join(sentences[start : start + 2])


def _body(article: Mapping[str, Any]) -> str:
    return re.sub(r"(?m)^#+ .*$", "", str(article.get("body") or article.get("excerpt") or ""))


def _telling_words(text: str) -> list[str]:
    words = re.findall(r"[^\W\d_]{3,}", text.lower())
    return [word for word in dict.fromkeys(words) if word not in _SMALL]
