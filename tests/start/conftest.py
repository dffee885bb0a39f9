from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from agents.mcp.discovery import sync_builtin_servers
from agents.models import KillSwitch
from supportagent.staff.models import User
from supportagent.staff.roles import sync_roles
from tests import database
from tests.changes.admins import Admin


@pytest.fixture(autouse=True)
def new_installation(db: None, settings: Any, tmp_path: Path) -> None:
    """Migrated, with the roles and tools that the code brings, and nothing else. A script plays the model."""
    settings.DEFAULT_MODEL_PROVIDER = settings.DEFAULT_MODEL = "scripted"
    script = tmp_path / "script.json"
    script.write_text('{"turns": [{"text": "Hello"}]}')
    settings.SCRIPTED_MODEL_FILE = str(script)
    database.write_once(_install)


def _install() -> None:
    sync_roles()
    sync_builtin_servers()
    KillSwitch.objects.get_or_create(pk=1)


def admin(username: str, role: str = "Ops admin", **flags: bool) -> Admin:
    user = User.objects.create_user(username, is_staff=True, first_name=username.capitalize(), **flags)
    if role:
        user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return Admin(user, client)


@pytest.fixture
def olga() -> Admin:
    return admin("olga")


@pytest.fixture
def alone(olga: Admin, settings: Any) -> Admin:
    """The one admin of an installation without a second one."""
    settings.SECOND_ADMIN = False
    return olga
