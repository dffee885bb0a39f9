"""What tests do with the rows of whole tables, because the ordinary way costs more than most tests.

A fast, trigger-aware replacement for the flush after each test that commits (`transaction=True`): Django's own fails
on the append-only triggers of the audit log, and its post_migrate is slow. This one deletes the rows of every model
and puts back what was there right after the database was made: content types, permissions, roles, the head of the
audit chain. `tests/conftest.py` wires it in.

And `write_once`: what many tests begin with is written through the models for the first of them, and copied as rows
for the others.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import time
from typing import Any

from django.db import connection, transaction
from django.test import TransactionTestCase

from audit import triggers

Rows = list[tuple[Any, ...]]
Tables = dict[str, tuple[list[str], Rows]]
_baseline: Tables = {}


@dataclass(frozen=True)
class Written:
    """What a function wrote, and the one message that lets PostgreSQL write it again, which answers each row alone."""

    rows: Tables
    message: str


_written: dict[Callable[[], None] | str, Written] = {}


def remember_baseline() -> None:
    """Keep what every non-empty table holds right after the test database was made."""
    for table in _model_tables():
        columns, rows = _read(table)
        if rows:
            _baseline[table] = (columns, rows)


def flush() -> None:
    """Bring every table of a model back to the baseline, in one transaction.

    Foreign keys are checked at its end, so the order of the tables does not matter.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # A thread that outlived its test must fail this one, not hang the whole run.
            cursor.execute("SET LOCAL lock_timeout = '20s'")
        with triggers.lifted():
            _bring_back(cursor)


def _bring_back(cursor: Any) -> None:
    touched = [table for table in _baseline if _read(table)[1] != _baseline[table][1]]
    _delete(cursor, [*touched, *(table for table in _model_tables() if table not in _baseline)])
    for table in touched:
        _restore(cursor, table)


def end_other_sessions() -> None:
    """Let PostgreSQL drop the test database although a background thread of a test still holds a connection."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def replace_flush(monkeypatch: Any) -> None:
    """Let pytest-django's transactional tests clean up with `flush`."""
    monkeypatch.setattr(TransactionTestCase, "_fixture_teardown", lambda _case: flush())


def write_once(write: Callable[[], None], name: str = "") -> None:
    """Let `write` fill a database that holds nothing yet; from the second time on its rows are copied instead.

    A `write` that is another function in each test needs a `name` by which its rows are known. Where a test wrote
    something before, and outside of pytest, it is written as ever.
    """
    written = _written.get(name or write)
    if written is not None and not _any_rows([table for table in written.rows if table not in _baseline]):
        _copy(written)
        return
    may_keep = written is None and bool(_baseline) and _beyond_baseline() == {}
    write()
    if may_keep:
        rows = _beyond_baseline()
        _written[name or write] = Written(rows, _message(rows) if connection.vendor == "postgresql" else "")


def _beyond_baseline() -> Tables:
    """The rows of every table that the baseline does not have, or not like that."""
    found: Tables = {}
    for table in _model_tables():
        columns, rows = _read(table)
        known = _baseline[table][1] if table in _baseline else []
        if rows != known:
            found[table] = (columns, [row for row in rows if row not in known])
    return found


def _any_rows(tables: list[str]) -> bool:
    found = " OR ".join(f"EXISTS (SELECT 1 FROM {connection.ops.quote_name(table)})" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT 1 WHERE {found}")
        return cursor.fetchone() is not None


def _copy(written: Written) -> None:
    """Foreign keys are checked at the end of the transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        if written.message:
            cursor.execute(written.message)
            return
        for table, columns, new, changed in _against_baseline(written.rows):
            _insert(cursor, table, columns, new)
            for key, *values in changed:
                cursor.execute(_update(table, columns), [*values, key])


def _message(tables: Tables) -> str:
    statements = []
    with connection.cursor() as cursor:
        for table, columns, new, changed in _against_baseline(tables):
            if new:
                insert, marks = _insertion(table, columns)
                statements.append(f"{insert} " + ", ".join(cursor.mogrify(marks, row) for row in new))
            statements += [cursor.mogrify(_update(table, columns), [*values, key]) for key, *values in changed]
    return "; ".join(statements)


def _against_baseline(tables: Tables) -> Iterator[tuple[str, list[str], Rows, Rows]]:
    """Of each table its columns, the rows that are new and those of the baseline that changed: the chain's head may
    move on but not be replaced. The first column of a table is its key."""
    for table, (columns, rows) in tables.items():
        known = {row[0] for row in _baseline[table][1]} if table in _baseline else set()
        yield table, columns, [row for row in rows if row[0] not in known], [row for row in rows if row[0] in known]


def _model_tables() -> list[str]:
    """Tables of models only: the shadow tables of a full-text index follow by their own triggers."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(set(names) - {"django_migrations"})


def _read(table: str) -> tuple[list[str], Rows]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)} ORDER BY 1")
        columns = [column[0] for column in cursor.description]
        return columns, [tuple(_comparable(value) for value in row) for row in cursor.fetchall()]


def _comparable(value: Any) -> Any:
    """As it compares and can be written back: sqlite3 reads a time, but takes none."""
    if isinstance(value, time):
        return value.isoformat()
    return bytes(value) if isinstance(value, memoryview) else value


def _delete(cursor: Any, tables: list[str]) -> None:
    statements = [f"DELETE FROM {connection.ops.quote_name(table)}" for table in tables]
    if connection.vendor == "postgresql":
        cursor.execute("; ".join(statements))
        return
    for statement in statements:
        cursor.execute(statement)


def _restore(cursor: Any, table: str) -> None:
    _insert(cursor, table, *_baseline[table])


def _insert(cursor: Any, table: str, columns: list[str], rows: Rows) -> None:
    cursor.executemany(" ".join(_insertion(table, columns)), rows)


def _insertion(table: str, columns: list[str]) -> tuple[str, str]:
    """The beginning of the statement, and the marks of one row."""
    names = ", ".join(connection.ops.quote_name(name) for name in columns)
    return f"INSERT INTO {connection.ops.quote_name(table)} ({names}) VALUES", f"({', '.join(['%s'] * len(columns))})"


def _update(table: str, columns: list[str]) -> str:
    quoted = [connection.ops.quote_name(name) for name in columns]
    values = ", ".join(f"{name} = %s" for name in quoted[1:])
    return f"UPDATE {connection.ops.quote_name(table)} SET {values} WHERE {quoted[0]} = %s"
