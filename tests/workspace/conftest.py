from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from supportagent.staff.models import User
from supportagent.tickets import services
from supportagent.tickets.models import Ticket
from tests.world import World, build_world


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


@pytest.fixture
def browser() -> Callable[[User], Client]:
    """A browser in which somebody is logged in."""

    def logged_in(user: User) -> Client:
        client = Client()
        client.force_login(user)
        return client

    return logged_in


@pytest.fixture
def ticket(world: World) -> Ticket:
    """A ticket that the agent answers."""
    return world.write("Where is my order ORD-1042?")


@pytest.fixture
def held(world: World, ticket: Ticket) -> Ticket:
    """The same ticket in Rosa's hands."""
    return services.take_over(ticket=ticket, by=world.rosa)
