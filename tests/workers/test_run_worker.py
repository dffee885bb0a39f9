import signal
import subprocess
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from rq import Queue, Worker

from tests.broker import eventually
from tests.workers import jobs


def lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []


def test_every_thread_is_a_worker_that_says_it_is_alive(start_worker, broker):
    process = start_worker(threads=3)
    found = Worker.all(connection=broker.client)
    assert {worker.pid for worker in found} == {process.pid}
    ages = [datetime.now(UTC) - worker.last_heartbeat.replace(tzinfo=UTC) for worker in found]
    assert max(ages).total_seconds() < 30


def test_jobs_run_at_once_in_one_process(start_worker, queue, tmp_path):
    start_worker(threads=4)
    began = time.monotonic()
    for number in range(4):
        queue.enqueue(jobs.nap, str(tmp_path / f"{number}"), 1.0)
    eventually(lambda: all(lines(tmp_path / f"{n}")[-1:] == ["ended"] for n in range(4)))
    assert time.monotonic() - began < 3


def test_a_job_that_fails_leaves_the_worker_working(start_worker, queue, tmp_path):
    start_worker(threads=1)
    failed = queue.enqueue(jobs.fail)
    queue.enqueue(jobs.stamp, str(tmp_path / "stamp"))
    eventually((tmp_path / "stamp").exists)
    assert failed.get_status(refresh=True) == "failed"


def test_a_thread_keeps_its_database_connection_from_job_to_job(start_worker, queue, tmp_path):
    start_worker(threads=1)
    for _ in range(5):
        queue.enqueue(jobs.tell_connection, str(tmp_path / "told"))
    eventually(lambda: len(lines(tmp_path / "told")) == 5)
    assert len(set(lines(tmp_path / "told"))) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_running_jobs_finish_and_takes_no_more(start_worker, queue, broker, tmp_path, number):
    process = start_worker(threads=1)
    queue.enqueue(jobs.nap, str(tmp_path / "running"), 1.0)
    eventually(lambda: lines(tmp_path / "running"))
    queue.enqueue(jobs.stamp, str(tmp_path / "waiting"))
    process.send_signal(number)
    assert process.wait(10) == 0
    assert lines(tmp_path / "running") == ["began", "ended"]
    assert not (tmp_path / "waiting").exists()
    assert queue.count == 1
    assert Worker.count(connection=broker.client) == 0


def test_idle_workers_end_at_once(start_worker):
    process = start_worker(threads=8)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - began < 2


def test_a_job_that_outlasts_the_grace_is_left_to_its_lease(start_worker, queue, tmp_path):
    process = start_worker("--grace=0.5", threads=1)
    queue.enqueue(jobs.nap, str(tmp_path / "long"), 60)
    eventually(lambda: lines(tmp_path / "long"))
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0


def test_a_second_signal_ends_the_wait(start_worker, queue, tmp_path):
    process = start_worker(threads=1)
    queue.enqueue(jobs.nap, str(tmp_path / "long"), 60)
    eventually(lambda: lines(tmp_path / "long"))
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0


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
