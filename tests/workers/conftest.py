import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rq import Queue, Worker

from tests.broker import Broker, eventually

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def broker() -> Iterator[Broker]:
    with tempfile.TemporaryDirectory(prefix="valkey-") as folder:  # a socket's path must be short
        running = Broker(Path(folder))
        yield running
        running.kill()


@pytest.fixture
def queue(broker: Broker) -> Queue:
    return Queue("default", connection=broker.client, default_timeout=-1)


@pytest.fixture
def start_worker(broker: Broker, tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start `manage.py run_worker` as a process and wait until all its threads are registered."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str, threads: int = 2) -> subprocess.Popen[bytes]:
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "VALKEY_URL": broker.url,
            "SUPPORTAGENT_DATA_DIR": str(tmp_path),
        }
        command = [sys.executable, "manage.py", "run_worker", f"--threads={threads}", *options]
        log = (tmp_path / "worker.log").open("wb")
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        started.append(process)
        eventually(
            lambda: Worker.count(connection=broker.client) == threads,
            within=30,
            told=(tmp_path / "worker.log").read_text(),
        )
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            process.wait()
