"""Is this process alive, and is what it needs there? For probes, for `doctor` and for people at night."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from datetime import UTC, datetime
from functools import cache
from typing import Any

import redis
from channels.layers import get_channel_layer
from django.conf import settings
from django.contrib.staticfiles.finders import find
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import storages
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from rq import Worker

logger = logging.getLogger(__name__)

READY_SECONDS = 2.0
FRESH_HEARTBEAT_SECONDS = 90
CLOCK_SECONDS = 2.0
EXAMPLE_FILE = "admin/css/base.css"

Check = Callable[[], str]


class Unhealthy(Exception):
    """A part that does not work; the text says what is wrong and is fit for an anonymous reader."""


def database() -> str:
    """The database answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        raise Unhealthy("does not answer") from None
    return f"{connection.vendor} answers"


def migrations() -> str:
    """Every migration that this code brings has been applied."""
    try:
        waiting = unapplied_migrations()
    except DatabaseError:
        raise Unhealthy("cannot be read") from None
    if waiting:
        raise Unhealthy(f"{waiting} not applied: run manage.py migrate")
    return "all applied"


def unapplied_migrations() -> int:
    """How many are waiting. Zero is remembered: migrations are not unapplied under a running process."""
    if _all_applied.get("default"):
        return 0
    executor = MigrationExecutor(connection)
    waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    _all_applied["default"] = waiting == 0
    return waiting


_all_applied: dict[str, bool] = {}


@cache
def valkey_client() -> redis.Redis:
    return redis.Redis.from_url(settings.VALKEY_URL)


def valkey() -> str:
    """The broker answers."""
    try:
        valkey_client().ping()
    except (redis.RedisError, OSError):
        raise Unhealthy("does not answer") from None
    return "answers"


def valkey_keeps_jobs() -> str:
    """The broker never throws a key away to make room: a job is a key like any other."""
    try:
        policy = str(valkey_client().config_get("maxmemory-policy").get("maxmemory-policy", ""))
    except redis.ResponseError:
        return "answers; its maxmemory-policy cannot be read here, it must be noeviction"
    except (redis.RedisError, OSError):
        raise Unhealthy("does not answer") from None
    if policy != "noeviction":
        raise Unhealthy(f"maxmemory-policy is {policy}, which may drop queued jobs: set noeviction")
    return "answers, keeps every job"


def channel_layer() -> str:
    """A message sent to a group comes back: what live pages depend on."""
    try:
        asyncio.run(asyncio.wait_for(_round_trip(), timeout=READY_SECONDS))
    except (redis.RedisError, OSError, TimeoutError):
        raise Unhealthy("a message did not come back") from None
    return "a message came back"


async def _round_trip() -> None:
    layer: Any = get_channel_layer()
    channel = await layer.new_channel("health")
    group = f"health.{channel.rsplit('!', 1)[-1]}"
    await layer.group_add(group, channel)
    try:
        await layer.group_send(group, {"type": "health.check"})
        await layer.receive(channel)
    finally:
        await layer.group_discard(group, channel)
        await layer.flush()


def worker() -> str:
    """At least one worker has reported lately."""
    try:
        beats = [found.last_heartbeat for found in Worker.all(connection=valkey_client())]
    except (redis.RedisError, OSError):
        raise Unhealthy("cannot be asked while the broker is away") from None
    now = datetime.now(UTC)
    ages = [(now - beat.replace(tzinfo=UTC)).total_seconds() for beat in beats if beat]
    fresh = sum(age < FRESH_HEARTBEAT_SECONDS for age in ages)
    if not fresh:
        raise Unhealthy("none has reported in the last 90 s: run manage.py run_worker")
    return f"{fresh} alive"


def static_files() -> str:
    """Style sheets and scripts are where the server looks for them."""
    try:
        staticfiles_storage.url(EXAMPLE_FILE)
    except (ValueError, ImproperlyConfigured):
        raise Unhealthy("not collected: run manage.py collectstatic") from None
    if not find(EXAMPLE_FILE) and not storages["staticfiles"].exists(EXAMPLE_FILE):
        raise Unhealthy("not found")
    return "found"


def clock() -> str:
    """This host and the database agree on the time: expiries are judged by the database's clock."""
    if connection.vendor == "sqlite":
        return "the same clock as the database"
    try:
        before = time.time()
        with connection.cursor() as cursor:
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
            there = float(cursor.fetchone()[0])
        after = time.time()
    except DatabaseError:
        raise Unhealthy("cannot be compared while the database is away") from None
    # The answer was written somewhere between the two readings: only what lies outside is a difference.
    skew = max(before - there, there - after, 0.0)
    if skew > CLOCK_SECONDS:
        raise Unhealthy(f"differs from the database's by {skew:.1f} s: synchronise this host's clock")
    return f"within {CLOCK_SECONDS:g} s of the database"


READINESS: dict[str, Check] = {
    "database": database,
    "migrations": migrations,
    "valkey": valkey,
    "channel layer": channel_layer,
}
# Apps add checks of their own when they are ready.
DOCTOR: dict[str, Check] = {
    "database": database,
    "migrations": migrations,
    "valkey": valkey_keeps_jobs,
    "worker": worker,
    "socket round trip": channel_layer,
    "static files": static_files,
    "clock": clock,
}

_pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="health")


def examine(checks: dict[str, Check], *, seconds: float = READY_SECONDS) -> dict[str, tuple[bool, str]]:
    """Run the checks side by side; one that has not answered in time has failed."""
    futures = {name: _pool.submit(_examined, check) for name, check in checks.items()}
    wait(futures.values(), timeout=seconds)
    return {name: _outcome(future, seconds) for name, future in futures.items()}


def _examined(check: Check) -> tuple[bool, str]:
    try:
        return True, check()
    except Unhealthy as problem:
        return False, str(problem)
    except Exception:
        logger.exception("A health check failed in an unforeseen way")
        return False, "failed in an unforeseen way, see the log"
    finally:
        connection.close()  # this thread's own; a kept one would outlive a restart of the database


def _outcome(future: Future[tuple[bool, str]], seconds: float) -> tuple[bool, str]:
    if future.done() and not future.cancelled():
        return future.result()
    future.cancel()
    return False, f"no answer within {seconds:g} s"


def failing(results: dict[str, tuple[bool, str]]) -> Iterable[str]:
    return [name for name, (healthy, _) in results.items() if not healthy]


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; nothing else is asked, or an outage elsewhere would restart every web process."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when this process can do its work, else 503 naming what is missing."""
    results = examine(READINESS)
    broken = failing(results)
    parts = {name: "ok" if healthy else text for name, (healthy, text) in results.items()}
    return JsonResponse({"ready": not broken, "failing": list(broken), "parts": parts}, status=503 if broken else 200)
