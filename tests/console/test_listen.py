"""The socket behind live pages: who may listen, what it tells, and what it refuses."""

import asyncio
import json

import pytest
from channels.layers import channel_layers, get_channel_layer
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied

from supportagent.console import consumers
from supportagent.console.consumers import LiveConsumer
from tests.console.sockets import Socket

pytestmark = [pytest.mark.django_db(transaction=True)]


class QueueConsumer(LiveConsumer):
    """Stands for a page that anybody active who is called "ana" may watch."""

    async def authorise(self):
        if self.scope["user"].username != "ana":
            raise PermissionDenied
        return ["queue"]


@pytest.fixture(autouse=True)
def in_memory_layer(settings):
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    channel_layers.backends.clear()
    yield
    channel_layers.backends.clear()


async def opened(user):
    browser = Socket(QueueConsumer.as_asgi(), "/ws/queue/", user=user)
    await browser.open()
    return browser


async def listening(user):
    browser = await opened(user)
    assert await browser.hear() == {"type": "ready"}
    return browser


async def test_a_visitor_without_log_in_is_accepted_and_then_told_4401(db):
    browser = await opened(AnonymousUser())
    assert await browser.close_code() == 4401


async def test_a_person_outside_the_view_is_told_4403(rep):
    browser = await opened(rep)
    assert await browser.close_code() == 4403


async def test_news_reach_the_page_without_anything_but_what_and_seq(ana):
    browser = await listening(ana)
    await get_channel_layer().group_send(
        "queue", {"type": "live.changed", "what": "request", "seq": 7, "customer": "Ana Martins"}
    )
    assert await browser.hear() == {"type": "changed", "what": "request", "seq": 7}
    await browser.leave()


async def test_a_burst_of_news_about_one_thing_is_told_as_its_latest(ana):
    browser = await listening(ana)
    for seq in range(50):
        await get_channel_layer().group_send("queue", {"type": "live.changed", "what": "run", "seq": seq})
    told = []
    while not told or told[-1]["seq"] != 49:
        told.append(await browser.hear())
    assert len(told) < 50
    assert [frame["seq"] for frame in told] == sorted(frame["seq"] for frame in told)
    await browser.leave()


async def test_a_slow_reader_does_not_make_the_server_remember_more_than_a_hundred_topics(ana):
    consumer = QueueConsumer()
    consumer._news, consumer._has_news = {}, asyncio.Event()
    for number in range(10_000):
        await consumer.live_changed({"what": f"ticket.{number}", "seq": 1})
    assert len(consumer._news) == consumers.MAX_TOPICS + 1


async def test_a_reader_who_never_takes_a_frame_is_disconnected(ana, monkeypatch):
    monkeypatch.setattr(consumers, "SEND_SECONDS", 0.05)
    stuck = asyncio.Event()
    sent = []

    async def receive():
        if sent:
            await asyncio.Event().wait()
        return {"type": "websocket.connect"}

    async def send(message):
        sent.append(message)
        if "changed" in message.get("text", ""):
            stuck.set()
            await asyncio.Event().wait()

    serving = asyncio.create_task(
        QueueConsumer.as_asgi()({"type": "websocket", "user": ana, "path": "/", "headers": []}, receive, send)
    )
    while len(sent) < 2:
        await asyncio.sleep(0.01)
    await get_channel_layer().group_send("queue", {"type": "live.changed", "what": "run", "seq": 1})
    await asyncio.wait_for(stuck.wait(), 2)
    await asyncio.wait({serving}, timeout=2)
    assert serving.done()


@pytest.mark.parametrize("frame", ["{", "[]", '"text"', '{"no": "type"}', '{"type": 7}', '{"type": "approve"}'])
async def test_a_frame_that_is_not_understood_is_answered_with_an_error(ana, frame):
    browser = await listening(ana)
    await browser.say(frame)
    assert (await browser.hear())["type"] == "error"
    await browser.leave()


async def test_the_sixth_bad_frame_closes_the_socket(ana):
    browser = await listening(ana)
    for _ in range(6):
        await browser.say(data=b"\x00\x01")
    assert await browser.close_code() == 1008


async def test_a_frame_of_two_megabytes_closes_the_socket(ana):
    browser = await listening(ana)
    await browser.say(json.dumps({"type": "x", "text": "a" * 2_000_000}))
    assert await browser.close_code() == 1009


async def test_a_flood_of_well_formed_frames_closes_the_socket(ana):
    browser = await listening(ana)
    for _ in range(200):
        await browser.say('{"type": "ping"}')
    assert await browser.close_code() == 1008


async def test_an_approval_sent_over_the_socket_decides_nothing_and_is_refused(ana):
    browser = await listening(ana)
    await browser.say_json({"type": "approve", "request": 1})
    assert await browser.hear() == {
        "type": "error",
        "message": "This socket does not understand that frame.",
    }
    await browser.leave()


async def test_a_heartbeat_is_answered(ana):
    browser = await listening(ana)
    await browser.say_json({"type": "ping"})
    assert await browser.hear() == {"type": "pong"}
    await browser.leave()


async def heartbeats(browser, number):
    for _ in range(number):
        await browser.say_json({"type": "ping"})
        assert await browser.hear() == {"type": "pong"}
    await browser.leave()


async def test_an_open_page_says_once_a_minute_that_its_person_is_there(ana, monkeypatch):
    heard = []
    monkeypatch.setattr(consumers.presence, "_listener", heard.append)
    await heartbeats(await listening(ana), 3)
    assert heard == [ana]
    monkeypatch.setattr(consumers, "PRESENCE_SECONDS", 0)
    await heartbeats(await listening(ana), 3)
    assert heard == [ana] * 5


async def test_a_page_lives_on_when_nobody_can_be_told_that_its_person_is_there(ana, monkeypatch):
    def fail(user):
        raise RuntimeError("the database is away")

    monkeypatch.setattr(consumers.presence, "_listener", fail)
    await heartbeats(await listening(ana), 2)


async def test_somebody_who_may_not_listen_is_not_there(rep, monkeypatch):
    heard = []
    monkeypatch.setattr(consumers.presence, "_listener", heard.append)
    browser = await opened(rep)
    assert await browser.close_code() == 4403 and heard == []


async def test_a_person_who_is_deactivated_while_connected_is_disconnected(ana, monkeypatch):
    monkeypatch.setattr(consumers, "REAUTHORISE_SECONDS", 0.2)
    browser = await listening(ana)
    ana.is_active = False
    await ana.asave()
    assert await browser.close_code() == 4401


async def test_a_person_who_loses_the_view_while_connected_is_disconnected(ana, monkeypatch):
    monkeypatch.setattr(consumers, "REAUTHORISE_SECONDS", 0.2)
    browser = await listening(ana)
    ana.username = "somebody else"
    await ana.asave()
    assert await browser.close_code() == 4403


async def test_a_page_that_cannot_listen_because_the_broker_is_down_is_told_to_come_back(ana, settings):
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["unix:///nonexistent/broker.sock"]},
        }
    }
    channel_layers.backends.clear()
    browser = await opened(ana)
    assert await browser.close_code(timeout=10) == 1013
