"""From `enqueue` to the first line of the job, in an idle worker: what stands between an approval and its effect."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rq import Queue

from tests.bench.processes import processor_seconds, worker
from tests.bench.report import Row, spread
from tests.broker import Broker, eventually
from tests.workers import jobs

TITLE = "RQ: one process of thread workers"
HOPS = 60
JOBS = 1000


def run() -> Iterator[Row]:
    """Pick-up latency when idle, then throughput and processor time per job when busy."""
    for threads in (1, 16, 64):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            broker = Broker(Path(folder))
            try:
                yield from _measure(broker, Path(folder), threads)
            finally:
                broker.kill()


def _measure(broker: Broker, folder: Path, threads: int) -> Iterator[Row]:
    queue = Queue("default", connection=broker.client, default_timeout=-1)
    with worker(broker, folder, threads=threads) as pid:
        hops = [_hop(queue, folder / f"stamp-{n}") for n in range(HOPS)]
        yield spread(f"enqueue to first line, {threads} idle threads", hops[5:])
        yield _throughput(queue, pid, threads)


def _hop(queue: Queue, path: Path) -> float:
    time.sleep(0.03)
    began = time.time()
    queue.enqueue(jobs.stamp, str(path), result_ttl=0)
    return (float(eventually(lambda: path.exists() and path.read_text())) - began) * 1e3


def _throughput(queue: Queue, pid: int, threads: int) -> Row:
    waiting = [Queue.prepare_data(jobs.nothing, result_ttl=0, timeout=-1) for _ in range(JOBS)]
    cpu, began = processor_seconds(pid), time.perf_counter()
    queue.enqueue_many(waiting)
    eventually(lambda: queue.count == 0 and queue.started_job_registry.get_job_count(cleanup=False) == 0, within=60)
    wall, spent = time.perf_counter() - began, processor_seconds(pid) - cpu
    figures = (("jobs/s", JOBS / wall), ("CPU ms/job", spent / JOBS * 1e3), ("n", JOBS))
    return Row(f"empty jobs, {threads} threads", figures)
