import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from rq import Queue, Worker

from agents.workers import BLOCK_SECONDS
from tests.broker import eventually
from tests.workers import jobs


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_every_thread_is_a_worker_that_says_it_is_alive(shared_worker):
    pid, queue = shared_worker
    found = Worker.all(connection=queue.connection)
    assert [worker.pid for worker in found] == [pid] * 4
    ages = [datetime.now(UTC) - worker.last_heartbeat.replace(tzinfo=UTC) for worker in found]
    assert max(ages).total_seconds() < 60


def test_jobs_run_at_once_in_one_process(shared_worker, tmp_path):
    _, queue = shared_worker
    began = time.monotonic()
    for number in range(4):
        queue.enqueue(jobs.nap, str(tmp_path / f"{number}"), 1.0)
    eventually(lambda: all(lines(tmp_path / f"{n}")[-1:] == ["ended"] for n in range(4)))
    assert time.monotonic() - began < 3


def test_a_job_that_fails_leaves_its_thread_working(shared_worker, tmp_path):
    _, queue = shared_worker
    failed = [queue.enqueue(jobs.fail) for _ in range(8)]
    for number in range(4):
        queue.enqueue(jobs.nap, str(tmp_path / f"{number}"), 0.5)
    eventually(lambda: all(lines(tmp_path / f"{n}")[-1:] == ["ended"] for n in range(4)))
    assert {job.get_status(refresh=True) for job in failed} == {"failed"}


def test_a_thread_keeps_its_database_connection_from_job_to_job(shared_worker, tmp_path):
    _, queue = shared_worker
    for _ in range(20):
        queue.enqueue(jobs.tell_connection, str(tmp_path / "told"))
    told = eventually(lambda: len(lines(tmp_path / "told")) == 20 and lines(tmp_path / "told"))
    threads = {line.split()[1] for line in told}
    assert len(set(told)) == len(threads) < 20


def test_a_signal_lets_a_running_job_finish_and_takes_no_more(start_worker, queue, broker, tmp_path):
    process = start_worker()
    queue.enqueue(jobs.nap, str(tmp_path / "running"), 1.0)
    eventually(lambda: lines(tmp_path / "running"))
    queue.enqueue(jobs.stamp, str(tmp_path / "waiting"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert lines(tmp_path / "running") == ["began", "ended"]
    assert not (tmp_path / "waiting").exists()
    assert queue.count == 1
    assert Worker.count(connection=broker.client) == 0


def test_idle_workers_end_at_once(start_worker):
    process = start_worker(threads=8)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0
    assert time.monotonic() - began < BLOCK_SECONDS - 1


def test_a_job_that_outlasts_the_grace_is_left_to_its_lease(start_worker, queue, tmp_path):
    process = start_worker("--grace=0.5")
    queue.enqueue(jobs.nap, str(tmp_path / "long"), 60)
    eventually(lambda: lines(tmp_path / "long"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_a_second_signal_ends_the_wait(start_worker, queue, tmp_path):
    process = start_worker()
    queue.enqueue(jobs.nap, str(tmp_path / "long"), 60)
    eventually(lambda: lines(tmp_path / "long"))
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.mark.slow
def test_workers_come_back_when_valkey_was_killed_and_came_back_empty(start_worker, broker, queue: Queue, tmp_path):
    start_worker(threads=3)
    queue.enqueue(jobs.nap, str(tmp_path / "during"), 1.5)
    eventually(lambda: lines(tmp_path / "during"))
    broker.kill()
    time.sleep(1)
    broker.start()
    eventually(lambda: Worker.count(connection=broker.client) == 3)
    queue.enqueue(jobs.stamp, str(tmp_path / "after"))
    eventually((tmp_path / "after").exists)
    assert lines(tmp_path / "during") == ["began", "ended"]


def test_an_unknown_queue_and_a_strange_number_of_threads_are_told():
    with pytest.raises(CommandError, match="nowhere"):
        call_command("run_worker", queues="nowhere")
    with pytest.raises(CommandError, match="between 1 and 256"):
        call_command("run_worker", threads=0)
