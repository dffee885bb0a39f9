"""What every test shares."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests import database

CHROMIUM = shutil.which("chromium")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips from one place, so that pytest's summary has one line for all browser tests together."""
    if CHROMIUM is None and item.get_closest_marker("browser"):
        pytest.skip("browser tests need chromium on PATH (apt install chromium)")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database as pytest-django makes it, with tests that commit cleaned up by our own flush."""
    with django_db_blocker.unblock():
        database.remember_baseline()
    with pytest.MonkeyPatch.context() as monkeypatch:
        database.replace_flush(monkeypatch)
        yield
    with django_db_blocker.unblock():
        database.end_other_sessions()
