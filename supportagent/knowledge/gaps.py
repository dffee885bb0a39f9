"""Questions that found no article: kept by the search, grouped by alike wording, settled by people."""

import logging
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from django.db.models import Count, F, Max, Min, OuterRef, QuerySet, Subquery, Value, Window
from django.db.models.functions import Coalesce, RowNumber

from audit import log as audit_log
from audit.context import Actor
from supportagent.knowledge import query
from supportagent.knowledge.models import Article, Gap, GapSettlement
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, require

logger = logging.getLogger(__name__)

QUERY_LIMIT = 200  # characters
NOTE_LIMIT = 300  # characters
POOR = 0.5  # of the telling words: an article with fewer of them hardly answers
EXAMPLES = 5  # of a group, the newest

_ADDRESS = re.compile(r"\S+@\S+")
_NUMBER = re.compile(r"\S*\d(?:\W?\d){3,}\S*")
_SLUG = re.compile(r"[-a-zA-Z0-9_]{1,80}")
_LONG = re.compile(r"\S{33,}")  # no word: a key, a link, a token


class GapError(Exception):
    """Nothing was changed; the text is for people."""

    status = 422


class Settled(GapError):
    """Somebody was first (409)."""

    status = 409


@dataclass(frozen=True)
class Group:
    """Alike questions that nobody has settled; `newest` is the one up to which a settlement holds."""

    wording: str
    count: int
    since: datetime
    last: datetime
    newest: int
    examples: list[Gap]


def note(*, query_text: str, found: list[Article], call_key: str) -> None:
    """Keep the question if the articles answer it poorly or not at all: one INSERT then, and nothing else.

    A call that is made again under the same key is one question. Nothing is kept of a text without telling words.
    """
    words = query.terms(query_text)
    best = max((_held(article, words) for article in found), default=0)
    text = redacted(query_text)
    wording = query.wording(text)[:QUERY_LIMIT]
    if not wording or best >= POOR * len(words):
        return
    gap = Gap(query=text, wording=wording, found=len(found), matched=best, call_key=call_key[:80])
    try:
        with transaction.atomic():
            Gap.objects.bulk_create([gap], ignore_conflicts=True)
    except DatabaseError:  # The answer of a search does not hang on what is noted of it.
        logger.warning("a knowledge gap was not noted", exc_info=True)


def redacted(text: str) -> str:
    """The question on one line without what points at a person: addresses, numbers, keys. Names cannot be told."""
    return _line(_LONG.sub("[removed]", _NUMBER.sub("[number]", _ADDRESS.sub("[address]", text))), QUERY_LIMIT)


def _line(text: str, limit: int) -> str:
    line = " ".join(text.replace("\0", "").split())
    return line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"


def _held(article: Article, words: list[str]) -> int:
    return query.matched(f"{article.title} {article.tags} {article.body}", words)


def open_groups() -> QuerySet[Any, dict[str, Any]]:
    """Groups of questions asked since they were last settled, the most frequent first."""
    settled = GapSettlement.objects.filter(wording=OuterRef("wording")).order_by("-through_id")
    asked: QuerySet[Any, Any] = Gap.objects.order_by().annotate(
        settled=Coalesce(Subquery(settled.values("through_id")[:1]), Value(0))
    )
    grouped = asked.filter(pk__gt=F("settled")).values("wording")
    figures = {"count": Count("pk"), "since": Min("created_at"), "last": Max("created_at"), "newest": Max("pk")}
    return grouped.annotate(**figures).order_by("-count", "-last", "wording")


def with_examples(rows: list[dict[str, Any]]) -> list[Group]:
    """The rows of `open_groups` with the newest questions of each: one statement."""
    place = Window(RowNumber(), partition_by=F("wording"), order_by=F("id").desc())
    wordings = [row["wording"] for row in rows]
    newest = Gap.objects.filter(wording__in=wordings).annotate(place=place).filter(place__lte=EXAMPLES).order_by("-pk")
    examples: dict[str, list[Gap]] = {wording: [] for wording in wordings}
    for gap in newest:
        examples[gap.wording].append(gap)
    return [Group(**row, examples=examples[row["wording"]][: row["count"]]) for row in rows]


def settle(*, gap: Gap, verdict: str, by: User, article_slug: str = "", text: str = "") -> GapSettlement:
    """Settle every question of this wording up to `gap`, the newest one that the person saw; later ones stay open.

    Raises PermissionDenied, GapError for an odd verdict or an article that is not there or not published, and Settled
    when somebody was first.
    """
    require(by, Permission.SETTLE_GAP)
    if verdict not in GapSettlement.Verdict.values:
        raise GapError("Say whether an article answers it or whether it is none of the knowledge base's.")
    article = _article(article_slug) if verdict == GapSettlement.Verdict.ANSWERED else None
    with audit_log.transaction():
        earlier = GapSettlement.objects.filter(wording=gap.wording, through_id__gte=gap.pk).first()
        if earlier is not None:
            raise Settled(f"{earlier.by_name} has settled it: {earlier.get_verdict_display().lower()}.")
        settled = GapSettlement(
            wording=gap.wording,
            through=gap,
            verdict=verdict,
            article=article,
            note=_line(text, NOTE_LIMIT),
            by_id=str(by.pk),
            by_name=by.display_name,
        )
        try:
            with transaction.atomic():
                settled.save()
        except IntegrityError as race:  # a colleague who was looking at the same page was a moment faster
            raise Settled("A colleague has just settled it.") from race
        data = {"verdict": str(verdict), "article": article.slug if article else ""}
        audit_log.record("knowledge.gap.settled", target=("gap", str(gap.pk)), actor=Actor.of(by), data=data)
    return settled


def _article(slug: str) -> Article:
    found = Article.objects.published().filter(slug=slug).first() if _SLUG.fullmatch(slug) else None
    if found is None:
        raise GapError("Choose a published article that answers it.")
    return found
