"""System checks of the log: `manage.py check --database default`."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections

from audit import triggers
from audit.models import AuditEntry


@register(Tags.database)
def append_only_triggers(databases: Sequence[str] | None = None, **_kwargs: Any) -> list[CheckMessage]:
    """Every trigger exists, in every database that holds the log."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        connection = connections[alias]
        if AuditEntry._meta.db_table not in connection.introspection.table_names():
            continue
        if names := triggers.missing(connection):
            found.append(
                Error(
                    f"The audit log of database {alias!r} is not append-only; missing: {', '.join(names)}.",
                    hint="Find out who removed them, then put them back: `manage.py migrate --skip-checks`.",
                    id="audit.E001",
                )
            )
    return found
