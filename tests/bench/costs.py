"""What the caps cost a model call, and how fast the pages about cost answer over a large ledger.

Reserving and settling are measured with 16 runs at a time, each on a thread with a connection of its own, all of them
drawing on the same agent's and organisation's budgets: processor time of the thread, without the transaction around
each, which holds more than these in a worker.
The pages are asked for through Django's test client, with everything from the session to the finished HTML.
"""

import threading
import time
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction
from django.test import Client

from agents.costs import budgets, hours
from agents.lease import claim
from agents.models import Run, Spend
from agents.providers.base import Usage
from supportagent.tickets.models import Ticket
from tests.bench.copies import analyse, copy, new_key, seconds_ago
from tests.bench.report import Row, spread
from tests.bench.story import Shop, model

TITLE = "Costs: reserving and settling with 16 runs at a time; pages over a large ledger of 90 days"
RUNS = 16
LEDGER, ATTEMPTS = 1_000_000, 10  # rows; of them each run has so many
DAYS = 90
USAGE = Usage(900, 60)


def run(shop: Shop, *, quick: bool) -> Iterator[Row]:
    """First what a call pays, then the pages before and after the ledger is summed by the hour."""
    yield from _paying(shop, 20 if quick else 200)
    ledger, times = (LEDGER // 10, 5) if quick else (LEDGER, 15)
    began = time.perf_counter()
    _fill(shop, ledger)
    yield Row(f"{ledger:,} ledger rows written", (("s", time.perf_counter() - began),))
    client = Client()
    client.force_login(shop.world.admin)
    yield _answers(client, "costs, 28 days, nothing summed yet", "/console/costs/?period=28", 5)
    began = time.perf_counter()
    count = 0
    while done := hours.roll_up():
        count += done
    seconds = time.perf_counter() - began
    yield Row(f"{count:,} hours summed", (("s", seconds), ("ms per hour", seconds / max(count, 1) * 1e3)))
    analyse()
    today = hours.database_now().date()
    for query in ("period=today", "period=7", "period=28", f"from={today.replace(year=today.year - 1)}&to={today}"):
        yield _answers(client, f"costs, {query}", f"/console/costs/?{query}", times)
    yield _answers(client, "costs, one team’s reader, 28 days", "/console/costs/?period=28", times, shop.world.ana)
    yield _answers(client, "dashboard", "/console/", times, shop.world.admin)


def _paying(shop: Shop, times: int) -> Iterator[Row]:
    runs = [claimed.run for ticket in _tickets(shop) if (claimed := claim(ticket.runs.get().pk))]
    spent: list[tuple[float, float, int, int]] = []
    together = threading.Barrier(len(runs))

    def work(one: Run) -> None:
        try:
            spent.append(_pay(one, times, together))
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=[one]) for one in runs]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall, calls = time.perf_counter() - began, times * len(runs)
    reserving, settling = (sum(each[place] for each in spent) / calls * 1e3 for place in (0, 1))
    statements = [sum(each[place] for each in spent) / calls for place in (2, 3)]
    yield Row("reserve", (("CPU ms", reserving), ("statements", statements[0]), ("n", calls)))
    yield Row("settle", (("CPU ms", settling), ("statements", statements[1]), ("n", calls)))
    yield Row("together", (("CPU ms", reserving + settling), ("calls/s", calls / wall), ("n", calls)))


def _tickets(shop: Shop) -> list[Ticket]:
    return [shop.world.write("Hello", customer=customer) for customer in shop.customers(RUNS)]


def _pay(one: Run, times: int, together: threading.Barrier) -> tuple[float, float, int, int]:
    """Processor seconds and statements of so many reservations and settlements."""
    seen: list[str] = []

    def count(execute: Any, sql: str, *rest: Any) -> Any:
        seen.append(sql)
        return execute(sql, *rest)

    cpu, statements = [0.0, 0.0], [0, 0]
    one.ticket.customer, one.its_agent  # noqa: B018 - a worker has read them before
    with connection.execute_wrapper(count):
        for number in range(-5, times):
            if number == 0:
                together.wait()
                cpu, statements = [0.0, 0.0], [0, 0]
            seen.clear()
            with transaction.atomic():
                began = time.thread_time()
                spend = budgets.reserve(run=one, amount=1000, price_id="bench", provider="bench", model="bench")
                cpu[0] += time.thread_time() - began
            first = len(seen)
            with transaction.atomic():
                began = time.thread_time()
                budgets.settle(spend, charged=700, usage=USAGE, request_id="bench")
                cpu[1] += time.thread_time() - began
            statements[0] += first
            statements[1] += len(seen) - first
    return cpu[0], cpu[1], statements[0], statements[1]


def _answers(client: Client, what: str, path: str, times: int, person: Any = None) -> Row:
    if person is not None:
        client.force_login(person)
    took = []
    for number in range(times + 1):
        began = time.perf_counter()
        answer = client.get(path)
        if answer.status_code != 200:
            raise RuntimeError(f"{path} answered {answer.status_code}")
        if number:  # the first one reads templates
            took.append((time.perf_counter() - began) * 1e3)
    return spread(what, took)


def _fill(shop: Shop, count: int) -> None:
    """Attempts of 90 days by eight agents, six models and all categories; ten to a run, one run to a ticket."""
    with model():
        [customer] = shop.customers(1)
        shop.whole(customer)
    first = Run.objects.of_agents().filter(state=Run.State.COMPLETED).latest("created_at")
    runs = count // ATTEMPTS
    apart = DAYS * 86400 / runs
    ticket = {
        "id": "1000000 + n",
        "number": "'OLD-' || n",
        "state": "'CLOSED'",
        "created_at": seconds_ago(f"n * {apart}"),
        "updated_at": seconds_ago(f"n * {apart}"),
    }
    copy(Ticket, first.ticket_id, ticket, runs)
    past = {
        "id": new_key(),
        "ticket_id": "1000000 + n",
        "turns": "n",
        "ended_because": "'bench'",
        "cost_micros": "(n * 7919) %% 1000003",
        "created_at": seconds_ago(f"n * {apart}"),
    }
    copy(Run, first.pk, past, runs)
    categories = " ".join(f"WHEN {number} THEN '{each}'" for number, each in enumerate(Ticket.Category.values))
    attempt = {
        "id": "1000000 + past.turns * 10 + n",
        "run_id": "past.id",
        "turn": "n",
        "state": "'settled'",
        "charged": "(past.turns * 7919 + n) %% 100003",
        "reserved": "100003",
        "agent": "CASE past.turns %% 4 WHEN 0 THEN one.agent ELSE 'agent-' || (past.turns %% 8) END",
        "model": "'model-' || (past.turns %% 6)",
        "category": f"CASE past.turns %% 12 {categories} END",
        "channel": "CASE past.turns %% 3 WHEN 0 THEN 'email' ELSE 'widget' END",
        "created_at": "past.created_at",
    }
    copy(Spend, first.spends.latest("pk").pk, attempt, ATTEMPTS, "JOIN agents_run past ON past.ended_because = 'bench'")
    analyse()
