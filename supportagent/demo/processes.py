"""A supervisor for the processes of the demo: one class, no daemon, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

LAUNCHER = str(Path(__file__).with_name("launch.py"))
TICK_SECONDS = 0.2
GRACE_SECONDS = 4.0
FIRST_BACKOFF_SECONDS = 0.5
LAST_BACKOFF_SECONDS = 30.0
STABLE_SECONDS = 30.0
CHUNK_BYTES = 65536


@dataclass(frozen=True)
class Program:
    """What to run. `fds` stay open in the child; a `last` program is stopped after all the others."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    fds: tuple[int, ...] = ()
    last: bool = False


class Child:
    """One program and the process that runs it at the moment, if any."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.partial = b""
        self.backoff = FIRST_BACKOFF_SECONDS
        self.started_at = 0.0
        self.start_at = 0.0

    def start(self) -> None:
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(  # noqa: S603 - our own programs
            [sys.executable, "-S", "-E", LAUNCHER, str(os.getpid()), *self.program.command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.program.environment},
            pass_fds=self.program.fds,
            start_new_session=True,  # Ctrl-C in the terminal reaches the supervisor only
        )
        if self.process.stdout:
            os.set_blocking(self.process.stdout.fileno(), False)

    def schedule_restart(self) -> float:
        """Seconds until the next start; doubles with each crash until a start has held for a while."""
        if time.monotonic() - self.started_at > STABLE_SECONDS:
            self.backoff = FIRST_BACKOFF_SECONDS
        wait, self.backoff = self.backoff, min(self.backoff * 2, LAST_BACKOFF_SECONDS)
        self.start_at = time.monotonic() + wait
        return wait

    def signal(self, number: signal.Signals) -> None:
        """To the whole process group, so that what the program itself started goes too."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, number)

    def read(self) -> tuple[list[str], bool]:
        """The whole lines it has printed since the last call, and whether its output has ended."""
        if not self.process or not self.process.stdout:
            return [], True
        try:
            data = os.read(self.process.stdout.fileno(), CHUNK_BYTES)
        except BlockingIOError:
            return [], False
        *whole, self.partial = (self.partial + data).split(b"\n")
        if not data and self.partial:
            whole, self.partial = [self.partial], b""
        return [line.decode(errors="replace") for line in whole], not data


class StopRequested(BaseException):
    """A signal arrived during work that may be broken off. Not an Exception: nobody should swallow it."""


class Supervisor:
    """Starts programs, shows what they print, restarts what crashes, stops everything.

    Single-threaded. `start` may be called before `run`, when one program needs another to be up.
    """

    def __init__(self, *, out: TextIO, grace: float = GRACE_SECONDS) -> None:
        self.out = out
        self.grace = grace
        self.children: list[Child] = []
        self.stopping = False
        self.interruptible = False
        self.selector = selectors.DefaultSelector()

    def start(self, *programs: Program) -> None:
        for program in programs:
            child = Child(program)
            self.children.append(child)
            self._launch(child)

    def run(self, *, until: Callable[[], bool] = lambda: False) -> None:
        """Watch over the children until SIGINT, SIGTERM or SIGHUP, or until `until()` is true."""
        while not self.stopping and not until():
            self.tick()

    def tick(self) -> None:
        self._show_output(TICK_SECONDS)
        for child in self.children:
            if child.process is None and time.monotonic() >= child.start_at:
                self._launch(child)
            elif child.process is not None and child.process.poll() is not None:
                code = self._bury(child)
                self.say(child.program.name, f"{ending(code)}; starting it again in {child.schedule_restart():g} s")

    @contextlib.contextmanager
    def stopped_by_signals(self) -> Iterator[None]:
        """Inside, a signal ends `run`; leaving, also by an exception, stops every child."""
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {number: signal.signal(number, self._ask_to_stop) for number in numbers}
        try:
            yield
        finally:
            self.stop()
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextlib.contextmanager
    def interrupted_by_signals(self) -> Iterator[None]:
        """For slow work of the supervisor's own: a signal breaks it off and leaves `stopping` set."""
        self.interruptible = True
        try:
            yield
        except StopRequested:
            pass
        finally:
            self.interruptible = False

    def stop(self) -> None:
        """End all children: politely, then by force; those marked `last` after the others are gone."""
        self.stopping = True
        for last in (False, True):
            self._end([child for child in self.children if child.process and child.program.last == last])

    def say(self, name: str, line: str) -> None:
        # Whoever reads us may be gone; that must not keep the children from being stopped.
        with contextlib.suppress(OSError, ValueError):
            self.out.write(f"{name:<9} | {line}\n")
            self.out.flush()

    def _ask_to_stop(self, number: int, frame: object) -> None:
        self.stopping = True
        if self.interruptible:
            self.interruptible = False
            raise StopRequested

    def _launch(self, child: Child) -> None:
        child.start()
        if child.process and child.process.stdout:
            self.selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _show_output(self, seconds: float) -> None:
        for key, _ in self.selector.select(seconds):
            if self._show(key.data):
                self.selector.unregister(key.fileobj)  # an ended output is "readable" for ever

    def _show(self, child: Child) -> bool:
        """Print what the child has said; true when its output has ended."""
        lines, ended = child.read()
        for line in lines:
            self.say(child.program.name, line)
        return ended

    def _show_rest(self, child: Child) -> None:
        """What is still in the pipe; not waiting, since a process that left the group may hold its end."""
        lines, ended = child.read()
        while lines and not ended:
            for line in lines:
                self.say(child.program.name, line)
            lines, ended = child.read()
        for line in lines:
            self.say(child.program.name, line)

    def _bury(self, child: Child) -> int:
        """Clean up after a process that has ended; also what it started and left in its group."""
        child.signal(signal.SIGKILL)
        process = child.process
        if process is None:
            return 0
        code = process.wait()
        if process.stdout:
            self._show_rest(child)
            with contextlib.suppress(KeyError):
                self.selector.unregister(process.stdout)
            process.stdout.close()
        child.process = None
        return code

    def _end(self, children: list[Child]) -> None:
        for child in children:
            child.signal(signal.SIGTERM)
        deadline = time.monotonic() + self.grace
        while time.monotonic() < deadline and any(c.process and c.process.poll() is None for c in children):
            self._show_output(TICK_SECONDS / 4)
        for child in children:
            if child.process and child.process.poll() is None:
                self.say(child.program.name, f"did not stop within {self.grace:g} s and was killed")
                child.signal(signal.SIGKILL)
            self._bury(child)


def ending(code: int) -> str:
    """`stopped with code 1`, `killed by SIGSEGV`."""
    if code >= 0:
        return f"stopped with code {code}"
    return f"killed by {signal.Signals(-code).name}"
