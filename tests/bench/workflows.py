"""Whole workflows: what a step costs, how many go through, how many statements and commits one takes."""

import time
from collections.abc import Iterator

from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.bench.report import Row
from tests.bench.story import TURNS, Shop, model

TITLE = f"The refund workflow: {TURNS} model calls, 2 reads, 1 approval, 1 refund, audited and budgeted"
WARM_UP = 3


def run(shop: Shop, *, quick: bool) -> Iterator[Row]:
    """One at a time for the cost of a step, then up to 64 in flight with a model that answers at once or in 1 s."""
    with model():
        for customer in shop.customers(WARM_UP):
            shop.whole(customer)
        yield _statements(shop)
        yield _cost_of_a_step(shop, 10 if quick else 40)
        yield _throughput(shop, 16, 32 if quick else 96, latency_ms=0)
    with model(latency_ms=1000):
        yield _throughput(shop, 1, 1 if quick else 3, latency_ms=1000)
        yield _throughput(shop, 16, 16 if quick else 64, latency_ms=1000)
        yield _throughput(shop, 64, 64 if quick else 128, latency_ms=1000)


def _statements(shop: Shop) -> Row:
    [customer] = shop.customers(1)
    with CaptureQueriesContext(connection) as captured:
        shop.whole(customer)
    first_words = [query["sql"].split()[0] for query in captured.captured_queries]
    inside, commits = False, 0
    for word in first_words:
        inside = word == "BEGIN" or (inside and word not in ("COMMIT", "ROLLBACK"))
        # Outside a transaction a write is its own commit; a claim is one.
        commits += word == "COMMIT" or (not inside and word in ("INSERT", "UPDATE", "DELETE"))
    return Row("one workflow", (("statements", len(first_words)), ("commits", commits)))


def _cost_of_a_step(shop: Shop, count: int) -> Row:
    customers = shop.customers(count)
    wall, cpu = time.perf_counter(), time.process_time()
    for customer in customers:
        shop.whole(customer)
    spent_cpu, spent_wall = time.process_time() - cpu, time.perf_counter() - wall
    steps = count * TURNS
    figures = (
        ("CPU ms/step", spent_cpu / steps * 1e3),
        ("wall ms/step", spent_wall / steps * 1e3),
        ("workflows/s", count / spent_wall),
        ("n", count),
    )
    return Row("1 in flight, model answers at once", figures)


def _throughput(shop: Shop, threads: int, count: int, *, latency_ms: int) -> Row:
    customers = shop.customers(count)
    wall, cpu = time.perf_counter(), time.process_time()
    shop.in_flight(customers, threads)
    spent_cpu, spent_wall = time.process_time() - cpu, time.perf_counter() - wall
    figures = (
        ("CPU ms/step", spent_cpu / count / TURNS * 1e3),
        ("workflows/s", count / spent_wall),
        *((("of ideal", count / spent_wall / (threads / TURNS / latency_ms * 1e3)),) if latency_ms else ()),
        ("n", count),
    )
    return Row(f"{threads} in flight, model answers {'in 1 s' if latency_ms else 'at once'}", figures)
