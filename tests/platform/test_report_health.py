import io
import json
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from channels.layers import channel_layers
from django.core.management import call_command
from django.test import Client

from supportagent.console import health
from supportagent.demo.valkey import answers, data_folder, valkey_program
from supportagent.environment import bounded


@pytest.fixture
def broker(tmp_path_factory: pytest.TempPathFactory, settings) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """A bundled Valkey of this test's own, to which the settings point."""
    folder: Path = tmp_path_factory.mktemp("v")
    with data_folder(folder) as lock:
        process = subprocess.Popen(valkey_program(folder, lock=lock).command, pass_fds=(lock,))
        url = bounded(f"unix://{folder}/valkey.sock?db=0")
        while not answers(url):
            time.sleep(0.02)
        with pointing_to(url, settings):
            yield url, process
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


class pointing_to:
    """The settings and what remembers them, pointed to a broker and back."""

    def __init__(self, url: str, settings) -> None:
        settings.VALKEY_URL = url
        backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
        settings.CHANNEL_LAYERS = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [url]}}}

    def __enter__(self) -> None:
        health.valkey_client.cache_clear()
        channel_layers.backends.clear()

    __exit__ = lambda self, *problem: self.__enter__()  # noqa: E731


def ready(client: Client) -> tuple[int, dict, float]:
    started = time.monotonic()
    response = client.get("/readyz")
    return response.status_code, json.loads(response.content), time.monotonic() - started


def test_the_process_reports_itself_alive_without_asking_the_database(client: Client):
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.mark.django_db(transaction=True)
def test_a_complete_installation_is_ready(client: Client, broker):
    status, body, _ = ready(client)
    assert (status, body["ready"], body["failing"]) == (200, True, [])


@pytest.mark.django_db(transaction=True)
def test_readiness_names_a_broker_that_is_gone(client: Client, broker):
    broker[1].kill()
    broker[1].wait()
    status, body, took = ready(client)
    assert (status, body["failing"]) == (503, ["valkey", "channel layer"])
    assert took < 2.5


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_hangs_holds_the_probe_for_two_seconds_at_most(client: Client, broker):
    broker[1].send_signal(signal.SIGSTOP)
    status, body, took = ready(client)
    assert status == 503
    assert body["parts"]["database"] == "ok"
    assert set(body["failing"]) == {"valkey", "channel layer"}
    assert took < 2.8


@pytest.mark.django_db(transaction=True)
def test_readiness_tells_a_stranger_no_address(client: Client, settings, broker):
    with pointing_to("redis://someuser:hunter2@127.0.0.1:1/0", settings):
        status, body, _ = ready(client)
    assert status == 503
    assert "hunter2" not in json.dumps(body) and "127.0.0.1" not in json.dumps(body)


def doctor() -> tuple[str, str]:
    out = io.StringIO()
    try:
        call_command("doctor", stdout=out, no_color=True)
    except SystemExit as ended:
        return out.getvalue(), str(ended)
    return out.getvalue(), ""


@pytest.mark.django_db(transaction=True)
def test_the_doctor_misses_a_worker_and_is_content_when_one_reports(broker):
    said, ending = doctor()
    assert "FAIL worker" in said
    assert ending == "1 of 9 parts need attention."
    client = redis.Redis.from_url(broker[0])
    beat = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    client.sadd("rq:workers", "rq:worker:one")
    client.hset("rq:worker:one", mapping={"birth": beat, "last_heartbeat": beat, "queues": "default", "pid": 1})
    assert doctor()[1] == ""


@pytest.mark.django_db(transaction=True)
def test_the_doctor_refuses_a_broker_that_may_throw_jobs_away(broker):
    redis.Redis.from_url(broker[0]).config_set("maxmemory-policy", "allkeys-lru")
    said, _ = doctor()
    assert "FAIL valkey             maxmemory-policy is allkeys-lru, which may drop queued jobs: set noeviction" in said
