"""Many rows at once: copies of one row, made by the database."""

from typing import Any

from django.db import connection
from django.db.models import Model


def new_key() -> str:
    """SQL for a new UUID."""
    return "gen_random_uuid()" if connection.vendor == "postgresql" else "lower(hex(randomblob(16)))"


def seconds_ago(seconds: str) -> str:
    """SQL for the moment that lies so many seconds (an SQL expression) back."""
    if connection.vendor == "postgresql":
        return f"now() - ({seconds}) * interval '1 second'"
    return f"strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ({seconds}) || ' seconds')"


def copy(model: type[Model], key: Any, changed: dict[str, str], count: int, join: str = "") -> None:
    """So many copies of a row, numbered by `n`, with the changed columns; in their SQL a `%` is written twice."""
    columns = [field.column for field in model._meta.concrete_fields]
    names = ", ".join(f'"{column}"' for column in columns)
    values = ", ".join(changed.get(column, f'one."{column}"') for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s) "
            f"INSERT INTO {model._meta.db_table} ({names}) SELECT {values} "
            f"FROM {model._meta.db_table} one {join} CROSS JOIN numbers WHERE one.{model._meta.pk.column} = %s",
            [count, model._meta.pk.get_db_prep_value(key, connection)],
        )


def analyse() -> None:
    """Let the database know its new rows, as its own housekeeping does in time."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
