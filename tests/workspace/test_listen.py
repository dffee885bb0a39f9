"""The sockets of the list and of a ticket's page: who hears what."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.layers import channel_layers
from channels.routing import URLRouter
from django.utils import timezone

from supportagent.console import consumers, live
from supportagent.staff.models import TeamUserGrant, User
from supportagent.tickets import services
from supportagent.tickets.models import Ticket, WorkPeriod
from supportagent.workspace.routing import websocket_urlpatterns
from tests.broker import Broker
from tests.console.sockets import Socket
from tests.world import World, build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def broker(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    broker = Broker(tmp_path)
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [broker.url]}}}
    channel_layers.backends.clear()
    monkeypatch.setattr(live, "_publisher", live.Publisher())
    yield
    live.flush()
    channel_layers.backends.clear()
    broker.kill()


@pytest.fixture
def world(transactional_db: None, settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


async def opened(user: User, path: str) -> Socket:
    socket = Socket(URLRouter(websocket_urlpatterns), path, user=user)
    await socket.open()
    return socket


@async_to_sync
async def heard(user: User, path: str, happens: Any) -> Any:
    """The first news that `user` hears on `path` of what happens; None when there is none."""
    socket = await opened(user, path)
    assert await socket.hear(5) == {"type": "ready"}
    await sync_to_async(happens)()
    news = None if await socket.receive_nothing(1.5) else await socket.hear()
    await socket.leave()
    return news


@async_to_sync
async def refused_with(user: User, path: str) -> int:
    return await (await opened(user, path)).close_code(5)


@pytest.mark.parametrize("path", ["/ws/tickets/", "/ws/tickets/{number}/"])
def test_a_message_is_news_to_the_list_and_to_the_ticket(world: World, ticket: Ticket, path: str) -> None:
    news = heard(world.rosa, path.format(number=ticket.number), lambda: world.write("Hello again"))
    assert news is not None
    assert (news["type"], set(news)) == ("changed", {"type", "what", "seq"})


def test_a_decision_is_news_to_the_ticket(world: World) -> None:
    request = world.held_refund()
    live.flush(5)
    path = f"/ws/tickets/{request.ticket.number}/"
    assert heard(world.ana, path, lambda: world.approve(request)) is not None


def test_a_supervisor_of_another_team_hears_nothing(world: World, ticket: Ticket) -> None:
    note = "Call 4242 back"
    assert (
        heard(world.piet, "/ws/tickets/", lambda: services.add_note(ticket=ticket, body=note, actor=world.rosa)) is None
    )
    assert refused_with(world.piet, f"/ws/tickets/{ticket.number}/") == consumers.NOT_ALLOWED


@pytest.mark.parametrize("path", ["/ws/tickets/", "/ws/tickets/T-1/", "/ws/tickets/T-999999999999999999/"])
def test_who_may_not_read_tickets_is_turned_away(world: World, path: str) -> None:
    world.ana.groups.clear()
    assert refused_with(world.ana, path) == consumers.NOT_ALLOWED


def test_a_ticket_that_does_not_exist_is_refused_like_a_foreign_one(world: World) -> None:
    assert refused_with(world.ana, "/ws/tickets/T-999999/") == consumers.NOT_ALLOWED


def test_who_loses_the_team_is_put_out_of_the_room(
    world: World, ticket: Ticket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "REAUTHORISE_SECONDS", 0.2)

    @async_to_sync
    async def put_out() -> int:
        socket = await opened(world.rosa, f"/ws/tickets/{ticket.number}/")
        await sync_to_async(TeamUserGrant.objects.filter(user=world.rosa).delete)()
        return await socket.close_code(5)

    assert put_out() == consumers.NOT_ALLOWED


@async_to_sync
async def shown_for_a_while(user: User, path: str) -> Any:
    """A page that says that it lies open before its reader; what the socket answers to that."""
    socket = await opened(user, path)
    assert await socket.hear(5) == {"type": "ready"}
    await socket.say_json({"type": "seen"})
    await socket.say_json({"type": "ping"})
    answer = await socket.hear(5)
    await socket.leave()
    return answer


def test_a_page_that_lies_open_before_the_holder_counts_as_work(world: World, ticket: Ticket) -> None:
    services.take_over(ticket=ticket, by=world.rosa)
    live.flush(5)
    WorkPeriod.objects.update(seen_at=timezone.now() - timedelta(seconds=30))
    path = f"/ws/tickets/{ticket.number}/"
    assert shown_for_a_while(world.ana, path) == {"type": "pong"}
    assert WorkPeriod.objects.get().seconds == 0, "a supervisor who looks on takes none of the holder's time"
    assert shown_for_a_while(world.rosa, path) == {"type": "pong"}
    assert 30 <= WorkPeriod.objects.get().seconds <= 45


def test_only_the_page_of_a_ticket_says_that_it_is_seen(world: World) -> None:
    assert shown_for_a_while(world.ana, "/ws/tickets/")["type"] == "error"
