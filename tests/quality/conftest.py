from pathlib import Path
from typing import Any

import pytest

from tests.world import World, build_world


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)
