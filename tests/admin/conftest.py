from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from supportagent.staff.models import User
from tests.world import World, build_world


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


@pytest.fixture
def root(world: World, client: Client, settings: Any) -> Client:
    """The browser of the superuser of an installation that has one admin; tests/changes has two."""
    settings.SECOND_ADMIN = False
    client.force_login(User.objects.create_superuser("root"))
    return client


def grants(prefix: str, total: int = 0, initial: int = 0) -> dict[str, str]:
    """The management form of an inline."""
    return {f"{prefix}-TOTAL_FORMS": str(total), f"{prefix}-INITIAL_FORMS": str(initial)}
