"""What every test shares."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from xdist.scheduler import LoadScopeScheduling

from tests import database, migrated

CHROMIUM = shutil.which("chromium")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips from one place, so that pytest's summary has one line for all browser tests together."""
    if CHROMIUM is None and item.get_closest_marker("browser"):
        pytest.skip("browser tests need chromium on PATH (apt install chromium)")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser flows first: one process plays them all (see below), and the others do the rest meanwhile."""
    items.sort(key=lambda item: item.get_closest_marker("browser") is None)


class BrowserFlowsTogether(LoadScopeScheduling):
    """Parallel processes take module by module, and one of them takes all browser flows: it starts the one demo."""

    def _split_scope(self, nodeid: str) -> str:
        return "tests/browser" if nodeid.startswith("tests/browser/") else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    return BrowserFlowsTogether(config, log) if config.getoption("dist") == "loadscope" else None


@pytest.fixture(scope="session")
def django_db_keepdb(django_db_keepdb: bool, django_db_modify_db_settings: None) -> bool:
    """A SQLite database lies in a folder that goes with the run, so what is there already was put there for it."""
    if migrated.is_possible():
        migrated.copy_to(Path(str(connection.settings_dict["TEST"]["NAME"])))
    return django_db_keepdb or migrated.is_possible()


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
