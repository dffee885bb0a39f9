import pytest
from django.core.checks import Error
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection
from django.db import transaction as database

from audit import triggers
from audit.apps import prepare
from audit.checks import append_only_triggers
from audit.models import AuditEntry, ChainHead

pytestmark = pytest.mark.django_db

REFUSED = [
    "UPDATE audit_auditentry SET outcome = 'x'",
    "DELETE FROM audit_auditentry",
    "UPDATE audit_auditreference SET ref_id = 'x'",
    "DELETE FROM audit_auditreference",
    "DELETE FROM audit_chainhead",
    "UPDATE audit_chainhead SET seq = 0",
]
ONE_DATABASE_ONLY = {
    "postgresql": [
        "TRUNCATE audit_auditentry CASCADE",
        "TRUNCATE audit_auditreference",
        "TRUNCATE audit_chainhead",
    ],
    "sqlite": [
        "INSERT OR REPLACE INTO audit_auditentry SELECT * FROM audit_auditentry",
        "INSERT OR REPLACE INTO audit_chainhead (id, seq, hash) VALUES (1, 0, '')",
    ],
}


def run(sql: str) -> None:
    with database.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)


@pytest.mark.parametrize("sql", REFUSED + [s for more in ONE_DATABASE_ONLY.values() for s in more])
def test_the_database_refuses_to_change_what_was_recorded(cook, sql):
    if any(sql in more and vendor != connection.vendor for vendor, more in ONE_DATABASE_ONLY.items()):
        pytest.skip(f"not a statement of {connection.vendor}")
    cook("soup", "bread")
    with pytest.raises(DatabaseError, match="append-only"):
        run(sql)
    assert AuditEntry.objects.filter(outcome="").count() == 2


def test_a_new_migrate_keeps_the_chain_and_puts_missing_triggers_back(cook):
    cook("soup")
    table = " ON audit_auditentry" if connection.vendor == "postgresql" else ""
    run(f"DROP TRIGGER audit_auditentry_no_delete{table}")
    (problem,) = append_only_triggers(databases=["default"])
    assert isinstance(problem, Error)
    assert "audit_auditentry_no_delete" in problem.msg
    prepare(using="default")
    prepare(using="default")
    assert append_only_triggers(databases=["default"]) == []
    assert ChainHead.objects.get().seq == 1


def test_migrate_does_not_replace_a_head_that_vanished_from_a_chain_with_entries(cook):
    cook("soup")
    with triggers.lifted():
        run("DELETE FROM audit_chainhead")
    prepare(using="default")
    assert not ChainHead.objects.exists()


def test_the_triggers_come_back_after_a_failure(cook):
    cook("soup")
    with pytest.raises(ZeroDivisionError), triggers.lifted():
        run("DELETE FROM audit_auditentry")
        raise ZeroDivisionError
    assert triggers.missing(connection) == []
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("environment", ["development", "production"])
def test_the_triggers_are_lifted_in_tests_only(settings, environment):
    settings.ENVIRONMENT = environment
    with pytest.raises(ImproperlyConfigured), triggers.lifted():
        pass
    assert triggers.missing(connection) == []
