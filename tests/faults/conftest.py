from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.faults.processes import Workers
from tests.world import World, build_world


@pytest.fixture
def world(transactional_db: None, settings: Any, tmp_path: Path) -> World:
    """The small installation, committed, so that other processes and threads see it."""
    return build_world(settings, tmp_path)


@pytest.fixture(scope="session")
def workers(django_db_setup: None) -> Iterator[Workers]:
    """Worker processes on the test's database."""
    starting = Workers()
    yield starting
    starting.close()
