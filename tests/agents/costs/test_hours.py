"""The ledger by the hour: sums that are written once, and always come to what the attempts themselves come to."""

import random
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.costs import budgets, hours
from agents.costs.hours import DIMENSIONS, FIGURES, Sums, roll_up, spent
from agents.models import Budget, Run, Spend, SpendHour
from agents.scheduler import duties
from tests.agents.costs.ledger import book, make_run
from tests.world import World

NOW = datetime(2026, 3, 12, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
MONTH = {"since": NOW - timedelta(days=30), "until": NOW + timedelta(days=1)}


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(hours, "database_now", lambda: NOW)
    return make_run(world, NOW)


def by_hand(
    rows: list[Spend], since: datetime, until: datetime, by: tuple[str, ...], agents: list[str] | None
) -> dict[Any, Sums]:
    """The same from the attempts themselves, one after another."""
    found: dict[Any, Sums] = {}
    for row in rows:
        if since <= row.created_at < until and (agents is None or row.agent in agents):
            at = row.created_at.replace(minute=0, second=0, microsecond=0)
            times = {"hour": at, "day": at.replace(hour=0)}
            key = tuple(times.get(name) or getattr(row, name) for name in by)
            found[key] = found.get(key, Sums()) + Sums(1, *(getattr(row, name) for name in FIGURES))
    return found


def a_ledger(run: Run, dice: random.Random) -> None:
    """Five days of attempts of all kinds, some at the very edge of an hour; nothing in some hours."""
    states = ["settled"] * 6 + ["forfeited", "released"]
    for _ in range(60):
        at = NOW - timedelta(hours=dice.randrange(120), minutes=dice.randrange(60))
        if dice.random() < 0.3:
            at = at.replace(minute=0)
        state = dice.choice(states)
        micros = dice.randrange(1, 5_000_000) if state != "released" else 0
        tokens = {name: dice.randrange(9000) for name in FIGURES[1:]}
        names = {"agent": dice.choice(["a", "b", ""]), "model": dice.choice(["m", "n"]), "state": state}
        book(run, micros, at, category=dice.choice(["payment", "other"]), **names, **tokens)


@pytest.mark.parametrize("seed", range(2))
def test_sums_of_hours_and_attempts_together_are_what_the_attempts_alone_come_to(run: Run, seed: int) -> None:
    dice = random.Random(seed)
    a_ledger(run, dice)
    rows = list(Spend.objects.filter(state__in=["settled", "forfeited"]))
    groupings: list[tuple[str, ...]] = [(), DIMENSIONS, ("day", "agent"), ("hour",)]
    for limit in (0, 3, 1000):
        roll_up(limit=limit)
        for by in groupings:
            edges = [NOW - timedelta(minutes=dice.randrange(130 * 60)) for _ in range(2)]
            whole = [each.replace(minute=0) for each in edges]
            for since, until in (sorted(edges), sorted(whole), [NOW - timedelta(days=9), NOW + HOUR], [NOW, NOW]):
                for agents in (None, ["a", "b"]):
                    stretch = {"since": since, "until": until, "by": by, "agents": agents}
                    assert spent(**stretch) == by_hand(rows, since, until, by, agents), (limit, stretch)
    assert SpendHour.objects.count() > 20
    assert roll_up() == 0


def test_an_hour_is_summed_when_no_attempt_of_it_is_open_any_more_and_never_again(run: Run) -> None:
    at = NOW - 2 * HOUR
    book(run, 5, NOW - 3 * HOUR)
    book(run, 7, at)
    budget = Budget.objects.get(scope="organisation")
    Budget.objects.filter(pk=budget.pk).update(reserved=9)
    open_one = book(run, 0, at, state="reserved", reserved=9, budget_ids=[budget.pk])
    assert roll_up() == 1, "the hour before it"
    assert roll_up() == 0
    budgets.settle(open_one, charged=4)
    assert roll_up() == 1
    assert spent(**MONTH) == {(): Sums(3, 16)}
    assert roll_up() == 0
    assert SpendHour.objects.get(hour=at.replace(minute=0)).charged == 11


def test_the_last_minutes_of_an_hour_wait_for_attempts_that_are_being_written(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    book(run, 5, NOW.replace(hour=13, minute=59))
    monkeypatch.setattr(hours, "database_now", lambda: NOW.replace(minute=4))
    assert roll_up() == 0
    monkeypatch.setattr(hours, "database_now", lambda: NOW.replace(minute=5))
    assert roll_up() == 1


def test_an_hour_takes_as_many_statements_with_many_attempts_and_an_empty_stretch_none(run: Run) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert roll_up(limit=1) == 1
        return len(queries)

    book(run, 1, NOW - timedelta(days=20))
    roll_up()
    book(run, 1, NOW - timedelta(days=10))
    for number in range(12):
        book(run, 1, NOW - HOUR * 5, agent=f"a{number}", model=f"m{number % 5}")
    assert statements() == statements()
    with CaptureQueriesContext(connection) as queries:
        spent(**MONTH, by=("day",))
    assert len(queries) == 3


def test_a_call_sums_a_bounded_number_of_hours_and_the_scheduler_goes_on_every_minute(run: Run) -> None:
    for number in range(5):
        book(run, 1, NOW - HOUR * (number + 2))
    assert roll_up(limit=3) == 3
    [duty] = [duty for duty in duties() if duty.act is roll_up]
    assert (duty.every, duty.act()) == (60, 2)


@pytest.mark.django_db(transaction=True)
def test_processes_that_sum_at_the_same_time_write_every_hour_once(run: Run) -> None:
    for number in range(12):
        book(run, number + 1, NOW - HOUR * (number + 2))
    together, written = threading.Barrier(3), []

    def work() -> None:
        try:
            together.wait()
            written.append(roll_up())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(written) == 12
    rows = list(SpendHour.objects.order_by("hour").values_list("hour", "charged"))
    assert [charged for _, charged in rows] == list(range(12, 0, -1))
    assert all(later - earlier == HOUR for (earlier, _), (later, _) in pairwise(rows))
