"""Log lines: JSON for machines in production, one readable line for people elsewhere.

Every line carries the request and the run it belongs to. Messages are written by the project's own code and
hold ids, never what a customer wrote: a formatter cannot tell a name from a word.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from audit.context import request_id

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")

run_id: ContextVar[str] = ContextVar("log_run_id", default="")


@contextmanager
def about_run(identity: object) -> Iterator[None]:
    """Log lines inside the block carry the run's id."""
    token = run_id.set(str(identity))
    try:
        yield
    finally:
        run_id.reset(token)


class Correlate(logging.Filter):
    """Adds the request's and the run's id to each record, unless the caller gave them."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = getattr(record, "request_id", "") or request_id.get()
        record.run_id = getattr(record, "run_id", "") or run_id.get()
        return True


class JsonLines(logging.Formatter):
    """One JSON object per line; a trace becomes a field of it, so that no line is without its context."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("request_id", "run_id"):
            if value := getattr(record, name, ""):
                line[name] = str(value)
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class Readable(logging.Formatter):
    """`12:30:01 INFO agents.loop: message [run=...]`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s", datefmt="%H:%M:%S")

    def formatMessage(self, record: logging.LogRecord) -> str:
        ids = [
            f"{label}={value}"
            for label, value in (
                ("request", getattr(record, "request_id", "")),
                ("run", getattr(record, "run_id", "")),
            )
            if value
        ]
        return super().formatMessage(record) + (f" [{' '.join(ids)}]" if ids else "")


def log_settings(*, as_json: bool, level: str) -> dict[str, Any]:
    """The LOGGING setting. Everything goes to standard output, where the platform collects it."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"correlate": {"()": Correlate}},
        "formatters": {"line": {"()": JsonLines if as_json else Readable}},
        "handlers": {
            "stdout": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stdout",
                "filters": ["correlate"],
                "formatter": "line",
            }
        },
        "root": {"handlers": ["stdout"], "level": level},
        "loggers": {
            "django": {"level": level, "handlers": [], "propagate": True},
            # Paths of requests may hold tokens of visitors, and probes would fill the log.
            "uvicorn.access": {"level": "WARNING", "handlers": [], "propagate": True},
            "uvicorn": {"level": level, "handlers": [], "propagate": True},
            "rq.worker": {"level": "WARNING"},
            "mcp": {"level": "ERROR"},
            "httpx2": {"level": "WARNING"},
            # Would write down what foreign servers send, and the headers that we send them.
            "httpcore2": {"level": "WARNING"},
            "client": {"level": "WARNING"},
            "openai": {"level": "WARNING"},
            "axes": {"level": "WARNING"},
        },
    }
