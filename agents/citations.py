"""Which articles a run found and which its answer quotes: read from the stored results of its searches.

What a model says of its sources is not asked: an article is found when the knowledge server returned it in a call of
the run, and quoted when the answer has its title or a passage of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.models import ToolCall
from supportagent.tools.models import MCPServer

SERVER = "knowledge"
PASSAGE_WORDS = 7  # in a row: nobody writes the same by chance

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Source:
    """An article as it was when a run found it. `updated` is the day of that version, "" where it was not told."""

    slug: str
    title: str
    updated: str
    body: str

    def is_quoted_in(self, answer: str) -> bool:
        said = _words(answer)
        title = _words(self.title)
        return (bool(title) and _holds(said, title)) or bool(_passages(said) & _passages(_words(self.body)))


def found_by(runs: Iterable[UUID]) -> dict[UUID, list[Source]]:
    """The articles that the searches of these runs returned, each once, by run: one statement."""
    calls = ToolCall.objects.filter(
        run__in=set(runs),
        state=ToolCall.State.SUCCEEDED,
        tool__server__name=SERVER,
        tool__server__transport=MCPServer.Transport.BUILTIN,
    )
    found: dict[UUID, dict[str, Source]] = {}
    for run, result in calls.order_by("turn", "index").values_list("run", "result"):
        for source in _sources(result):
            found.setdefault(run, {})[source.slug] = source  # what was read last is what was answered from
    return {run: list(sources.values()) for run, sources in found.items()}


def quoted(answer: str, sources: Iterable[Source]) -> list[Source]:
    """Those of the sources that the answer has words of."""
    return [source for source in sources if source.is_quoted_in(answer)]


def _sources(result: Any) -> list[Source]:
    articles = result.get("articles") if isinstance(result, dict) else None
    return [
        Source(each["slug"], str(each.get("title", "")), str(each.get("updated", "")), str(each.get("body", "")))
        for each in (articles if isinstance(articles, list) else ())
        if isinstance(each, dict) and isinstance(each.get("slug"), str)
    ]


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _holds(words: list[str], part: list[str]) -> bool:
    return f" {' '.join(part)} " in f" {' '.join(words)} "


def _passages(words: list[str]) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + PASSAGE_WORDS]) for at in range(len(words) - PASSAGE_WORDS + 1)}
