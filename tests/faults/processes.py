"""Real worker processes on the test's database, and how they end."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from agents.models import Run

ROOT = Path(__file__).parent.parent.parent
LEASE_SECONDS = "1"


def database_url() -> str:
    """The address of the database that this test runs on, for another process."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    login = quote(database["USER"]) + (f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else "")
    return f"postgresql://{login}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"


def environment(**changes: str) -> dict[str, str]:
    """What a process needs to work like one of this installation's workers, with a lease that soon runs out."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(),
        "SUPPORTAGENT_MODEL_PROVIDER": "scripted",
        "SUPPORTAGENT_MODEL": "scripted",
        "SUPPORTAGENT_SCRIPTED_MODEL_FILE": settings.SCRIPTED_MODEL_FILE,
        "SUPPORTAGENT_LEASE_SECONDS": LEASE_SECONDS,
        "SUPPORTAGENT_LEASE_RENEW_SECONDS": "0.4",
        "SUPPORTAGENT_LOG_LEVEL": "WARNING",
        **changes,
    }


def start_worker(run: Run, *, failpoint: str = "") -> subprocess.Popen[bytes]:
    """A process that takes the run's job; it is killed where it reaches the failpoint."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.faults.worker", str(run.pk)],
        cwd=ROOT,
        env=environment(FAILPOINT=f"{failpoint}:kill" if failpoint else ""),
        stderr=subprocess.PIPE,
    )


def work(run: Run, *, failpoint: str = "") -> int:
    """Let a worker process do the job to its end; its exit code, -9 when it was killed."""
    process = start_worker(run, failpoint=failpoint)
    _, errors = process.communicate(timeout=60)
    assert b"Traceback" not in errors, errors.decode()
    return process.returncode
