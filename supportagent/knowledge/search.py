"""Full-text search over published articles: ranked, tolerant of endings, safe for any text."""

from dataclasses import dataclass

from django.db import connection

from supportagent.knowledge import index, query
from supportagent.knowledge.models import Article
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, require

MAX_RESULTS = 5

# A title match counts most, then tags, then the text; bm25 is better the smaller it is.
_SQLITE = (
    "SELECT a.id FROM knowledge_article_fts f JOIN knowledge_article a ON a.id = f.rowid "
    "WHERE knowledge_article_fts MATCH %s AND a.published AND (%s = '' OR a.language = %s) "
    "ORDER BY bm25(knowledge_article_fts, 8.0, 5.0, 1.0), a.id LIMIT %s"
)
_POSTGRES = (
    "SELECT id FROM knowledge_article, to_tsquery('english', %s) AS wanted "  # noqa: S608 - constants only
    f"WHERE {index.POSTGRES_VECTOR} @@ wanted AND published AND (%s = '' OR language = %s) "
    f"ORDER BY ts_rank('{{0.05, 0.15, 0.6, 1.0}}', {index.POSTGRES_VECTOR}, wanted, 1) DESC, id LIMIT %s"
)


@dataclass(frozen=True)
class Hit:
    """A found article and the passage of it that answers best."""

    article: Article
    excerpt: str


def search_articles(*, actor: User, query_text: str, limit: int = 3, language: str = "") -> list[Hit]:
    """The best articles first, at most `limit` (1 to 5); none when the text holds no searchable word.

    Raises PermissionDenied.
    """
    require(actor, Permission.VIEW_ARTICLE)
    words = query.terms(query_text)
    if not words:
        return []
    ids = _ranked_ids(words, language=language, limit=max(1, min(limit, MAX_RESULTS)))
    articles = Article.objects.in_bulk(ids)
    return [Hit(articles[pk], query.excerpt(articles[pk].body, words)) for pk in ids]


def _ranked_ids(words: list[str], *, language: str, limit: int) -> list[int]:
    sqlite = connection.vendor == "sqlite"
    match = query.sqlite_match(words) if sqlite else query.postgres_tsquery(words)
    with connection.cursor() as cursor:
        cursor.execute(_SQLITE if sqlite else _POSTGRES, [match, language, language, limit])
        return [row[0] for row in cursor.fetchall()]
