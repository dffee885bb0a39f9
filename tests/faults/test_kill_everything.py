"""Everything is killed at random while fifty customers ask for their money (F39): nothing is lost, nothing is twice."""

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum

from agents.models import Run, ToolCall
from supportagent.store.models import Refund
from tests.broker import eventually
from tests.faults import checker, imported
from tests.faults.installation import Installation, installed
from tests.faults.people import Supervisor, Visitor, at_intervals, newcomers, open_shop
from tests.faults.stories import REFUNDS
from tests.mcp.bank import Bank
from tests.world import World

pytestmark = pytest.mark.faults

TICKETS, KILLS = 50, 200
# What is struck, and how often among the others. The bank keeps its ledger when it dies.
KILLED = {"worker": 10, "scheduler": 2, "web": 3, "valkey": 1, "database": 2, "bank": 1}
STRIKES = {**KILLED, "an answer": 3}
POINTS = ("before_intent", "after_intent", "after_effect", "reply_committed", "reserved", "committed", "after_enqueue")


def asks(number: int, visitor: Visitor) -> str:
    """Half of the customers paid in the shop, the others through servers that are not ours."""
    way = ("by key", "by record", "blindly")[number // 2 % 3]
    bought = f"{visitor.order} arrived broken, I want my money back."
    return bought if number % 2 else f"Please pay PAY-8{number:03} back {way}."


def test_two_hundred_kills_during_fifty_tickets_lose_nothing_and_repeat_nothing(
    world: World, tmp_path: Path, settings: Any
) -> None:
    seed = int(os.environ.get("FAULT_SEED", "0")) or random.randrange(1, 10**6)
    print(f"FAULT_SEED={seed}")  # noqa: T201 - so that a failure can be played again
    dice = random.Random(seed)
    settings.INTERNAL_HOSTS = ["127.0.0.1"]
    world.script(REFUNDS)
    open_shop()
    visitors = newcomers(TICKETS)
    with (
        Bank(tmp_path, "bank") as bank,
        Bank(tmp_path, "till") as till,
        installed(tmp_path, str(tmp_path / "script.json")) as house,
    ):
        banks = (bank, till)
        imported.connect(*banks)
        supervisors = [Supervisor(house, user, rejects_every=5) for user in (world.ana, world.finance)]
        for supervisor in supervisors:
            supervisor.start()
        visits = [lambda n=n, v=v: v.say(house, asks(n, v)) for n, v in enumerate(visitors)]
        threads = at_intervals(visits, within=90)
        struck: Counter[str] = Counter()
        while sum(struck[what] for what in KILLED) < KILLS:
            struck[strike(house, banks, dice)] += 1
        for thread in threads:
            thread.join(120)
            assert not thread.is_alive(), "a customer is still trying to be heard"
        calm(house, banks)
        eventually(lambda: not checker.still_working(), within=90, told=lambda: "\n".join(checker.still_working()))
        for supervisor in supervisors:
            supervisor.go_home()

        print(f"\nstruck {dict(struck)}; started {dict(house.started)}")  # noqa: T201
        report(visitors, supervisors, banks)
        assert checker.violations(visitors, imported.effects(banks)) == [], house.said("worker")[-4000:]
        assert Refund.objects.exists()
        assert imported.effects(banks), "no imported refund was made"
        told = [status for person in (*visitors, *supervisors) for status in person.answers]
        assert 500 not in told, "a fault showed as a broken page"
        assert Run.objects.filter(crashes__gt=0).exists(), "the faults hit nobody"


def strike(house: Installation, banks: tuple[Bank, ...], dice: random.Random) -> str:
    """One fault, and what it hit: something is killed or cut now, and its successor may die where it hurts."""
    kind = dice.choices(tuple(STRIKES), weights=tuple(STRIKES.values()))[0]
    if kind == "database" and connection.vendor != "postgresql":
        kind = "worker"
    if kind == "valkey":
        house.broker.kill()
        time.sleep(dice.uniform(0, 0.3))
        house.broker.start()
    elif kind == "bank":
        bank = dice.choice(banks)
        bank.kill()
        bank.start()
    elif kind == "an answer":
        _lose_answers(dice.choice(banks), dice)
    elif kind == "database":
        _cut_connections(dice)
    else:
        _end(house, kind, dice)
    changes = {"FAILPOINT": f"{dice.choice(POINTS)}:kill:{dice.randint(1, 6)}"} if dice.random() < 0.5 else {}
    house.mend(**changes)
    time.sleep(dice.uniform(0.05, 0.4))
    return kind


def _end(house: Installation, kind: str, dice: random.Random) -> None:
    part = dice.choice(house.of(kind) or house.parts)
    part.signal(dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
    eventually(lambda: not part.alive or part.kind != "worker", within=10)
    if part.alive:
        part.kill()


def _lose_answers(bank: Bank, dice: random.Random) -> None:
    """The paying side loses the answers to its next writes, or to its next reads."""
    tool = dice.choice(("", "", "get_payment"))
    bank.fault(dice.choice(imported.MISHAPS), times=dice.randint(1, 3), tool=tool)


def report(visitors: list[Visitor], supervisors: list[Supervisor], banks: tuple[Bank, ...]) -> None:
    """What the faults met, for whoever reads the run."""
    calls = ToolCall.objects.filter(tool__effect="WRITE").values_list("name", "state")
    runs = Run.objects.values_list("state", flat=True)
    said = [status for person in (*visitors, *supervisors) for status in person.answers]
    crashes = Run.objects.aggregate(total=Sum("crashes"))["total"]
    repeated = ToolCall.objects.filter(attempt__gt=1).count()
    print(  # noqa: T201
        f"runs {dict(Counter(runs))}, {crashes} crashes survived; calls "
        f"{ {' '.join(pair): count for pair, count in Counter(calls).items()} }, {repeated} tried again; "
        f"{sum(imported.effects(banks).values())} payments outside; "
        f"web answered {dict(Counter(said))} (0: nobody there)"
    )


def calm(house: Installation, banks: tuple[Bank, ...]) -> None:
    """No more faults: every process is replaced by one that nothing will kill."""
    for bank in banks:
        bank.fault("ok")
    for part in house.parts:
        part.kill()
    house.mend()
    house.wait_until_up()


def _cut_connections(dice: random.Random) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        )
        others = [pid for (pid,) in cursor.fetchall()]
        for pid in dice.sample(others, min(3, len(others))):
            cursor.execute("SELECT pg_terminate_backend(%s)", [pid])
