"""How often somebody may do something, counted in Valkey for all processes together.

When Valkey is down each process goes on counting by itself: the limit gets looser by the number of
processes, but nobody is locked out and nothing is unlimited.
"""

import hashlib
import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import redis
from django.conf import settings

from supportagent.environment import derive_key

logger = logging.getLogger(__name__)

RETRY_VALKEY_AFTER_SECONDS = 5.0


@dataclass(frozen=True)
class Limit:
    """At most `count` per `seconds`, in fixed windows of the clock."""

    name: str
    count: int
    seconds: int = 60


@dataclass(frozen=True)
class Verdict:
    """`is_first_refusal` lets the caller say it once and stay quiet for the rest of the window."""

    allowed: bool
    is_first_refusal: bool
    retry_after: int


class Throttle:
    """Counters per limit, identity and window; identities are hashed, so no address is stored."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._window = 0
        self._local: Counter[str] = Counter()
        self._down_until = 0.0

    def hit(self, limit: Limit, identity: str) -> Verdict:
        """Count one more. Never raises."""
        now = time.time()
        window = int(now) // limit.seconds
        count = self._count(f"rate:{limit.name}:{window}:{_pseudonym(identity)}", limit.seconds)
        return Verdict(
            allowed=count <= limit.count,
            is_first_refusal=count == limit.count + 1,
            retry_after=max(1, int((window + 1) * limit.seconds - now) + 1),
        )

    def _count(self, key: str, seconds: int) -> int:
        local = self._count_here(key)
        if time.monotonic() < self._down_until:
            return local
        try:
            pipeline = self._valkey.pipeline(transaction=False)
            pipeline.incr(key)
            pipeline.expire(key, seconds)
            return int(pipeline.execute()[0])
        except redis.RedisError as error:
            self._down_until = time.monotonic() + RETRY_VALKEY_AFTER_SECONDS
            logger.warning("rate limits are counted per process for now: %s", type(error).__name__)
            return local

    def _count_here(self, key: str) -> int:
        minute = int(time.time()) // 60
        with self._lock:
            if minute != self._window:
                self._window, self._local = minute, Counter()
            self._local[key] += 1
            return self._local[key]

    @cached_property
    def _valkey(self) -> redis.Redis:
        return redis.Redis.from_url(self._url)


def _pseudonym(identity: str) -> str:
    key = derive_key(settings.SECRET_KEY, "rate limits")
    return hashlib.blake2b(identity.encode("utf-8", "surrogatepass"), key=key[:64].encode(), digest_size=12).hexdigest()


throttle = Throttle(settings.VALKEY_URL)
