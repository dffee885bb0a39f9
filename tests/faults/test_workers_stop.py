"""Workers are paused, told to end, starved of memory and disk, or lose their scheduler (F10-F12, F14, F22)."""

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from agents.models import Run, ToolCall
from supportagent.store.models import Refund
from supportagent.tickets.models import HandOver
from tests.broker import eventually
from tests.faults import checker
from tests.faults.installation import Installation, installed
from tests.faults.people import Supervisor, Visitor, newcomers, open_shop
from tests.faults.stories import REFUNDS
from tests.world import World

pytestmark = pytest.mark.faults


@pytest.fixture
def house(world: World, tmp_path: Path) -> Iterator[Installation]:
    """An installation with a supervisor at work and one worker, which each test starts for itself."""
    world.script(REFUNDS)
    open_shop()
    with installed(tmp_path, str(tmp_path / "script.json"), but="worker") as running:
        supervisor = Supervisor(running, world.ana)
        supervisor.start()
        yield running
        supervisor.go_home()


def ask_for_money(house: Installation) -> Visitor:
    """A customer whose refund a supervisor approves (every fifth request is rejected, the first is not)."""
    (visitor,) = newcomers(1)
    visitor.say(house, f"{visitor.order} arrived broken, I want my money back.")
    return visitor


def settled(visitor: Visitor, *, within: float = 40) -> None:
    eventually(lambda: not checker.still_working(), within=within, told=lambda: "\n".join(checker.still_working()))
    assert checker.violations([visitor]) == []


def stopped(house: Installation) -> Callable[[], bool]:
    """Whether the first worker has stopped itself at its failpoint."""
    pid = house.of("worker")[0].pid
    return lambda: Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


@pytest.mark.parametrize("place", ["after_intent", "after_effect"])
def test_a_worker_that_wakes_up_after_its_lease_went_to_another_changes_nothing(
    house: Installation, place: str
) -> None:
    house.start("worker", FAILPOINT=f"{place}:stop:1")
    visitor = ask_for_money(house)
    eventually(stopped(house), within=40, told=lambda: house.said("worker"))
    sleeper = house.of("worker")[0]
    house.start("worker")
    settled(visitor)
    call = ToolCall.objects.get(name="store__issue_refund")
    before = (call.state, call.attempt, call.result)

    sleeper.signal(signal.SIGCONT)
    eventually(lambda: "taken by somebody else" in house.said("worker") or stopped(house)() is False, within=10)
    threading.Event().wait(2)  # it finishes whatever it still believes in
    call.refresh_from_db()
    assert (call.state, call.attempt, call.result) == before
    assert Refund.objects.count() == 1
    settled(visitor)


def test_a_worker_that_runs_out_of_memory_three_times_gives_the_ticket_to_a_person(house: Installation) -> None:
    house.start("worker", FAILPOINT="reserved:exhaust")
    visitor = ask_for_money(house)
    settled(visitor)
    run = Run.objects.get(ticket__customer__reference=visitor.account.reference)
    assert (run.state, run.crashes) == (Run.State.PARKED, 3)
    assert HandOver.objects.filter(ticket=run.ticket).exists()
    assert house.of("worker"), "the process itself goes on for the others"


def test_a_worker_that_is_told_to_end_finishes_or_leaves_rows_that_another_goes_on_from(house: Installation) -> None:
    first = house.start("worker")
    visitors = newcomers(6)
    for visitor in visitors:
        visitor.say(house, f"{visitor.order} arrived broken, I want my money back.")
    eventually(lambda: ToolCall.objects.exists(), within=30)
    first.signal(signal.SIGTERM)
    eventually(lambda: not first.alive, within=10, told="it did not end within its grace")
    assert not ToolCall.objects.filter(state=ToolCall.State.SENDING).exists(), "it was told, not killed"
    house.start("worker")
    eventually(lambda: not checker.still_working(), within=60, told=lambda: "\n".join(checker.still_working()))
    assert checker.violations(visitors) == []
    assert not Run.objects.filter(crashes__gt=0).exists()


def test_an_emptied_or_killed_valkey_in_the_middle_of_the_work_loses_no_run(house: Installation) -> None:
    house.start("worker")
    visitors = newcomers(6)
    for visitor in visitors:
        visitor.say(house, f"{visitor.order} arrived broken, I want my money back.")
        house.broker.client.flushall()
    house.broker.kill()
    threading.Event().wait(1)
    house.broker.start()
    eventually(lambda: not checker.still_working(), within=60, told=lambda: "\n".join(checker.still_working()))
    assert checker.violations(visitors) == []


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_a_full_disk_stops_effects_and_the_work_goes_on_when_there_is_space(house: Installation, settings: Any) -> None:
    (visitor,) = newcomers(1)
    size = Path(connection.settings_dict["NAME"]).stat().st_size
    full = house.start("worker", FILE_LIMIT=str(size // 4))
    visitor.say(house, f"{visitor.order} arrived broken, I want my money back.")
    eventually(lambda: "disk" in house.said("worker") or "full" in house.said("worker"), within=30)
    assert not ToolCall.objects.filter(state=ToolCall.State.SENDING).exists(), "no intent, so nothing was sent"
    assert not Refund.objects.exists()
    full.kill()
    house.start("worker")
    settled(visitor, within=60)
