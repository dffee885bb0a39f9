"""The web process is killed, hangs or finds its database locked while customers write (F1-F4, F20, F21)."""

import signal
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from supportagent.tickets.models import Message
from tests.broker import eventually
from tests.faults import checker
from tests.faults.installation import Installation, installed
from tests.faults.people import Visitor, newcomers, open_shop
from tests.world import World

pytestmark = pytest.mark.faults

ANSWER = "Thank you, we have it."


@pytest.fixture
def house(world: World, tmp_path: Path) -> Iterator[Installation]:
    world.script([{"text": ANSWER}])
    open_shop()
    with installed(tmp_path, str(tmp_path / "script.json")) as running:
        yield running


def all_is_well(visitors: list[Visitor]) -> None:
    eventually(lambda: not checker.still_working(), within=30, told=lambda: "\n".join(checker.still_working()))
    assert checker.violations(visitors) == []
    for visitor in visitors:
        answers = Message.objects.filter(ticket__customer__reference=visitor.account.reference, kind=Message.Kind.AGENT)
        assert answers.count() == 1, "one answer to one message"


@pytest.mark.parametrize("place", ["before_enqueue", "after_enqueue", "message_stored"])
def test_a_web_process_that_dies_around_the_enqueue_costs_the_customer_a_second_try(
    house: Installation, place: str
) -> None:
    (visitor,) = newcomers(1)
    house.of("web")[0].kill()
    dying = house.start("web", FAILPOINT=f"{place}:kill")
    house.wait_until_up()
    writing = threading.Thread(target=visitor.say, args=(house, "Hello!"))
    writing.start()
    eventually(lambda: not dying.alive, within=20, told="nobody reached the place")
    assert Message.objects.filter(body="Hello!").count() == 1, "stored before anything else"
    house.mend()
    writing.join(60)
    assert visitor.answers[-2:] != [201, 201]
    all_is_well([visitor])


def test_a_web_process_that_hangs_answers_when_it_goes_on_and_loses_nothing(house: Installation) -> None:
    visitors = newcomers(8)
    (web,) = house.of("web")
    web.signal(signal.SIGSTOP)
    writing = [threading.Thread(target=v.say, args=(house, "Hello!")) for v in visitors]
    for thread in writing:
        thread.start()
    threading.Event().wait(2)
    web.signal(signal.SIGCONT)
    for thread in writing:
        thread.join(60)
    all_is_well(visitors)


@contextmanager
def locked() -> Iterator[None]:
    """Somebody else holds what every writer needs."""
    if connection.vendor == "sqlite":
        other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
    else:
        other = connection.copy()
        other.ensure_connection()
        other.cursor().execute("BEGIN; LOCK TABLE audit_chainhead IN ACCESS EXCLUSIVE MODE")
    try:
        yield
    finally:
        other.close()


def test_a_locked_database_lets_the_probe_answer_and_accepts_everything_once_afterwards(house: Installation) -> None:
    visitors = newcomers(12)
    with locked():
        writing = [threading.Thread(target=v.say, args=(house, "Hello!")) for v in visitors]
        for thread in writing:
            thread.start()
        threading.Event().wait(1)
        assert house.get("/healthz")[0] == 200, "the probe must not wait for the database"
        threading.Event().wait(2)
    for thread in writing:
        thread.join(90)
    all_is_well(visitors)
    assert {status for visitor in visitors for status in visitor.answers} <= {200, 201, 503}


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_a_sqlite_lock_beyond_the_busy_timeout_is_a_503_and_never_a_loss(house: Installation) -> None:
    (visitor,) = newcomers(1)
    with locked():
        writing = threading.Thread(target=visitor.say, args=(house, "Hello!"))
        writing.start()
        eventually(lambda: 503 in visitor.answers, within=40, told=lambda: str(visitor.answers))
        assert not Message.objects.filter(body="Hello!").exists()
    writing.join(60)
    assert set(visitor.answers) <= {200, 201, 503}
    all_is_well([visitor])


@pytest.mark.skipif("connection.vendor != 'postgresql'")
def test_while_postgresql_takes_no_writes_nothing_is_accepted_and_nothing_is_executed(house: Installation) -> None:
    visitors = newcomers(3)
    visitors[0].say(house, "Hello!")
    _read_only(True)
    try:
        writing = [threading.Thread(target=v.say, args=(house, "Hello again!")) for v in visitors]
        for thread in writing:
            thread.start()
        eventually(lambda: all(503 in v.answers for v in visitors), within=30, told=lambda: str(visitors[0].answers))
        assert not Message.objects.filter(body="Hello again!").exists()
    finally:
        _read_only(False)
    for thread in writing:
        thread.join(60)
    eventually(lambda: not checker.still_working(), within=30)
    assert checker.violations(visitors) == []
    assert 500 not in visitors[1].answers


def _read_only(on: bool) -> None:
    name = connection.ops.quote_name(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_read_only = off; SET transaction_read_only = off")
        cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {'on' if on else 'off'}")
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
