"""A signed message to another system, by the rules of Standard Webhooks (standardwebhooks.com).

`webhook-signature` holds one `v1,<base64 of HMAC-SHA256>` per secret over `<webhook-id>.<webhook-timestamp>.<body>`.
A receiver may get a message twice and tells so by its `webhook-id`.
"""

import base64
import hashlib
import hmac
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager

from approvals.models import Delivery, Notice
from approvals.notifications.content import timestamp
from approvals.notifications.failure import SendingFailed
from approvals.notifications.topics import topic_of
from supportagent import addresses
from supportagent.environment import named_secret

SECONDS = 10.0  # for everything after DNS, however slowly the other side speaks
PREFIX = "whsec_"
KEY_BYTES = range(24, 65)


def send(delivery: Delivery) -> None:
    """Post the message to its endpoint. Raises SendingFailed."""
    endpoint = delivery.endpoint
    assert endpoint is not None  # noqa: S101 - the outbox gives this channel endpoints only
    try:
        keys = [key_named(name) for name in (endpoint.secret, endpoint.next_secret) if name]
        body = json.dumps(payload(delivery.notice), separators=(",", ":"), ensure_ascii=False).encode()
        status = post(endpoint.url, body, signed(f"msg_{delivery.key.hex}", body, keys))
    except LookupError as missing:
        raise SendingFailed(str(missing.args[0])) from None
    except addresses.AddressRefused as refused:
        raise SendingFailed(str(refused), final=True) from None
    except (OSError, http.client.HTTPException) as error:
        raise SendingFailed(f"no answer: {type(error).__name__}", server_away=True) from None
    if 300 <= status < 400:
        raise SendingFailed(f"answered {status}: redirects are not followed", final=True)
    if not 200 <= status < 300:
        raise SendingFailed(f"answered {status}", final=status == 410, server_away=status in (429, 502, 503, 504))


def payload(notice: Notice) -> dict[str, object]:
    """What the other system is told."""
    kind, data = topic_of(notice).payload(notice)
    return {"type": kind, "timestamp": timestamp(notice.created_at), "data": data}


def key_named(name: str) -> bytes:
    """The bytes of the secret that stands in the environment under this name. Raises LookupError."""
    secret = named_secret(name)
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True) if secret.startswith(PREFIX) else b""
    except ValueError:
        key = b""
    if len(key) not in KEY_BYTES:
        # The prefix also keeps other secrets of this process from being used, and so tested, as a key.
        raise LookupError(f"{name} is no webhook secret: whsec_ and the base64 of 24 to 64 bytes")
    return key


def signed(identity: str, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """The three headers of a message that is sent now."""
    at = str(int(time.time()))
    content = f"{identity}.{at}.".encode() + body
    signatures = [base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() for key in keys]
    return {
        "webhook-id": identity,
        "webhook-timestamp": at,
        "webhook-signature": " ".join(f"v1,{signature}" for signature in signatures),
    }


def post(url: str, body: bytes, headers: Mapping[str, str]) -> int:
    """The status of the answer; its body is not read. Raises AddressRefused, OSError, HTTPException."""
    target = addresses.check(url)
    with closing(addresses.connect(target.host, target.port, seconds=SECONDS / 2)) as raw, _cut_off(raw, SECONDS):
        connection = http.client.HTTPConnection(target.host, target.port)
        connection.sock = _encrypted(raw, target.host) if target.scheme == "https" else raw
        with closing(connection):
            connection.putrequest("POST", target.path, skip_host=True, skip_accept_encoding=True)
            everything = {
                "Host": target.host_header,
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                "User-Agent": "supportagent-webhooks/1",
                "Connection": "close",
                **headers,
            }
            for name, value in everything.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            return connection.getresponse().status


@contextmanager
def _cut_off(raw: socket.socket, seconds: float) -> Iterator[None]:
    """End the connection after so many seconds: a timeout of the socket begins anew with every byte."""
    raw.settimeout(seconds)
    handle = raw.dup()  # TLS takes the socket over; this one still reaches the connection
    timer = threading.Timer(seconds, _shut, args=[handle])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        handle.close()


def _shut(handle: socket.socket) -> None:
    try:
        handle.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it has ended by itself


def _encrypted(raw: socket.socket, host: str) -> ssl.SSLSocket:
    return ssl.create_default_context().wrap_socket(raw, server_hostname=host)
