"""From `enqueue` to the first line of the job, in an idle worker: what stands between an approval and its effect."""

import time
from collections.abc import Iterator
from pathlib import Path

from rq import Queue

from tests.bench.processes import processor_seconds, worker
from tests.bench.report import Row, spread
from tests.broker import Broker, eventually
from tests.workers import jobs

TITLE = "RQ: one process of thread workers"
THREADS = 16


def run(broker: Broker, folder: Path, *, quick: bool) -> Iterator[Row]:
    """Pick-up latency when idle, then throughput and processor time per job when busy."""
    broker.client.flushdb()
    queue = Queue("default", connection=broker.client, default_timeout=-1)
    with worker(broker, folder, threads=THREADS) as pid:
        hops = [_hop(queue, folder / f"stamp-{n}") for n in range(20 if quick else 60)]
        yield spread(f"enqueue -> first line of the job, {THREADS} idle threads", hops[5:])
        yield _throughput(queue, pid, 300 if quick else 1000)


def _hop(queue: Queue, path: Path) -> float:
    time.sleep(0.03)
    began = time.time()
    queue.enqueue(jobs.stamp, str(path), result_ttl=0)
    return (float(eventually(lambda: path.exists() and path.read_text())) - began) * 1e3


def _throughput(queue: Queue, pid: int, count: int) -> Row:
    waiting = [Queue.prepare_data(jobs.nothing, result_ttl=0, timeout=-1) for _ in range(count)]
    cpu, began = processor_seconds(pid), time.perf_counter()
    queue.enqueue_many(waiting)
    eventually(lambda: queue.count == 0 and queue.started_job_registry.get_job_count(cleanup=False) == 0, within=60)
    wall, spent = time.perf_counter() - began, processor_seconds(pid) - cpu
    figures = (("CPU ms/job", spent / count * 1e3), ("jobs/s", count / wall), ("n", count))
    return Row(f"empty jobs, {THREADS} threads", figures)
