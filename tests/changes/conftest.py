from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from supportagent.staff.models import User
from tests.changes.admins import Admin
from tests.world import World, build_world


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


def _admin(username: str, role: str = "Ops admin", **flags: bool) -> Admin:
    user = User.objects.create_user(username, is_staff=True, first_name=username.capitalize(), **flags)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return Admin(user, client)


@pytest.fixture
def olga(world: World) -> Admin:
    """An Ops admin who is a superuser too."""
    return _admin("olga", is_superuser=True)


@pytest.fixture
def otto(world: World) -> Admin:
    """A second Ops admin, who is no superuser."""
    return _admin("otto")


@pytest.fixture
def sven(world: World) -> Admin:
    """A supervisor: sees proposals, decides none."""
    return _admin("sven", "Supervisor")
