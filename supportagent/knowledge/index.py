"""The full-text index beside the article table, on either database.

It is created after migrate, not by a migration: SQLite drops triggers when a later migration rebuilds the
table, and a test database made without migrations needs it too. Creating it again changes nothing.
"""

from typing import Any

from django.db import connections

SQLITE_TABLE = "knowledge_article_fts"
COLUMNS = "title, tags, body"
# unaccent is an extension that not every installation may create; translate() is everywhere, and immutable, which
# an index needs. The embedded database's tokenizer folds the same letters by itself.
_ACCENTED = "àáâãäåçèéêëìíîïñòóôõöøùúûüýÿğışÀÁÂÃÄÅÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝĞİŞ"
_FOLDED = "aaaaaaceeeeiiiinoooooouuuuyygisAAAAAACEEEEIIIINOOOOOOUUUUYGIS"


def _weighted(column: str, weight: str) -> str:
    return f"setweight(to_tsvector('english', translate({column}, '{_ACCENTED}', '{_FOLDED}')), '{weight}')"


# Stands in the index and in the query: PostgreSQL uses the index only for the very same expression.
POSTGRES_VECTOR = f"({_weighted('title', 'A')} || {_weighted('tags', 'B')} || {_weighted('body', 'C')})"

_NEW = "new.id, new.title, new.tags, new.body"
_OLD = "old.id, old.title, old.tags, old.body"
_ADD = f"INSERT INTO {SQLITE_TABLE}(rowid, {COLUMNS}) VALUES ({_NEW});"  # noqa: S608 - constants only
_REMOVE = f"INSERT INTO {SQLITE_TABLE}({SQLITE_TABLE}, rowid, {COLUMNS}) VALUES ('delete', {_OLD});"  # noqa: S608
SQLITE_STATEMENTS = [
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {SQLITE_TABLE} USING fts5({COLUMNS}, "
    "content='knowledge_article', content_rowid='id', tokenize='porter unicode61 remove_diacritics 2')",
    f"CREATE TRIGGER IF NOT EXISTS knowledge_article_fts_insert AFTER INSERT ON knowledge_article BEGIN {_ADD} END",
    f"CREATE TRIGGER IF NOT EXISTS knowledge_article_fts_delete AFTER DELETE ON knowledge_article BEGIN {_REMOVE} END",
    "CREATE TRIGGER IF NOT EXISTS knowledge_article_fts_update AFTER UPDATE ON knowledge_article "
    f"BEGIN {_REMOVE} {_ADD} END",
    f"INSERT INTO {SQLITE_TABLE}({SQLITE_TABLE}) VALUES ('rebuild')",  # noqa: S608 - constants only
]
POSTGRES_STATEMENTS = [
    f"CREATE INDEX IF NOT EXISTS knowledge_article_search ON knowledge_article USING gin ({POSTGRES_VECTOR})"
]


def ensure_index(using: str = "default", **_signal: Any) -> None:
    """post_migrate handler. The rebuild catches up with rows that were written while no trigger stood."""
    connection = connections[using]
    if "knowledge_article" not in connection.introspection.table_names():
        return  # a partial migrate that has not reached this app
    statements = SQLITE_STATEMENTS if connection.vendor == "sqlite" else POSTGRES_STATEMENTS
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
