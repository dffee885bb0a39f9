"""The product as `manage.py demo` starts it, for tests that look at it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests import migrated
from tests.broker import eventually
from tests.platform.conftest import ROOT, clean_environment

START_SECONDS = 300.0  # a machine that others use too; a demo that ended is seen at once
STOP_SECONDS = 15.0
IS_UP = ("Ctrl-C stops everything", "workers listen on", "scheduler is running")


class Demo:
    """One running demo on a data folder of its own: the console, and the shop as another origin."""

    def __init__(self, folder: Path, *, with_history: bool = False, **settings: str) -> None:
        self.folder = folder
        self.log = folder / "demo.log"
        port = free_ports()
        self.console = f"http://127.0.0.1:{port}"
        self.shop = f"http://127.0.0.1:{port + 1}"
        self.environment = clean_environment(
            folder, SUPPORTAGENT_PUBLIC_URL=self.console, SUPPORTAGENT_SHOP_URL=self.shop, PYTHONUNBUFFERED="1"
        )
        self.environment |= settings
        migrated.copy_to(folder / "db.sqlite3")
        command = [sys.executable, "manage.py", "demo", "--port", str(port)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command if with_history else [*command, "--without-history"],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def wait_until_up(self) -> None:
        eventually(self._is_up, within=START_SECONDS, told=lambda: f"the demo did not start:\n{self.said()}")

    def _is_up(self) -> bool:
        assert self.process.poll() is None, f"the demo ended:\n{self.said()}"
        return all(line in self.said() for line in IS_UP)

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    @contextlib.contextmanager
    def web_outage(self) -> Iterator[None]:
        """Inside, the web process is gone; the supervisor, which would start it again, is held."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            os.kill(self._web_process(), signal.SIGKILL)
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    def _web_process(self) -> int:
        ours = f"SUPPORTAGENT_DATA_DIR={self.folder}".encode()
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if b"supportagent.demo.web" in (path / "cmdline").read_bytes() and ours in (
                    path / "environ"
                ).read_bytes().split(b"\0"):
                    return int(path.name)
        raise AssertionError("the demo has no web process")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()  # its children die with it
            self.process.wait()


class Backstage:
    """A line to a process inside the demo's house (see backstage.py), for what no page shows or does."""

    def __init__(self, demo: Demo) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.backstage"],
            cwd=ROOT,
            env=demo.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, verb: str, **arguments: Any) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps([verb, arguments]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline() or '{"error": "the process backstage has ended"}')
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def stop(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(STOP_SECONDS)
        self.process.stdout.close()


def free_ports() -> int:
    """A port that is free together with the next one, which the shop takes."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))
                return port
