from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class AuditConfig(AppConfig):
    name = "audit"
    label = "audit"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit import audit_actions, checks, configuration  # noqa: F401

        configuration.listen()
        post_migrate.connect(prepare, sender=self)


def prepare(using: str, **_kwargs: Any) -> None:
    """After every migrate: the head of an empty chain, and the triggers. What is there stays."""
    from django.db import connections

    from audit import chain, triggers
    from audit.models import AuditEntry, ChainHead

    tables = connections[using].introspection.table_names()
    if ChainHead._meta.db_table not in tables:
        return
    # A head that vanished from a chain with entries is evidence; only an empty log gets a fresh one.
    if not AuditEntry.objects.using(using).exists():
        ChainHead.objects.using(using).get_or_create(pk=1, defaults={"seq": 0, "hash": chain.GENESIS})
    triggers.install(connections[using])
