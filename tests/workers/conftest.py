import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from rq import Queue, Worker

from tests.broker import Broker, eventually

ROOT = Path(__file__).parent.parent.parent


Starter = Callable[..., subprocess.Popen[bytes]]


@contextmanager
def own_broker() -> Iterator[Broker]:
    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:  # a socket's path must be short
        running = Broker(Path(folder))
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def worker_process(broker: Broker, folder: Path, threads: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py run_worker` as a process, with all its threads registered."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "VALKEY_URL": broker.url,
        "SUPPORTAGENT_DATA_DIR": str(folder),
    }
    command = [sys.executable, "manage.py", "run_worker", f"--threads={threads}", *options]
    log = folder / "worker.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        eventually(lambda: Worker.count(connection=broker.client) == threads, within=60, told=log.read_text)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def broker() -> Iterator[Broker]:
    with own_broker() as running:
        yield running


@pytest.fixture
def queue(broker: Broker) -> Queue:
    return Queue("default", connection=broker.client, default_timeout=-1)


@pytest.fixture
def start_worker(broker: Broker, tmp_path: Path) -> Iterator[Starter]:
    """Start a worker process that the test may stop; what is left of it is killed afterwards."""
    with ExitStack() as stack:
        yield lambda *options, threads=1: stack.enter_context(worker_process(broker, tmp_path, threads, *options))


@pytest.fixture(scope="module")
def shared_worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, Queue]]:
    """The process id and the queue of a worker with four threads that no test stops."""
    with (
        own_broker() as broker,
        worker_process(broker, tmp_path_factory.mktemp("worker"), 4) as process,
    ):
        yield process.pid, Queue("default", connection=broker.client, default_timeout=-1)
