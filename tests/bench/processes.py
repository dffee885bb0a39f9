"""The processes around a benchmark: a fake model server, and workers."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from rq import Worker

from tests.broker import Broker, eventually

ROOT = Path(__file__).parent.parent.parent
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def served(module: str, *options: str) -> Iterator[str]:
    """A server of the tests in a process of its own; yields its address, which it prints last in its first line."""
    command = [sys.executable, "-m", module, *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[-1]
    finally:
        process.terminate()
        process.wait()


def fake_model(*options: str) -> AbstractContextManager[str]:
    """The fake model server; yields its address."""
    return served("tests.fake_openai", "--port", "0", *options)


@contextmanager
def worker(
    broker: Broker, folder: Path, *, threads: int, registered: int | None = None, **environment: str
) -> Iterator[int]:
    """`manage.py run_worker` with its threads registered; yields its process id.

    `registered` is how many there are with those of other workers before it.
    """
    settings = {"DJANGO_SETTINGS_MODULE": "tests.settings", "SUPPORTAGENT_DATA_DIR": str(folder)}
    command = [sys.executable, "manage.py", "run_worker", f"--threads={threads}"]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **settings, "VALKEY_URL": broker.url, **environment},
            stdout=log,
            stderr=log,
        )
    try:
        there = lambda: Worker.count(connection=broker.client) == (registered or threads)  # noqa: E731
        eventually(there, within=60, told=f"the worker did not start: see {folder}")
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def processor_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
