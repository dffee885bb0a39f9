"""Workers are paused, told to end, starved of memory and disk, or lose their scheduler (F10-F12, F14, F22)."""

import signal
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from agents.models import Run, ToolCall
from approvals.models import ApprovalRequest
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
    """An installation whose workers each test starts for itself."""
    world.script(REFUNDS)
    open_shop()
    with installed(tmp_path, str(tmp_path / "script.json"), but="worker") as running:
        yield running


@pytest.fixture
def supervisor(world: World, house: Installation) -> Iterator[Supervisor]:
    """Somebody who decides what waits, once a test lets her begin."""
    ana = Supervisor(house, world.ana)
    yield ana
    if ana.is_alive():
        ana.go_home()


@pytest.fixture
def staffed(house: Installation, supervisor: Supervisor) -> Installation:
    """The installation with a supervisor at work."""
    supervisor.start()
    return house


def ask_for_money(house: Installation) -> Visitor:
    """A customer who wants a refund."""
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
    staffed: Installation, place: str
) -> None:
    staffed.start("worker", FAILPOINT=f"{place}:stop:1")
    visitor = ask_for_money(staffed)
    eventually(stopped(staffed), within=40, told=lambda: staffed.said("worker"))
    sleeper = staffed.of("worker")[0]
    staffed.start("worker")
    settled(visitor)
    call = ToolCall.objects.get(name="store__issue_refund")
    before = (call.state, call.attempt, call.result)

    sleeper.signal(signal.SIGCONT)
    eventually(lambda: "taken by somebody else" in staffed.said("worker") or stopped(staffed)() is False, within=10)
    threading.Event().wait(2)  # it finishes whatever it still believes in
    call.refresh_from_db()
    assert (call.state, call.attempt, call.result) == before
    assert Refund.objects.count() == 1
    settled(visitor)


def test_a_worker_that_runs_out_of_memory_three_times_gives_the_ticket_to_a_person(staffed: Installation) -> None:
    staffed.start("worker", FAILPOINT="reserved:exhaust")
    visitor = ask_for_money(staffed)
    settled(visitor)
    run = Run.objects.get(ticket__customer__reference=visitor.account.reference)
    assert (run.state, run.crashes) == (Run.State.PARKED, 3)
    assert HandOver.objects.filter(ticket=run.ticket).exists()
    assert staffed.of("worker"), "the process itself goes on for the others"


def test_a_worker_that_is_told_to_end_finishes_or_leaves_rows_that_another_goes_on_from(staffed: Installation) -> None:
    first = staffed.start("worker")
    visitors = newcomers(6)
    for visitor in visitors:
        visitor.say(staffed, f"{visitor.order} arrived broken, I want my money back.")
    eventually(lambda: ToolCall.objects.exists(), within=30)
    first.signal(signal.SIGTERM)
    eventually(lambda: not first.alive, within=10, told="it did not end within its grace")
    assert not ToolCall.objects.filter(state=ToolCall.State.SENDING).exists(), "it was told, not killed"
    staffed.start("worker")
    eventually(lambda: not checker.still_working(), within=60, told=lambda: "\n".join(checker.still_working()))
    assert checker.violations(visitors) == []
    assert not Run.objects.filter(crashes__gt=0).exists()


def test_an_emptied_or_killed_valkey_in_the_middle_of_the_work_loses_no_run(staffed: Installation) -> None:
    staffed.start("worker")
    visitors = newcomers(6)
    for visitor in visitors:
        visitor.say(staffed, f"{visitor.order} arrived broken, I want my money back.")
        staffed.broker.client.flushall()
    staffed.broker.kill()
    threading.Event().wait(1)
    staffed.broker.start()
    eventually(lambda: not checker.still_working(), within=60, told=lambda: "\n".join(checker.still_working()))
    assert checker.violations(visitors) == []


@pytest.mark.skipif("connection.vendor != 'sqlite'")
def test_a_full_disk_stops_effects_and_the_work_goes_on_when_there_is_space(
    staffed: Installation, settings: Any
) -> None:
    (visitor,) = newcomers(1)
    size = Path(connection.settings_dict["NAME"]).stat().st_size
    full = staffed.start("worker", FILE_LIMIT=str(size // 4))
    visitor.say(staffed, f"{visitor.order} arrived broken, I want my money back.")
    eventually(lambda: "disk" in staffed.said("worker") or "full" in staffed.said("worker"), within=30)
    assert not ToolCall.objects.filter(state=ToolCall.State.SENDING).exists(), "no intent, so nothing was sent"
    assert not Refund.objects.exists()
    full.kill()
    staffed.start("worker")
    settled(visitor, within=60)


# SQLite runs inside the process and has its clock; PostgreSQL has one of its own.
@pytest.mark.skipif("connection.vendor != 'postgresql'")
@pytest.mark.parametrize("shift", [86_400, -3_600], ids=["a day ahead", "an hour behind"])
def test_a_process_with_a_wrong_clock_ends_no_lease_and_no_request_early(
    house: Installation, supervisor: Supervisor, shift: int
) -> None:
    for part in house.of("scheduler"):
        part.kill()
    house.start("scheduler", CLOCK_SHIFT=str(shift))
    house.start("worker", CLOCK_SHIFT=str(shift))
    house.start("worker")
    visitor = ask_for_money(house)
    request = eventually(lambda: ApprovalRequest.objects.pending().first(), within=40)
    assert timedelta(hours=3) < request.expires_at - timezone.now() < timedelta(hours=5), "by the database's clock"
    threading.Event().wait(3)  # several rounds of every duty
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.PENDING
    supervisor.start()
    settled(visitor)
    assert not Run.objects.filter(crashes__gt=0).exists(), "a lease was taken from a worker that lived"
    assert Refund.objects.count() == 1
