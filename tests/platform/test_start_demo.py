"""`manage.py demo` as a newcomer runs it: real processes, real ports, a fresh data folder."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from supportagent.demo.management.commands.demo import port_number
from tests.platform.conftest import Run

Start = Callable[..., "subprocess.Popen[str]"]
START_SECONDS = 180  # a shared machine; the product's own goal is checked by eye and in the README


def free_port() -> int:
    """A port that is free together with the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            try:
                second.bind(("127.0.0.1", first.getsockname()[1] + 1))
            except (OSError, OverflowError):
                continue
            return first.getsockname()[1]


def read_until(process: subprocess.Popen[str], text: str) -> str:
    said = ""
    deadline = time.monotonic() + START_SECONDS
    assert process.stdout
    while text not in said:
        line = process.stdout.readline()
        assert line and time.monotonic() < deadline, f"ended or hung before {text!r}:\n{said}"
        said += line
    return said


def get(port: int, path: str) -> tuple[int, str]:
    client = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        client.request("GET", path)
        response = client.getresponse()
        return response.status, response.read().decode()
    finally:
        client.close()


def processes_on(folder: Path) -> list[str]:
    """The command lines of all processes that were started for this data folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            environment = (path / "environ").read_bytes()
            if f"SUPPORTAGENT_DATA_DIR={folder}".encode() in environment and "Z" not in _state(path):
                found.append((path / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def _state(path: Path) -> str:
    return (path / "stat").read_text().rpartition(")")[2].split()[0]


def nothing_left(folder: Path) -> bool:
    deadline = time.monotonic() + 5
    while processes_on(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    return processes_on(folder) == []


@pytest.mark.slow
def test_the_demo_starts_serves_two_origins_and_stops_without_a_trace(started: Start, python: Run, folder: Path):
    port = free_port()
    demo = started("manage.py", "demo", PORT=str(port))
    said = read_until(demo, "Ctrl-C stops everything")
    assert f"http://127.0.0.1:{port}/console/" in said
    assert f"http://127.0.0.1:{port + 1}/demo/" in said
    assert all(name in said for name in ("supervisor", "finance", "auditor", "'demo'"))

    status, body = get(port, "/readyz")
    assert (status, json.loads(body)["failing"]) == (200, [])
    assert get(port, "/admin/login/")[0] == 200
    assert get(port + 1, "/demo/")[0] == 200
    assert get(port + 1, "/admin/login/")[0] == 404

    again = python("manage.py", "demo", PORT=str(free_port()))
    assert again.returncode == 1
    assert again.stderr.startswith(f"CommandError: A demo is already running on {folder}.")
    assert again.stderr.count("\n") == 1

    deadline = time.monotonic() + START_SECONDS
    while (doctor := python("manage.py", "doctor")).returncode and time.monotonic() < deadline:
        time.sleep(0.5)
    assert doctor.returncode == 0, doctor.stdout

    asked_at = time.monotonic()
    demo.send_signal(signal.SIGINT)
    assert demo.wait(timeout=15) == 0
    assert time.monotonic() - asked_at < 8
    assert nothing_left(folder)


@pytest.mark.faults
def test_a_demo_that_was_killed_leaves_nothing_and_can_be_started_again(started: Start, folder: Path):
    port = free_port()
    demo = started("manage.py", "demo", PORT=str(port))
    read_until(demo, "Ctrl-C stops everything")
    demo.kill()
    assert nothing_left(folder)
    second = started("manage.py", "demo", PORT=str(port))
    said = read_until(second, "Ctrl-C stops everything")
    assert "The demo data is already there." in said
    second.terminate()
    assert second.wait(timeout=15) == 0
    assert nothing_left(folder)


@pytest.mark.parametrize("offset", [0, pytest.param(1, marks=pytest.mark.slow)])
def test_a_taken_port_is_named_before_anything_starts(python: Run, folder: Path, offset: int):
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + offset))
        taken.listen()
        done = python("manage.py", "demo", PORT=str(port))
    assert done.returncode == 1
    assert done.stderr.startswith(f"CommandError: Port {port + offset} cannot be used")
    assert "PORT=9000 make demo" in done.stderr
    assert done.stderr.count("\n") == 1
    assert processes_on(folder) == []
    assert not (folder / "valkey").exists()


@pytest.mark.parametrize("port", ["http", "0", "65535", "-1", "٣٣", ""])
def test_what_is_no_port_is_refused(port: str):
    with pytest.raises(CommandError, match="is not a port number from 1 to 65534"):
        port_number(port)


def test_a_refused_port_is_one_line_to_the_reader(python: Run):
    port = "http"
    done = python("manage.py", "demo", PORT=port)
    assert (done.returncode, done.stderr) == (
        1,
        f"CommandError: PORT={port} is not a port number from 1 to 65534.\n",
    )


@pytest.mark.slow
def test_a_data_folder_that_is_too_deep_for_a_socket_is_refused_in_one_line(python: Run, folder: Path):
    deep = folder / ("d" * 110)
    done = python("manage.py", "demo", PORT=str(free_port()), SUPPORTAGENT_DATA_DIR=str(deep))
    assert done.returncode == 1
    assert "is too long for a socket: set SUPPORTAGENT_DATA_DIR" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_outside_broker_is_used_instead_of_the_bundled_one(python: Run, folder: Path):
    done = python("manage.py", "demo", PORT=str(free_port()), VALKEY_URL="redis://127.0.0.1:1/0")
    assert (done.returncode, done.stderr) == (1, "CommandError: Valkey does not answer: see VALKEY_URL\n")
    assert not (folder / "valkey").exists()
