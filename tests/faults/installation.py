"""A whole installation as processes that may be killed at any moment: web, workers, scheduler, Valkey.

Its processes are forked from zygotes, which outlive a test: to import the product costs more than most tests. So the
port and the socket are the same in every test of a session, and the next installation finds its zygotes ready.
"""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

from tests.broker import Broker, eventually
from tests.faults.processes import ROOT, environment

QUICK = {
    "SUPPORTAGENT_LEASE_SECONDS": "4",
    "SUPPORTAGENT_LEASE_RENEW_SECONDS": "1",
    "SUPPORTAGENT_REAPER_SECONDS": "0.5",
    "SUPPORTAGENT_SWEEP_SECONDS": "0.3",
    "SUPPORTAGENT_JOB_LOST_SECONDS": "1",
}


class Zygote:
    """Where the processes of one kind are forked from."""

    def __init__(self, kind: str, settings: dict[str, str]) -> None:
        self.kind = kind
        self.settings = settings
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.zygote", kind],
            cwd=ROOT,
            env=settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def fork(self, log: Path, **changes: str) -> int:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(json.dumps({"environment": changes, "log": str(log)}) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate(timeout=60)

    _kept: ClassVar[dict[str, "Zygote"]] = {}

    @classmethod
    def of(cls, kind: str, settings: dict[str, str]) -> "Zygote":
        """The one that is ready, or a new one where the settings are others. It ends with this process."""
        ready = cls._kept.get(kind)
        if ready is None or ready.settings != settings:
            if ready is not None:
                ready.close()
            cls._kept[kind] = ready = cls(kind, settings)
        return ready


@dataclass(eq=False)
class Part:
    """One running process of the installation."""

    kind: str
    pid: int

    @property
    def alive(self) -> bool:
        """Running or stopped, but not gone: the zygote lets the kernel bury its children at once."""
        return Path(f"/proc/{self.pid}").exists()

    def signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        eventually(lambda: not self.alive, told=f"{self.kind} {self.pid} does not die")


class Installation:
    """Starts and ends the parts; what must always be there is put back by `mend`."""

    WANTED = {"web": 1, "worker": 2, "scheduler": 1}

    def __init__(self, folder: Path, script: str, broker: Broker, *, threads: int = 4, **changes: str) -> None:
        self.folder = folder
        self.script = script
        self.broker = broker
        self.port = free_port()
        self.parts: list[Part] = []
        self.started: Counter[str] = Counter()
        settings = environment(
            **{
                **QUICK,
                "VALKEY_URL": broker.url,
                "SUPPORTAGENT_PUBLIC_URL": self.url,
                "PORT": str(self.port),
                "THREADS": str(threads),
                **changes,
            }
        )
        settings.pop("PYTEST_CURRENT_TEST", None)
        self._zygotes = {kind: Zygote.of(kind, settings) for kind in self.WANTED}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> "Installation":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for part in self.parts:
            part.kill()

    def start(self, kind: str, **changes: str) -> Part:
        """Start one more process of that kind; `FAILPOINT="after_intent:kill"` names where it will die."""
        changes["SCRIPT"] = self.script
        part = Part(kind, self._zygotes[kind].fork(self.folder / f"{kind}.log", **changes))
        self.parts.append(part)
        self.started[kind] += 1
        return part

    def of(self, kind: str) -> list[Part]:
        return [part for part in self.parts if part.kind == kind and part.alive]

    def mend(self, *, but: str = "", **changes: str) -> None:
        """Start whatever is missing, as a supervisor would."""
        self.parts = [part for part in self.parts if part.alive]
        for kind, count in self.WANTED.items():
            for _ in range(count - len(self.of(kind)) if kind != but else 0):
                self.start(kind, **changes)

    def wait_until_up(self) -> None:
        eventually(lambda: self.get("/healthz")[0] == 200, within=60, told=lambda: f"no web:\n{self.said('web')}")

    def said(self, kind: str) -> str:
        log = self.folder / f"{kind}.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        return self.request(path, None, headers)

    def post(self, path: str, body: Any, **headers: str) -> tuple[int, bytes]:
        return self.request(path, json.dumps(body).encode(), {"Content-Type": "application/json", **headers})

    def request(
        self, path: str, body: bytes | None, headers: dict[str, str], *, within: float = 30
    ) -> tuple[int, bytes]:
        """Status and body; status 0 when nobody answered."""
        wanted = urllib.request.Request(f"{self.url}{path}", body, headers)
        try:
            with urllib.request.build_opener(_NoRedirect).open(wanted, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read()
        except OSError:
            return 0, b""
        except Exception as broken:  # half an answer: http.client has many words for it
            return 0, str(broken).encode()


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


@contextmanager
def installed(folder: Path, script: str, *, but: str = "", **changes: Any) -> Iterator[Installation]:
    """A running installation on the test's database with a Valkey of its own, complete `but` for one kind."""
    with ExitStack() as stack:
        broker = stack.enter_context(same_broker())
        running = stack.enter_context(Installation(folder, script, broker, **changes))
        running.mend(but=but)
        running.wait_until_up()
        yield running


@contextmanager
def same_broker() -> Iterator[Broker]:
    """A new and empty Valkey at the socket of this session."""
    running = Broker(_folder_of_the_socket())
    try:
        yield running
    finally:
        running.kill()


@cache
def _folder_of_the_socket() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="valkey-"))  # a socket's path must be short
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def free_port() -> int:
    """A port that nobody uses, the same one for the whole session."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
