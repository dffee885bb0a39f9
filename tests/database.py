"""A fast, trigger-aware replacement for the flush after each test that commits (`transaction=True`).

Django's own flush fails on the append-only triggers of the audit log, and its post_migrate costs more than
most tests. This one deletes the rows of every model and puts back what was there right after the database was
made: content types, permissions, roles, the head of the audit chain. `tests/conftest.py` wires it in.
"""

from typing import Any

from django.db import connection, transaction
from django.test import TransactionTestCase

from audit import triggers

Rows = list[tuple[Any, ...]]
_baseline: dict[str, tuple[list[str], Rows]] = {}


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
    return bytes(value) if isinstance(value, memoryview) else value


def _delete(cursor: Any, tables: list[str]) -> None:
    statements = [f"DELETE FROM {connection.ops.quote_name(table)}" for table in tables]
    if connection.vendor == "postgresql":
        cursor.execute("; ".join(statements))
        return
    for statement in statements:
        cursor.execute(statement)


def _restore(cursor: Any, table: str) -> None:
    columns, rows = _baseline[table]
    names = ", ".join(connection.ops.quote_name(name) for name in columns)
    marks = ", ".join(["%s"] * len(columns))
    cursor.executemany(f"INSERT INTO {connection.ops.quote_name(table)} ({names}) VALUES ({marks})", rows)
