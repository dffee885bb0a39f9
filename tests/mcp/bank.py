"""The faulty payment server as tests use it: started, told what to do wrong, killed, and its ledger read.

::

    with Bank(tmp_path) as bank:                  # or Bank(tmp_path, modern=True)
        bank.fault("closed_after", times=1)       # the next write is done, but nobody hears of it
        ...                                       # let a run call the tools at bank.url
        assert len(bank.effects(key=str(call.pk))) == 1
        bank.kill(); bank.start()                 # the same port, the same ledger
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any
from uuid import uuid4

SERVER = str(Path(__file__).with_name("faulty_server.py"))


class Book:
    """The ledger and the fault file of a server, whoever runs it."""

    def __init__(self, folder: Path, name: str = "ledger") -> None:
        self.path = folder / name
        self._begin = self._epoch = 0

    def forget(self) -> None:
        """Begin anew without another process: nothing was paid, no key is known, nothing goes wrong."""
        self._begin = self.path.stat().st_size
        self._epoch += 1
        self.fault("ok")

    def fault(self, mode: str, *, times: int = 0, tool: str = "", delay: float = 0) -> None:
        """How the next `times` calls (0: all) of `tool` (empty: of every write) are answered; `ok` ends it."""
        wanted = {"mode": mode, "times": times, "tool": tool, "delay": delay, "nonce": uuid4().hex}
        wanted["epoch"] = self._epoch
        fresh = self.path.with_suffix(".new")
        fresh.write_text(json.dumps(wanted))
        fresh.replace(f"{self.path}.fault")  # in one go: the server reads it at any moment

    def lines(self, what: str = "", *, key: str | None = None, tool: str = "") -> list[dict[str, Any]]:
        """Entries of one kind (`post`, `effect`, `alarm`, `get`, `start`), of one key, of one tool."""
        if not self.path.exists():
            return []
        with self.path.open() as file:
            file.seek(self._begin)
            entries = [json.loads(line) for line in file if line.endswith("\n")]
        return [
            entry
            for entry in entries
            if entry["what"] == (what or entry["what"])
            and (key is None or entry.get("key") == key)
            and entry.get("tool") == (tool or entry.get("tool"))
        ]

    def posts(self, *, key: str | None = None, tool: str = "") -> list[dict[str, Any]]:
        """The `tools/call` requests that arrived."""
        return self.lines("post", key=key, tool=tool)

    def effects(self, *, key: str | None = None, tool: str = "") -> list[dict[str, Any]]:
        """The payments that were really made."""
        return self.lines("effect", key=key, tool=tool)

    def wait_for(self, condition: Callable[[], Any], *, seconds: float = 10) -> Any:
        """The first true value of `condition`, asked every few milliseconds; fails after `seconds`."""
        until = time.monotonic() + seconds
        while not (value := condition()):
            assert time.monotonic() < until, f"not in {seconds} s; the ledger says {self.lines()}"
            time.sleep(0.01)
        return value


class Bank(Book):
    """The server as an own process, reached at `url`."""

    def __init__(self, folder: Path, name: str = "ledger", *, modern: bool = False) -> None:
        super().__init__(folder, name)
        self.modern = modern
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def start(self) -> "Bank":
        """Start it, or start it again on the same port and ledger."""
        more = ["--modern"] if self.modern else []
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", SERVER, "--ledger", str(self.path), "--port", str(self.port), *more],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())
        return self

    def signal(self, number: signal.Signals) -> None:
        """SIGSTOP, SIGCONT and the like."""
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: nothing is cleaned up. `start` brings it back."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdout:
                self.process.stdout.close()
            self.process = None

    def __enter__(self) -> "Bank":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()


class StdioBank(Book):
    """The same server for a row that starts it itself: `command` is what belongs into MCPServer.command."""

    @property
    def command(self) -> list[str]:
        return [sys.executable, "-S", "-E", SERVER, "--ledger", str(self.path), "--stdio"]

    def pids(self) -> list[int]:
        """Of every process of it that was ever started, its children included."""
        return [line["pid"] for line in self.lines() if line["what"] in ("start", "child")]

    def alive(self) -> list[int]:
        """Those that still run (a zombie does not)."""
        return [pid for pid in self.pids() if _runs(pid)]

    def end(self) -> None:
        for pid in self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
