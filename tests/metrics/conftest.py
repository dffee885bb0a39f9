from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from agents.costs import interactions
from tests.metrics.month import NOW, write_month
from tests.world import World, build_world


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


@pytest.fixture
def month(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Thirty tickets, looked at on the day after the fortnight."""
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    write_month(world)
    interactions.rebuild()
    return world
