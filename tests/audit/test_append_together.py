"""Many writers at once, each with its own connection and real commits."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from django.db import connection
from django.db import transaction as database

from audit import log, verification
from audit.models import AuditEntry, SubjectKey

from .conftest import COOK

pytestmark = pytest.mark.django_db(transaction=True)
WRITERS, ROUNDS = 8, 12


def record(dish: str, **more) -> None:
    log.record("kitchen.dish.cooked", target=("dish", dish), actor=COOK, **more)


def test_eight_writers_lose_nothing_and_fork_nothing():
    start = threading.Barrier(WRITERS)

    def write(writer: int) -> None:
        try:
            start.wait()
            for number in range(ROUNDS):
                with suppress(ZeroDivisionError), log.transaction():
                    record(f"{writer}.{number}", private={"reason": "cold"}, subject=f"CUS-{number % 3}")
                    with log.transaction():
                        record(f"{writer}.{number} side")
                    if number % 4 == 3:
                        raise ZeroDivisionError
        finally:
            connection.close()

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    expected = {f"{w}.{n}{side}" for w in range(WRITERS) for n in range(ROUNDS) if n % 4 != 3 for side in ("", " side")}
    assert set(AuditEntry.objects.values_list("target_id", flat=True)) == expected
    report = verification.verify()
    assert report.ok, report.findings
    assert report.entries == len(expected)
    assert SubjectKey.objects.count() == 3


def test_verifying_while_others_write_finds_nothing():
    done = threading.Event()

    def write() -> None:
        try:
            while not done.is_set():
                with log.transaction():
                    record("soup", refs=[("order", "ORD-1042")])
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        writers = [pool.submit(write) for _ in range(2)]
        try:
            reports = [verification.verify() for _ in range(10)]
        finally:
            done.set()
        for writer in writers:
            writer.result()
    assert [finding for report in reports for finding in report.findings] == []
    assert verification.verify().entries == AuditEntry.objects.count() > 0


def test_what_runs_after_the_commit_may_record_in_a_transaction_of_its_own():
    def afterwards() -> None:
        with log.transaction():
            record("bread")

    with log.transaction():
        record("soup")
        database.on_commit(afterwards)
    assert list(AuditEntry.objects.order_by("seq").values_list("target_id", flat=True)) == ["soup", "bread"]


def test_a_writer_waits_its_turn_only_until_the_commit():
    """Callbacks after the commit may be slow: another thread must be able to write meanwhile."""

    def write() -> None:
        try:
            with log.transaction():
                record("bread")
        finally:
            connection.close()

    def slow_callback() -> None:
        other = threading.Thread(target=write)
        other.start()
        other.join(timeout=10)

    with log.transaction():
        record("soup")
        database.on_commit(slow_callback)
    assert AuditEntry.objects.count() == 2


@pytest.mark.parametrize("times", [1, 2])
def test_the_log_is_empty_and_usable_again_after_a_test_that_committed(times):
    assert AuditEntry.objects.count() == 0
    with log.transaction():
        record("soup")
    assert verification.verify().entries == 1
