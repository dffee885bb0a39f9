"""Connections hang, break in the middle of a transaction, or lose the answer to a COMMIT (F16, F18-F20)."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from agents.models import Run, ToolCall
from supportagent.store.models import Refund
from supportagent.tickets.models import Message
from tests.broker import eventually
from tests.faults import checker
from tests.faults.installation import Installation
from tests.faults.people import Supervisor, Visitor, newcomers, open_shop
from tests.faults.processes import database_url
from tests.faults.proxy import Proxy
from tests.faults.stories import REFUNDS
from tests.workers.conftest import own_broker
from tests.world import World

pytestmark = pytest.mark.faults

needs_postgresql = pytest.mark.skipif("connection.vendor != 'postgresql'")
PATIENCE = 3  # seconds a customer may have to wait while Valkey hangs


@pytest.fixture
def valkey_proxy() -> Iterator[Proxy]:
    """Set its target to the broker's socket before anything passes."""
    with Proxy("") as proxy:
        yield proxy


@pytest.mark.parametrize("silent", [False, True], ids=["slow", "silent"])
def test_a_valkey_that_hangs_makes_no_customer_wait_and_loses_no_run(
    world: World, tmp_path: Path, valkey_proxy: Proxy, silent: bool
) -> None:
    (first, *others) = newcomers_in(world, 4)
    url = {"VALKEY_URL": f"redis://127.0.0.1:{valkey_proxy.port}/0"}
    with own_broker() as broker:
        valkey_proxy.target = str(broker.socket)
        with Installation(tmp_path, str(tmp_path / "script.json"), broker, **url) as house:
            house.mend()
            house.wait_until_up()
            first.say(house, "Where is my order?")
            valkey_proxy.silent, valkey_proxy.delay = silent, 5.0
            waits = []
            for visitor in others:
                began = time.monotonic()
                visitor.say(house, f"{visitor.order} arrived broken, I want my money back.")
                waits.append(time.monotonic() - began)
                assert visitor.answers == [200, 201], "taken at the first try"
            assert max(waits) < PATIENCE * 2, f"a customer waited {max(waits):.1f} s"
            assert waits[-1] < PATIENCE, "once known to hang it is not asked every time"
            valkey_proxy.silent, valkey_proxy.delay = False, 0.0
            valkey_proxy.drop()
            supervisor = Supervisor(house, world.ana)
            supervisor.start()
            eventually(lambda: not checker.still_working(), within=60, told=lambda: "\n".join(checker.still_working()))
            supervisor.go_home()
            assert checker.violations([first, *others]) == []


def newcomers_in(world: World, count: int) -> list[Visitor]:
    world.script(REFUNDS)
    open_shop()
    return newcomers(count)


@contextmanager
def through_a_proxy(world: World, folder: Path) -> Iterator[tuple[Installation, Proxy]]:
    """Workers and web reach PostgreSQL through a proxy; the test itself does not."""
    world.script(REFUNDS)
    open_shop()
    database = connection.settings_dict
    with own_broker() as broker, Proxy((database["HOST"], int(database["PORT"] or 5432))) as proxy:
        head, _, tail = database_url().rpartition("@")
        url = f"{head}@127.0.0.1:{proxy.port}/{tail.partition('/')[2]}"
        with Installation(folder, str(folder / "script.json"), broker, DATABASE_URL=url) as house:
            house.mend()
            house.wait_until_up()
            supervisor = Supervisor(house, world.ana)
            supervisor.start()
            yield house, proxy
            supervisor.go_home()


@needs_postgresql
def test_the_lost_answer_to_a_commit_is_never_taken_for_a_failure_or_done_again(world: World, tmp_path: Path) -> None:
    with through_a_proxy(world, tmp_path) as (house, proxy):
        visitors = newcomers(6)
        counter = iter(range(1, 10**9))

        def every_eighth_commit(piece: bytes) -> bool:
            return b"COMMIT" in piece and next(counter) % 8 == 0

        proxy.cut_when = every_eighth_commit
        writing = [threading.Thread(target=_ask, args=(house, visitor)) for visitor in visitors]
        for thread in writing:
            thread.start()
        for thread in writing:
            thread.join(120)
        eventually(lambda: proxy.cuts >= 6, within=60, told=lambda: f"{proxy.cuts} commits lost their answer")
        proxy.cut_when = lambda _piece: False
        eventually(lambda: not checker.still_working(), within=90, told=lambda: "\n".join(checker.still_working()))
        assert checker.violations(visitors) == []
        assert {status for visitor in visitors for status in visitor.answers} <= {200, 201, 503}


@needs_postgresql
def test_connections_cut_in_the_middle_of_transactions_leave_no_half_of_anything(world: World, tmp_path: Path) -> None:
    with through_a_proxy(world, tmp_path) as (house, proxy):
        visitors = newcomers(8)
        writing = [threading.Thread(target=_ask, args=(house, visitor)) for visitor in visitors]
        for thread in writing:
            thread.start()
        for _ in range(12):
            threading.Event().wait(0.6)
            proxy.drop()
        for thread in writing:
            thread.join(120)
        eventually(lambda: not checker.still_working(), within=90, told=lambda: "\n".join(checker.still_working()))
        assert checker.violations(visitors) == []
        assert Refund.objects.count() == ToolCall.objects.filter(name="store__issue_refund", state="SUCCEEDED").count()
        assert Run.objects.filter(crashes__gt=0).exists(), "the cuts hit nobody"


@needs_postgresql
def test_a_database_that_is_away_accepts_nothing_executes_nothing_and_costs_nobody_anything(
    world: World, tmp_path: Path
) -> None:
    with through_a_proxy(world, tmp_path) as (house, proxy):
        visitors = newcomers(4)
        visitors[0].say(house, f"{visitors[0].order} arrived broken, I want my money back.")
        proxy.away = True
        proxy.drop()
        accepted, sent = Message.objects.count(), ToolCall.objects.filter(sent_at__isnull=False).count()
        writing = [threading.Thread(target=_ask, args=(house, visitor)) for visitor in visitors[1:]]
        for thread in writing:
            thread.start()
        eventually(
            lambda: all(503 in v.answers for v in visitors[1:]), within=60, told=lambda: str(visitors[1].answers)
        )
        assert house.get("/healthz")[0] == 200, "the probe must not wait for the database"
        assert (Message.objects.count(), ToolCall.objects.filter(sent_at__isnull=False).count()) == (accepted, sent)
        proxy.away = False
        for thread in writing:
            thread.join(120)
        eventually(lambda: not checker.still_working(), within=60, told=lambda: "\n".join(checker.still_working()))
        assert checker.violations(visitors) == []
        assert {status for visitor in visitors for status in visitor.answers} <= {200, 201, 503}


def _ask(house: Installation, visitor: Visitor) -> None:
    try:
        visitor.say(house, f"{visitor.order} arrived broken, I want my money back.")
    finally:
        connection.close()
