"""Processor time and statements of chosen functions, with the calls inside them that are not meant left out."""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from django.db import connection


@dataclass
class Meter:
    """Runs between `on` and `off` of the innermost of the functions it was laid around."""

    cpu: float = 0.0
    statements: int = 0
    running: bool = False
    since: float = 0.0

    def switch(self, on: bool) -> bool:
        """Start or stop; returns what it was before."""
        before, now = self.running, time.thread_time()
        if before:
            self.cpu += now - self.since
        self.running, self.since = on, now
        return before

    def around(self, function: Callable[..., Any], *, on: bool) -> Callable[..., Any]:
        """The function, measured or left out of what is measured."""

        @functools.wraps(function)
        def measured(*args: Any, **kwargs: Any) -> Any:
            before = self.switch(on)
            try:
                return function(*args, **kwargs)
            finally:
                self.switch(before)

        return measured

    def per(self, times: int) -> tuple[tuple[str, float], ...]:
        """The figures of a row of the report."""
        return (("CPU ms", self.cpu / times * 1e3), ("statements", self.statements / times), ("n", times))

    def count(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """For `connection.execute_wrapper`: statements, without those that open a transaction."""
        self.statements += self.running and not sql.startswith("BEGIN")
        return execute(sql, params, many, context)


@contextmanager
def metering(*, of: list[tuple[ModuleType, str]], without: list[tuple[ModuleType, str]]) -> Iterator[Meter]:
    """Measure these functions wherever the modules call them, without those that they call in `without`."""
    meter = Meter()
    kept = [(module, name, getattr(module, name)) for module, name in (*of, *without)]
    for number, (module, name, function) in enumerate(kept):
        setattr(module, name, meter.around(function, on=number < len(of)))
    try:
        with connection.execute_wrapper(meter.count):
            yield meter
    finally:
        for module, name, function in kept:
            setattr(module, name, function)
