"""Settings of the test run: one temporary data folder, a file database, fast password hashing."""

import os
import tempfile

os.environ.setdefault("SUPPORTAGENT_ENV", "test")
os.environ.setdefault("SUPPORTAGENT_DATA_DIR", tempfile.mkdtemp(prefix="supportagent-test-"))

from supportagent.settings import *  # noqa: E402, F403
from supportagent.settings import DATA_DIR, DATABASES  # noqa: E402

# A file, not shared memory: threads that write to a shared-cache database fail with "table is locked".
if DATABASES["default"]["ENGINE"] == "django.db.backends.sqlite3":
    DATABASES["default"]["TEST"] = {"NAME": str(DATA_DIR / "test.sqlite3")}
else:
    DATABASES["default"]["TEST"] = {"NAME": f"test_supportagent_{os.getpid()}"}
