"""Real worker processes on the test's database, and how they end."""

import json
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

from agents.models import Run

ROOT = Path(__file__).parent.parent.parent


def database_url() -> str:
    """The address of the database that this test runs on, for another process."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    login = quote(database["USER"]) + (f":{quote(database['PASSWORD'])}" if database["PASSWORD"] else "")
    return f"postgresql://{login}@{database['HOST']}:{database['PORT'] or 5432}/{database['NAME']}"


def environment(**changes: str) -> dict[str, str]:
    """What a process needs to be one of this installation's workers, with a lease that soon runs out."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "DATABASE_URL": database_url(),
        "SUPPORTAGENT_MODEL_PROVIDER": "scripted",
        "SUPPORTAGENT_MODEL": "scripted",
        "SUPPORTAGENT_INTERNAL_HOSTS": "127.0.0.1",
        "SUPPORTAGENT_LEASE_SECONDS": "1",
        "SUPPORTAGENT_LEASE_RENEW_SECONDS": "0.4",
        "SUPPORTAGENT_LOG_LEVEL": "WARNING",
        **changes,
    }


class Workers:
    """Starts worker processes that do one job each; a failpoint names the place where they are killed."""

    def __init__(self) -> None:
        self._host = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.worker"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def work(self, run: Run, *, failpoint: str = "") -> int:
        """Let one worker do the job to its end; its exit code, -9 when it was killed."""
        return self.at_once([run], failpoint=failpoint)[0]

    def at_once(self, runs: list[Run], *, failpoint: str = "") -> list[int]:
        """Let a worker each do these jobs, all at the same time."""
        assert self._host.stdin and self._host.stdout
        script = settings.SCRIPTED_MODEL_FILE
        jobs = [{"run": str(run.pk), "script": script, "failpoint": failpoint} for run in runs]
        self._host.stdin.write(json.dumps(jobs) + "\n")
        self._host.stdin.flush()
        return json.loads(self._host.stdout.readline())

    def close(self) -> None:
        """End the process that starts the workers."""
        self._host.communicate(timeout=60)
