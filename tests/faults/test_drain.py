"""Workers get SIGTERM in the middle of a call (F12): they end within their grace, and another goes on at once.

The lease is two minutes here, so whoever goes on sooner was given the run.
"""

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from rq import Worker

from agents.models import ModelCall, Run, Spend, ToolCall
from agents.workers import GIVE_BACK_SECONDS
from supportagent.store.models import Refund
from supportagent.tickets.models import Message
from supportagent.tools.models import Tool
from tests.broker import eventually
from tests.faults import checker, imported
from tests.faults.installation import Installation, Part, installed
from tests.faults.people import Supervisor, Visitor, newcomers, open_shop
from tests.faults.stories import REFUNDS
from tests.mcp.bank import Bank
from tests.world import World

pytestmark = pytest.mark.faults

THREADS = 4
AT_ONCE = 30  # seconds on a busy machine; far from the lease
LONG_CALL = 40
ANSWER = "Thank you, we have it."
State = ToolCall.State


@pytest.fixture
def house(world: World, tmp_path: Path) -> Iterator[Installation]:
    """An installation without workers, in which a lease does not run out while a test lasts."""
    world.script(REFUNDS)
    open_shop()
    long = {"SUPPORTAGENT_LEASE_SECONDS": "120"}
    with installed(tmp_path, str(tmp_path / "script.json"), but="worker", threads=THREADS, **long) as running:
        yield running


@pytest.fixture
def supervised(world: World, house: Installation) -> Iterator[Installation]:
    """With somebody who approves what waits."""
    ana = Supervisor(house, world.ana)
    ana.start()
    yield house
    ana.go_home()


@pytest.fixture
def banks(settings: Any, world: World, tmp_path: Path) -> Iterator[dict[str, Bank]]:
    """Two servers that are not ours, by the name under which they are registered."""
    settings.INTERNAL_HOSTS = ["127.0.0.1"]
    with Bank(tmp_path, "bank") as bank, Bank(tmp_path, "till") as till:
        imported.connect(bank, till)
        Tool.objects.filter(qualified_name__in=imported.WRITES).update(timeout_seconds=30)
        yield {"bank": bank, "till": till}


def another(house: Installation) -> None:
    """A second worker, ready to take what the first leaves."""
    before = Worker.count(connection=house.broker.client)
    house.start("worker")
    eventually(lambda: Worker.count(connection=house.broker.client) == before + THREADS, within=30)


def told_to_end(worker: Part, *, grace: float) -> None:
    """SIGTERM; the process is gone within its grace and the moment that giving runs back may take."""
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    eventually(lambda: not worker.alive, within=grace + GIVE_BACK_SECONDS + 1, told="it did not end within its grace")
    print(f"ended {time.monotonic() - began:.1f} s after SIGTERM, grace {grace:g} s")  # noqa: T201


def goes_on(visitor: Visitor) -> Run:
    """Another worker brings everything to rest at once: one effect at most, nothing under way, no crash."""
    began = time.monotonic()
    eventually(lambda: not checker.still_working(), within=AT_ONCE, told=lambda: "\n".join(checker.still_working()))
    print(f"at rest {time.monotonic() - began:.1f} s later")  # noqa: T201
    run = Run.objects.get(ticket__customer__reference=visitor.account.reference)
    # That a colleague was asked is said only when she takes longer than the sentence.
    said = list(Message.objects.filter(ticket=run.ticket, kind=Message.Kind.AGENT).values_list("body", flat=True))
    assert said and len(set(said)) == len(said), "one answer, and nothing is said twice"
    assert run.crashes == 0
    assert not ToolCall.objects.filter(state=State.SENDING).exists()
    return run


def test_in_the_middle_of_a_model_call_that_outlasts_the_grace(world: World, house: Installation) -> None:
    world.script([{"text": ANSWER, "delay": LONG_CALL}])
    first = house.start("worker", GRACE="1")
    (visitor,) = newcomers(1)
    visitor.say(house, "Hello!")
    eventually(lambda: Spend.objects.filter(state=Spend.State.RESERVED).exists(), within=30)
    world.script([{"text": ANSWER}])
    another(house)
    told_to_end(first, grace=1)
    run = goes_on(visitor)
    assert run.state == Run.State.COMPLETED
    assert checker.violations([visitor]) == []


def test_in_the_middle_of_a_model_call_that_ends_within_the_grace(world: World, house: Installation) -> None:
    world.script({"turns": [{"text": ANSWER, "delay": 2}]})
    first = house.start("worker", GRACE="10")
    (visitor,) = newcomers(1)
    visitor.say(house, "Hello!")
    eventually(lambda: Spend.objects.filter(state=Spend.State.RESERVED).exists(), within=30)
    another(house)
    told_to_end(first, grace=10)
    run = goes_on(visitor)
    assert ModelCall.objects.filter(run=run).count() == 1, "what was paid for is not asked again"
    assert checker.violations([visitor]) == []


@pytest.mark.parametrize(("place", "attempts"), [("after_intent", 2), ("after_effect", 1)])
def test_in_the_middle_of_a_refund_in_the_shop(supervised: Installation, place: str, attempts: int) -> None:
    first = supervised.start("worker", GRACE="1", FAILPOINT=f"{place}:hang:1")
    (visitor,) = newcomers(1)
    visitor.say(supervised, f"{visitor.order} arrived broken, I want my money back.")
    eventually(lambda: ToolCall.objects.filter(state=State.SENDING, tool__effect="WRITE").exists(), within=30)
    if place == "after_effect":
        eventually(Refund.objects.exists)
    another(supervised)
    told_to_end(first, grace=1)
    goes_on(visitor)
    call = ToolCall.objects.get(name="store__issue_refund")
    assert (call.state, call.attempt) == (State.SUCCEEDED, attempts)
    assert Refund.objects.count() == 1
    assert checker.violations([visitor]) == []


@pytest.mark.parametrize(
    ("mode", "found"), [("hang", State.SUCCEEDED), ("hang_before", State.OUTCOME_UNKNOWN)], ids=["done", "not done"]
)
def test_in_the_middle_of_calls_to_servers_that_are_not_ours_their_class_decides(
    supervised: Installation, banks: dict[str, Bank], mode: str, found: str
) -> None:
    banks["bank"].fault(mode, times=2)  # the first call of each of its tools
    banks["till"].fault(mode, times=1)
    first = supervised.start("worker", GRACE="1")
    visitors = newcomers(3)
    ways = zip(visitors, ("by key", "by record", "blindly"), strict=True)
    for number, (visitor, way) in enumerate(ways):
        visitor.say(supervised, f"Please pay PAY-800{number} back {way}.")
    eventually(
        lambda: imported.posts(banks) == dict.fromkeys(imported.WRITES, 1),
        within=30,
        told=lambda: f"{imported.posts(banks)}",
    )
    another(supervised)
    told_to_end(first, grace=1)
    for visitor in visitors:
        goes_on(visitor)
    states = dict(ToolCall.objects.filter(name__in=imported.WRITES).values_list("name", "state"))
    assert states == {
        imported.KEYED: State.SUCCEEDED,
        imported.RECONCILABLE: found,
        imported.OPAQUE: State.OUTCOME_UNKNOWN,
    }
    assert imported.posts(banks) == {imported.KEYED: 2, imported.RECONCILABLE: 1, imported.OPAQUE: 1}, "by key only"
    assert sum(imported.effects(banks.values()).values()) == (3 if mode == "hang" else 1)
    assert checker.violations(visitors, imported.effects(banks.values())) == []


def test_a_call_that_ends_within_the_grace_is_concluded_by_its_own_worker(
    supervised: Installation, banks: dict[str, Bank]
) -> None:
    bank = banks["bank"]
    bank.fault("slow", times=1, delay=3)
    first = supervised.start("worker", GRACE="10")
    (visitor,) = newcomers(1)
    visitor.say(supervised, "Please pay PAY-8000 back by key.")
    eventually(lambda: bank.posts(tool="issue_refund"), within=30)
    another(supervised)
    told_to_end(first, grace=10)
    goes_on(visitor)
    call = ToolCall.objects.get(name=imported.KEYED)
    assert (call.state, call.attempt) == (State.SUCCEEDED, 1)
    assert (len(bank.posts(tool="issue_refund")), len(bank.effects())) == (1, 1)
    assert checker.violations([visitor], imported.effects([bank])) == []


def test_a_database_that_hangs_keeps_no_worker_from_ending(world: World, house: Installation) -> None:
    world.script([{"text": ANSWER, "delay": LONG_CALL}])
    first = house.start("worker", GRACE="1")
    (visitor,) = newcomers(1)
    visitor.say(house, "Hello!")
    eventually(lambda: Spend.objects.filter(state=Spend.State.RESERVED).exists(), within=30)
    with transaction.atomic():  # on SQLite this is the lock that every writer needs
        Run.objects.select_for_update().get()
        told_to_end(first, grace=1)
    world.script([{"text": ANSWER}])
    Run.objects.update(lease_until="2020-01-01T00:00:00Z")
    another(house)
    eventually(lambda: not checker.still_working(), within=20, told=lambda: "\n".join(checker.still_working()))
    assert checker.violations([visitor]) == []
