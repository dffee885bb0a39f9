"""What every test shares."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import database


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database as pytest-django makes it, with tests that commit cleaned up by our own flush."""
    with django_db_blocker.unblock():
        database.remember_baseline()
    with pytest.MonkeyPatch.context() as monkeypatch:
        database.replace_flush(monkeypatch)
        yield
