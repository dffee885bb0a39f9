"""A SQLite test database that begins as a copy of an earlier run's, migrated and still empty.

Applying every migration costs more than most test files. What an earlier run kept is used only where each migration in
it is still there, unchanged; `migrate` then applies those that are newer, and its signals put roles and permissions
in order as ever. A clean checkout has no copy and begins from nothing.
"""

import hashlib
import json
import os
import shutil
import sqlite3
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

KEPT = Path(settings.BASE_DIR) / "var" / "tests"
COPY, CONTENTS = KEPT / "migrated.sqlite3", KEPT / "migrated.json"


def is_possible() -> bool:
    """Only SQLite keeps a database in a file that can be copied."""
    return connection.vendor == "sqlite"


def begin() -> None:
    """Put the copy, if it can be used, where the test database will be."""
    here = Path(str(connection.settings_dict["TEST"]["NAME"]))
    try:
        known = json.loads(CONTENTS.read_text())
    except (OSError, ValueError):
        return
    if known and known.items() <= _contents().items() and not here.exists():
        here.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(COPY, here)


def keep() -> None:
    """Keep the database as it is now for the next run, where it has migrations that the copy lacks.

    Race: two processes keep theirs at once. Each file is replaced whole, and both say the same.
    """
    applied = {f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()}
    contents = {name: digest for name, digest in _contents().items() if name in applied}
    if CONTENTS.exists() and COPY.exists() and json.loads(CONTENTS.read_text()) == contents:
        return
    KEPT.mkdir(parents=True, exist_ok=True)
    fresh = KEPT / f"migrated.{os.getpid()}"
    connection.ensure_connection()
    with sqlite3.connect(fresh) as copy:
        connection.connection.backup(copy)
    copy.close()
    CONTENTS.unlink(missing_ok=True)
    fresh.replace(COPY)
    fresh.write_text(json.dumps(contents))
    fresh.replace(CONTENTS)


def _contents() -> dict[str, str]:
    """Every migration by its name with a digest of its text."""
    return {
        f"{app.label}.{path.stem}": hashlib.sha256(path.read_bytes()).hexdigest()
        for app in apps.get_app_configs()
        for path in sorted((Path(app.path) / "migrations").glob("[0-9]*.py"))
    }
