"""The threads that send, beside the scheduler and never in its way: a slow mail server delays nothing but mail."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import Error, close_old_connections, connections

from approvals.notifications.outbox import CHANNELS, Channel, send_next

logger = logging.getLogger(__name__)

GRACE_SECONDS = 5.0  # a message that is being sent when the process ends; its lease passes it on otherwise


@contextmanager
def sending(stop: threading.Event) -> Iterator[None]:
    """Send what is due, in threads of every channel, until the block ends or `stop` is set."""
    threads = [
        threading.Thread(target=_serve, args=(channel, stop), name=f"{channel.name}-{number}", daemon=True)
        for channel in CHANNELS
        for number in range(channel.threads)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join(GRACE_SECONDS)


def _serve(channel: Channel, stop: threading.Event) -> None:
    try:
        while not stop.wait(settings.SWEEP_SECONDS):
            close_old_connections()
            _send_all(channel, stop)
    finally:
        connections.close_all()


def _send_all(channel: Channel, stop: threading.Event) -> None:
    try:
        while not stop.is_set() and send_next(channel):
            pass
    except Error:
        logger.warning("%s: the database did not answer", channel.name, exc_info=True)
    except Exception:
        logger.exception("%s: sending failed in an unforeseen way", channel.name)
