"""An installation that outside clients reach, and the people in whose names they call."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group

from agents.mcp import callers
from supportagent.staff.models import User
from supportagent.staff.tokens import issue_token
from supportagent.throttle import Throttle
from supportagent.tickets.models import Ticket
from tests.mcp.served.house import Worker, web
from tests.mcp.served.outside import LEGACY, MODERN, LibraryClient, PlainClient, Told
from tests.world import World, build_world

CLIENTS = {
    "library, modern": lambda url, token: LibraryClient(url, token, MODERN),
    "library, handshake": lambda url, token: LibraryClient(url, token, LEGACY),
    "plain, modern": lambda url, token: PlainClient(url, token, MODERN),
    "plain, handshake": lambda url, token: PlainClient(url, token, LEGACY),
}
Connect = Callable[..., Any]


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with web() as address:
        yield address


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(callers, "throttle", Throttle(f"unix://{tmp_path}/nobody.sock"))


@pytest.fixture
def world(settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


@pytest.fixture
def ticket(world: World) -> Ticket:
    return world.write()


@pytest.fixture
def biller(world: World) -> User:
    """Rosa, with the rights of a billing specialist."""
    world.rosa.groups.add(Group.objects.get(name="Billing specialist"))
    return world.rosa


@pytest.fixture
def worker() -> Iterator[Worker]:
    with Worker() as worker:
        yield worker


def token_of(user: User, scope: str = "tools:write") -> str:
    root = User.objects.filter(username="root").first() or User.objects.create_superuser("root")
    return issue_token(user=user, by=root, name="Editor", scope=scope, lifetime=timedelta(days=1)).token


@pytest.fixture
def connect(address: str) -> Connect:
    """A client in the name of an account: `connect(user)`, or with another kind of client or scope."""

    def connect(user: User, kind: str = "plain, modern", scope: str = "tools:write") -> Any:
        return CLIENTS[kind](f"{address}/mcp", token_of(user, scope))

    return connect


def until(client: Any, call: str, status: str) -> Told:
    """Ask for the state of a call until it is this one."""
    end = time.monotonic() + 30
    while (told := client.call("supportagent__call_status", {"call": call})).status != status:
        assert time.monotonic() < end, told
        time.sleep(0.05)
    return told
