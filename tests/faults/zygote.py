"""Processes of an installation, forked from one that has paid for the imports: `python -m tests.faults.zygote KIND`.

A line of stdin is a JSON object {"environment": {...}, "log": path}; the answer on stdout is the process id. Each child
leads a group of its own and is what `manage.py run_worker`, `run_scheduler` or uvicorn would be, so a test can
kill and start it again two hundred times in a minute. The zygote itself never opens a connection.
"""

import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable

import django
from django.conf import settings


def worker() -> None:
    from agents.workers import serve

    serve(threads=int(os.environ["THREADS"]), grace=float(os.environ.get("GRACE", "5")))


def scheduler() -> None:
    from agents import scheduler as duties

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    duties.run(stop)


def web() -> None:
    import uvicorn
    from uvicorn.importer import import_from_string

    application = import_from_string("supportagent.asgi:application")
    uvicorn.run(application, host="127.0.0.1", port=int(os.environ["PORT"]), log_config=None, access_log=False)


KINDS: dict[str, Callable[[], None]] = {"worker": worker, "scheduler": scheduler, "web": web}


def shift_clock(seconds: float) -> None:
    """Let this process believe in another time. The database keeps its own, and so does the monotonic clock."""
    from datetime import timedelta

    from django.utils import timezone

    true_time, true_now = time.time, timezone.now
    time.time = lambda: true_time() + seconds
    timezone.now = lambda: true_now() + timedelta(seconds=seconds)


def start(kind: str, environment: dict[str, str], log: str) -> int:
    """Fork a child that becomes one process of the installation; its process id."""
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(environment)
    settings.SCRIPTED_MODEL_FILE = environment["SCRIPT"]
    shift_clock(float(environment.get("CLOCK_SHIFT", "0")))
    if "FILE_LIMIT" in environment:  # a disk that is full: no file may grow beyond these bytes
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(environment["FILE_LIMIT"]),) * 2)
    try:
        KINDS[kind]()
    finally:
        os._exit(0)


if __name__ == "__main__":
    kind = sys.argv[1]
    if kind == "web":
        os.environ["SUPPORTAGENT_PROCESS"] = "web"
    django.setup()
    if kind == "web":
        import supportagent.asgi  # noqa: F401 - before the first fork, not in every one
    import agents.loop.runner
    import agents.scheduler
    import agents.workers  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children, so none becomes a zombie
    for line in sys.stdin:
        wanted = json.loads(line)
        sys.stdout.write(f"{start(kind, wanted['environment'], wanted['log'])}\n")
        sys.stdout.flush()
