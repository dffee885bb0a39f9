"""Settings of the test run: a temporary data folder per process, a file database, fast password hashing."""

import atexit
import gc
import os
import shutil
import tempfile
from pathlib import Path

# Django makes objects by the ten thousand, above all while it applies migrations, and next to none are garbage.
gc.set_threshold(50_000, 20, 50)

# The workers of pytest-xdist inherit the environment of the process that started them. Each needs a folder
# of its own, because the folder holds the database and the broker's socket.
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if "SUPPORTAGENT_TEST_ROOT" not in os.environ:
    os.environ["SUPPORTAGENT_TEST_ROOT"] = tempfile.mkdtemp(prefix="supportagent-test-")
    atexit.register(shutil.rmtree, os.environ["SUPPORTAGENT_TEST_ROOT"], ignore_errors=True)
if WORKER:
    os.environ["SUPPORTAGENT_DATA_DIR"] = str(Path(os.environ["SUPPORTAGENT_TEST_ROOT"]) / WORKER)
else:
    os.environ.setdefault("SUPPORTAGENT_DATA_DIR", os.environ["SUPPORTAGENT_TEST_ROOT"])
os.environ.setdefault("SUPPORTAGENT_ENV", "test")
# A developer's key must never be spent by a test; the tests that talk to a server name their own.
for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
    os.environ.pop(name, None)

from supportagent.settings import *  # noqa: E402, F403
from supportagent.settings import CHANNEL_LAYERS, DATA_DIR, DATABASES  # noqa: E402

# No worker is there to wait for.
DIRECT_CALL_WAIT_SECONDS = 0

# The same in the processes that a test starts, another in each parallel worker and each run.
NAMESPACE = f"{Path(os.environ['SUPPORTAGENT_TEST_ROOT']).name}-{WORKER or 'main'}"

# A file, not shared memory: threads that write to a shared-cache database fail with "table is locked".
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["TEST"] = {"NAME": NAMESPACE.replace("-", "_")}

# Tests kill processes, never the machine: what they write need not wait for the disk. Benchmarks wait for it.
if "PYTEST_VERSION" in os.environ:
    options = DATABASES["default"]["OPTIONS"]
    if "init_command" in options:
        options["init_command"] += " PRAGMA synchronous=OFF;"
    else:
        options["options"] = "-c synchronous_commit=off"

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Published messages cross the databases of one Valkey, so parallel workers must not share names.
CHANNEL_LAYERS["default"]["CONFIG"]["prefix"] = NAMESPACE
