"""Append-only by the database: triggers that refuse to change or remove what was recorded.

Created again after every migrate, since altering a table on SQLite rebuilds it without its triggers. They
stop mistakes and anybody without the right to drop them; `audit_verify` finds what they could not stop.
AuditDetail and SubjectKey have none: personal data must stay erasable.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.db import transaction as database
from django.db.backends.base.base import BaseDatabaseWrapper

from audit.models import AuditEntry, AuditReference, ChainHead

FUNCTION = "audit_refuse"
ENTRIES, REFERENCES, HEAD = (model._meta.db_table for model in (AuditEntry, AuditReference, ChainHead))


@dataclass(frozen=True)
class Trigger:
    """One refusal. `event` is what is refused; `when` narrows it to some rows."""

    table: str
    event: str
    when: str = ""

    @property
    def name(self) -> str:
        return f"{self.table}_no_{self.event.lower()}"


# The head moves on with every append, so only its way back is closed.
COMMON = (
    Trigger(ENTRIES, "UPDATE"),
    Trigger(ENTRIES, "DELETE"),
    Trigger(REFERENCES, "UPDATE"),
    Trigger(REFERENCES, "DELETE"),
    Trigger(HEAD, "UPDATE", when="NEW.seq <= OLD.seq"),
    Trigger(HEAD, "DELETE"),
)
POSTGRES_ONLY = tuple(Trigger(table, "TRUNCATE") for table in (ENTRIES, REFERENCES, HEAD))
# INSERT OR REPLACE removes the old row without firing its delete trigger.
SQLITE_ONLY = (
    Trigger(ENTRIES, "INSERT", f"EXISTS (SELECT 1 FROM {ENTRIES} WHERE seq = NEW.seq OR prev = NEW.prev)"),  # noqa: S608
    Trigger(HEAD, "INSERT", f"EXISTS (SELECT 1 FROM {HEAD} WHERE id = NEW.id)"),  # noqa: S608
)


def install(connection: BaseDatabaseWrapper) -> None:
    """Create all triggers, whether or not they exist."""
    with database.atomic(using=connection.alias), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {FUNCTION}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                "RAISE EXCEPTION '% on % is refused: the audit log is append-only', TG_OP, TG_TABLE_NAME; "
                "END $$"
            )
        for trigger in _expected(connection):
            _drop(connection, trigger)
            cursor.execute(_definition(connection, trigger))


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Names of triggers that should exist and do not, sorted."""
    query = (
        "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled <> 'D'"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    )
    with connection.cursor() as cursor:
        cursor.execute(query)
        existing = {row[0] for row in cursor.fetchall()}
    return sorted({trigger.name for trigger in _expected(connection)} - existing)


@contextmanager
def lifted(using: str = "default") -> Iterator[None]:
    """Only in tests: a transaction without the triggers. Raises ImproperlyConfigured anywhere else.

    They come back at its end, also when it fails: the definition of a trigger is rolled back like any row.
    """
    if settings.ENVIRONMENT != "test":
        raise ImproperlyConfigured("the triggers of the audit log are lifted in tests only")
    connection = connections[using]
    with database.atomic(using=using):
        for trigger in _expected(connection):
            _drop(connection, trigger)
        yield
        install(connection)


def _expected(connection: BaseDatabaseWrapper) -> tuple[Trigger, ...]:
    return COMMON + (POSTGRES_ONLY if connection.vendor == "postgresql" else SQLITE_ONLY)


def _drop(connection: BaseDatabaseWrapper, trigger: Trigger) -> None:
    table = f" ON {trigger.table}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER IF EXISTS {trigger.name}{table}")


def _definition(connection: BaseDatabaseWrapper, trigger: Trigger) -> str:
    if connection.vendor == "postgresql":
        each = f"FOR EACH ROW WHEN ({trigger.when})" if trigger.when else "FOR EACH STATEMENT"
        action = f"{each} EXECUTE FUNCTION {FUNCTION}()"
    else:
        when = f"WHEN {trigger.when} " if trigger.when else ""
        refusal = f"{trigger.event} on {trigger.table} is refused: the audit log is append-only"
        action = f"FOR EACH ROW {when}BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
    return f"CREATE TRIGGER {trigger.name} BEFORE {trigger.event} ON {trigger.table} {action}"
