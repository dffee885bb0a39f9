from pathlib import Path
from typing import Any

import pytest

from tests.grants.doors import Caller
from tests.world import build_world


@pytest.fixture
def caller(db: None, settings: Any, tmp_path: Path) -> Caller:
    """The seeded agent's account with a verified customer's ticket, at the doors of the servers."""
    return Caller.on_ticket(build_world(settings, tmp_path))


@pytest.fixture
def committed_caller(transactional_db: None, settings: Any, tmp_path: Path) -> Caller:
    """The same, committed: the protocol's server answers in a thread with a connection of its own."""
    return Caller.on_ticket(build_world(settings, tmp_path))
