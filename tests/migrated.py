"""A migrated, still empty SQLite database, made once and copied for every process of the tests that needs one.

Applying every migration costs more than most test files, and each parallel process and the demo begin with it. The
kept copy serves as long as each migration in it is still there, unchanged; newer ones are applied to it. Whoever gets
a copy lets `migrate` look at it again, whose signals put roles and permissions in order as ever.
"""

import fcntl
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from shutil import copyfile

from django.apps import apps
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent
KEPT = ROOT / "var" / "tests"
COPY, CONTENTS = KEPT / "migrated.sqlite3", KEPT / "migrated.json"


def is_possible() -> bool:
    """Only SQLite keeps a database in a file that can be copied."""
    return connection.vendor == "sqlite"


def copy_to(here: Path) -> None:
    """Put a migrated database there, unless there is one. Whoever is first makes the copy, and the others wait."""
    if here.exists():
        return
    here.parent.mkdir(parents=True, exist_ok=True)
    KEPT.mkdir(parents=True, exist_ok=True)
    with (KEPT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _known() != _contents():
            _bring_up_to_date()
        copyfile(COPY, here)


def _known() -> dict[str, str]:
    """The migrations in the copy."""
    try:
        return json.loads(CONTENTS.read_text()) if COPY.exists() else {}
    except (OSError, ValueError):
        return {}


def _bring_up_to_date() -> None:
    """Migrate in a process of its own, since this one may work with another database."""
    for path in KEPT.glob("db.sqlite3*"):
        path.unlink()  # of a run that was interrupted
    database = KEPT / "db.sqlite3"
    if (known := _known()) and known.items() <= _contents().items():
        copyfile(COPY, database)
    left_out = ("PYTEST_XDIST_WORKER", "DATABASE_URL")
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    environment |= {"DJANGO_SETTINGS_MODULE": "tests.settings", "SUPPORTAGENT_DATA_DIR": str(KEPT)}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity=0"], cwd=ROOT, env=environment, check=True)
    CONTENTS.unlink(missing_ok=True)
    COPY.unlink(missing_ok=True)
    with closing(sqlite3.connect(database)) as made, closing(sqlite3.connect(COPY)) as copy:
        made.backup(copy)
    CONTENTS.write_text(json.dumps(_contents()))


def _contents() -> dict[str, str]:
    """Every migration by its name with a digest of its text."""
    return {
        f"{app.label}.{path.stem}": hashlib.sha256(path.read_bytes()).hexdigest()
        for app in apps.get_app_configs()
        for path in sorted((Path(app.path) / "migrations").glob("[0-9]*.py"))
    }
