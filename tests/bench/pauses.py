"""Runs that wait for a person: what they weigh, and how soon the refund starts once it is approved."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from django.db import connection

from approvals.models import ApprovalRequest
from supportagent.grants.models import Receipt
from tests.bench.processes import worker
from tests.bench.report import Row, spread
from tests.bench.story import Shop, model
from tests.broker import Broker, eventually
from tests.faults.processes import database_url

TITLE = "Runs that wait for a person"
THREADS = 16
APART_SECONDS = 0.1  # between two approvals, so that the worker is idle again


def run(shop: Shop, broker: Broker, folder: Path, *, quick: bool) -> Iterator[Row]:
    """Bytes in the database per paused run, then approvals through RQ to a warm worker of 16 threads."""
    with model() as address:
        customers = shop.customers(30 if quick else 100)
        before = _stored_bytes()
        requests = [shop.hold(customer) for customer in customers]
        grown = _stored_bytes() - before
        yield Row(
            "stored per paused run, audit included", (("KiB", grown / len(requests) / 1024), ("n", len(requests)))
        )
        broker.client.flushdb()  # nobody has taken the jobs of what was measured so far
        environment = {
            "DJANGO_SETTINGS_MODULE": "supportagent.settings",
            "DATABASE_URL": database_url(),
            "OPENAI_BASE_URL": address,
            "SUPPORTAGENT_MODEL": "fake",
        }
        with worker(broker, folder, threads=THREADS, **environment):
            waits = [_approve(shop, request) for request in requests[: 15 if quick else 60]]
    warm = waits[5:]
    yield spread("decision asked for -> tool entered, through RQ", [begun for begun, _ in warm])
    yield spread("decision committed -> tool entered, through RQ", [committed for _, committed in warm])


def _approve(shop: Shop, request: ApprovalRequest) -> tuple[float, float]:
    """Milliseconds from the verb's begin and from its end to the domain's transaction in the other process."""
    time.sleep(APART_SECONDS)
    begun = datetime.now(UTC)
    shop.world.approve(request)
    committed = datetime.now(UTC)
    receipts = Receipt.objects.filter(key=f"{request.call_id}.1")
    entered = eventually(lambda: receipts.values_list("created_at", flat=True).first())
    return (entered - begun).total_seconds() * 1e3, (entered - committed).total_seconds() * 1e3


def _stored_bytes() -> int:
    """What all tables and indexes take, without the room that dead rows left behind."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT (page_count - freelist_count) * page_size FROM "
                "pragma_page_count(), pragma_freelist_count(), pragma_page_size()"
            )
            return int(cursor.fetchone()[0])
        cursor.execute("VACUUM FULL")
        cursor.execute(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' "
            "AND relnamespace = 'public'::regnamespace"
        )
        return int(cursor.fetchone()[0])
