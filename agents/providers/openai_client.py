"""One `openai` client per process, a deadline that holds on every byte, and errors in our own words.

`client.post(..., cast_to=httpx2.Response)` is the library's documented door for plain JSON.
It is used instead of the typed methods because validating and rebuilding every tool schema and
every chunk as pydantic models costs 2 to 7 times the processor time of the call itself.
"""

import json
import os
import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import httpcore2
import httpx2
import openai
from django.conf import settings

from agents.providers.base import (
    ProviderError,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderTimeout,
    ProviderUnavailable,
)

MAX_WIRE_BYTES = 32_000_000
"""What one answer may take on the wire: a stream spends some 200 bytes on every few characters."""

MAX_EVENT_BYTES = 8_000_000
LAST_BYTES_SECONDS = 0.2
MAX_CONNECTIONS = 512
IDLE_SECONDS = 60


@dataclass
class Exchange:
    """One call on the wire: until when it may last, and whether any byte of the request has left."""

    deadline: float
    sent: bool = False
    received: int = 0

    def remaining(self, timeout: float | None) -> float:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise httpcore2.ReadTimeout("deadline passed")
        return left if timeout is None else min(left, timeout)


class _Current(threading.local):
    exchange: Exchange | None = None


_current = _Current()


class GuardedStream(httpcore2.NetworkStream):
    """A connection whose every read and write ends at the deadline of the call that uses it.

    The library's own read timeout starts anew with each byte, so a server that sends one byte a
    second would hold a worker for hours.
    """

    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        exchange = _current.exchange
        if exchange is None:
            return self._inner.read(max_bytes, timeout)
        data = self._inner.read(max_bytes, exchange.remaining(timeout))
        exchange.received += len(data)
        if exchange.received > MAX_WIRE_BYTES:
            raise ProviderGarbage(f"The answer is larger than {MAX_WIRE_BYTES} bytes on the wire.")
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        exchange = _current.exchange
        if exchange is not None:
            timeout = exchange.remaining(timeout)
            exchange.sent = exchange.sent or bool(buffer)
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        self._inner.close()

    def start_tls(self, *args: Any, **kwargs: Any) -> httpcore2.NetworkStream:
        return GuardedStream(self._inner.start_tls(*args, **kwargs))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class GuardedBackend(httpcore2.NetworkBackend):
    """Opens connections within the deadline. Name resolution is the one wait it cannot cut short."""

    def __init__(self, inner: httpcore2.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **kwargs: Any
    ) -> httpcore2.NetworkStream:
        if _current.exchange is not None:
            timeout = _current.exchange.remaining(timeout)
        return GuardedStream(self._inner.connect_tcp(host, port, timeout, *args, **kwargs))

    def sleep(self, seconds: float) -> None:
        self._inner.sleep(seconds)


_clients: dict[tuple[object, ...], openai.OpenAI] = {}
_clients_lock = threading.Lock()


def client() -> openai.OpenAI:
    """The process's client for the settings in force; threads share it, a forked child makes its own.

    Raises ProviderMisconfigured without a key or with an address that is no URL.
    """
    key = (os.getpid(), settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY)
    found = _clients.get(key)
    if found is None:
        with _clients_lock:
            found = _clients.get(key) or _clients.setdefault(key, _new_client())
    return found


def _reset_after_fork() -> None:
    # The parent's sockets and a lock that another thread may have held are no use to a child.
    global _clients_lock
    _clients_lock = threading.Lock()
    _clients.clear()


os.register_at_fork(after_in_child=_reset_after_fork)


def _new_client() -> openai.OpenAI:
    base_url, api_key = settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY
    if base_url and not re.match(r"https?://[^/\s]+", base_url):
        raise ProviderMisconfigured("OPENAI_BASE_URL must start with http:// or https://.")
    if not api_key and not base_url:
        raise ProviderMisconfigured("OPENAI_API_KEY is not set.")
    http = openai.DefaultHttpxClient(
        follow_redirects=False,
        limits=httpx2.Limits(
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_CONNECTIONS,
            keepalive_expiry=IDLE_SECONDS,
        ),
    )
    _guard(http)
    return openai.OpenAI(
        api_key=api_key or "none",  # many local servers ask for none; the library insists on a value
        base_url=base_url or None,
        max_retries=0,
        timeout=httpx2.Timeout(settings.MODEL_READ_SECONDS, connect=settings.MODEL_CONNECT_SECONDS),
        http_client=http,
        # Uncompressed, so that the byte limit means what it says.
        default_headers={"Accept-Encoding": "identity"},
    )


def _guard(http: httpx2.Client) -> None:
    # httpx2 has no public way to hand in a network backend and keep the proxies of the environment.
    for transport in (http._transport, *http._mounts.values()):
        if isinstance(transport, httpx2.HTTPTransport):
            pool = transport._pool
            pool._network_backend = GuardedBackend(pool._network_backend)


def speaks_to_openai() -> bool:
    """Whether the address is OpenAI's own (or Azure's), which names some parameters its own way."""
    host = httpx2.URL(settings.OPENAI_BASE_URL or "https://api.openai.com").host
    return host.endswith(("openai.com", "openai.azure.com"))


def post(path: str, body: dict[str, Any], *, deadline: float) -> tuple[dict[str, Any], str]:
    """Send one request; returns the JSON object of the answer and the vendor's request id.

    Raises ProviderError as the tree in `base` says.
    """
    with _exchange(deadline):
        response = client().post(path, cast_to=httpx2.Response, body=body)
        answer = json.loads(response.content)
    if not isinstance(answer, dict):
        raise ProviderGarbage("The answer is no JSON object.")
    return answer, response.headers.get("x-request-id", "")


@contextmanager
def post_stream(path: str, body: dict[str, Any], *, deadline: float) -> Iterator[tuple[Iterable[dict[str, Any]], str]]:
    """As `post`, with the answer's events one by one. Leaving the block closes the connection."""
    with _exchange(deadline) as exchange:
        answer = client().post(path, cast_to=httpx2.Response, body=body, stream=True, stream_cls=openai.Stream[object])
        response = cast(httpx2.Response, answer)  # what `cast_to` asks for, which the types do not follow
        try:
            chunks = response.iter_bytes()
            yield _events(chunks), response.headers.get("x-request-id", "")
            _read_to_the_end(chunks, exchange)
        finally:
            response.close()


def _events(chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream of server-sent events, up to its [DONE].

    Not the library's `Stream`, which closes the connection at [DONE]: each call would then begin with a new
    handshake.
    """
    rest, data = b"", []
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_EVENT_BYTES:
            raise ProviderGarbage(f"One event of the stream is larger than {MAX_EVENT_BYTES} bytes.")
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[5:].strip())
            elif data and not line.strip():
                text, data = b"\n".join(data), []
                if text.startswith(b"[DONE]"):
                    return
                yield _event(text)


def _event(text: bytes) -> dict[str, Any]:
    event = json.loads(text)
    if not isinstance(event, dict):
        raise ProviderGarbage("An event of the stream is no JSON object.")
    if event.get("error"):
        raise ProviderUnavailable("The model server reported an error in the stream.", sent=True)
    return event


def _read_to_the_end(chunks: Iterator[bytes], exchange: Exchange) -> None:
    # The reply is here; only a response that was read whole leaves its connection to the next call.
    exchange.deadline = min(exchange.deadline, time.monotonic() + LAST_BYTES_SECONDS)
    with suppress(httpx2.RequestError):
        for _ in chunks:
            pass


@contextmanager
def _exchange(deadline: float) -> Iterator[Exchange]:
    if deadline <= time.monotonic():
        raise ProviderTimeout("The deadline passed before the model was asked.", sent=False)
    exchange = Exchange(deadline)
    _current.exchange = exchange
    failure: ProviderError
    try:
        yield exchange
        return
    except openai.OpenAIError as error:
        failure = _translate(error, exchange)
    except httpx2.TimeoutException:
        failure = ProviderTimeout("The model did not finish its answer in time.")
    except httpx2.RequestError:
        failure = ProviderUnavailable("The connection to the model server broke off.", sent=True)
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
        failure = ProviderGarbage("The answer is not valid JSON.")
    finally:
        _current.exchange = None
    # Without its cause: the library's error holds the request, and with it the key and the conversation.
    raise failure from None


def _translate(error: openai.OpenAIError, exchange: Exchange) -> ProviderError:
    if isinstance(error, openai.APIStatusError):
        return _translate_status(error)
    if isinstance(error, openai.APITimeoutError):
        if exchange.sent:
            return ProviderTimeout("The model did not answer in time.")
        return ProviderUnavailable("The model server could not be reached in time.", sent=False)
    if isinstance(error, openai.APIConnectionError):
        told = "broke off" if exchange.sent else "could not be opened"
        return ProviderUnavailable(f"The connection to the model server {told}.", sent=exchange.sent)
    if isinstance(error, openai.APIError):
        return ProviderUnavailable(f"The model server reported an error{_code(error)}.", sent=True)
    return ProviderMisconfigured("The model client refuses its configuration.")


def _translate_status(error: openai.APIStatusError) -> ProviderError:
    """Only the vendor's codes are told: its message may quote the key or the conversation."""
    status = error.status_code
    told = f"The model server answered {status}{_code(error)}."
    if status == 429 and error.code != "insufficient_quota":
        return ProviderUnavailable(told, sent=False, retry_after=_retry_after(error.response))
    if status in (408, 409, 425) or status >= 500:
        return ProviderUnavailable(told, sent=True, retry_after=_retry_after(error.response))
    return ProviderMisconfigured(told, param=_word(error.param))


def _code(error: openai.APIError) -> str:
    words = [word for word in (_word(error.code) or _word(error.type), _word(error.param)) if word]
    return f" ({', '.join(words)})" if words else ""


def _word(value: object) -> str:
    """A code such as `rate_limit_exceeded`; anything that is not one, such as a sentence, is left out."""
    return value if isinstance(value, str) and re.fullmatch(r"[a-z][a-zA-Z0-9_.\[\]]{0,63}", value) else ""


def _retry_after(response: httpx2.Response) -> float | None:
    with suppress(ValueError):
        seconds = float(response.headers.get("retry-after-ms", "")) / 1000
        return seconds if 0 <= seconds < 3600 else None
    with suppress(ValueError):
        seconds = float(response.headers.get("retry-after", ""))
        return seconds if 0 <= seconds < 3600 else None
    return None
