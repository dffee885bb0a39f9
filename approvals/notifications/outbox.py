"""Takes one delivery at a time, sends it outside any transaction, and writes down what became of it."""

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from django.db import connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from approvals.models import Delivery
from approvals.notifications import email, webhook
from approvals.notifications.failure import SendingFailed
from approvals.notifications.recipients import obstacle
from audit.clock import database_now

logger = logging.getLogger(__name__)

State = Delivery.State

ATTEMPTS = 8
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=30), timedelta(hours=1)
# Longer than sending can take: 10 s for a webhook, and 10 s for each of about eight steps with a mail server.
LEASE = timedelta(minutes=2)
# One server that is away costs one attempt in this time, not one for every message that waits for it.
PAUSE = timedelta(seconds=30)


@dataclass(frozen=True)
class Channel:
    """One way to send, with threads of its own: a mail server that is away holds up no webhook."""

    name: str
    threads: int
    mine: Q
    send: Callable[[Delivery], None]


CHANNELS = (
    Channel("email", 1, Q(recipient__isnull=False), email.send),
    Channel("webhook", 2, Q(endpoint__isnull=False), webhook.send),
)


def send_next(channel: Channel) -> bool:
    """Send one message that is due, if there is one; True when there was."""
    delivery = claim_next(channel)
    if delivery is None:
        return False
    if delivery.attempts > ATTEMPTS:
        # It was claimed so often and nobody came back to say how it went.
        _settle(delivery, State.FAILED, delivery.problem or "the process ended while it was sending")
    elif reason := obstacle(delivery):
        _settle(delivery, State.DROPPED, reason)
    else:
        _send(channel, delivery)
    return True


def send_due() -> int:
    """Send everything that is due now, channel by channel. Returns how many messages were looked at."""
    looked_at = 0
    for channel in CHANNELS:
        while send_next(channel):
            looked_at += 1
    return looked_at


def claim_next(channel: Channel) -> Delivery | None:
    """Take the message that has waited longest. It is ours until the lease ends: nobody else sends it meanwhile."""
    due = Delivery.objects.filter(channel.mine, state=State.WAITING, next_attempt_at__lte=Now())
    for pk in list(due.order_by("next_attempt_at", "pk").values_list("pk", flat=True)[:5]):
        claim = uuid4()
        # Race: another thread or process took it since. The condition, judged again under the row's lock, lets one.
        taken = due.filter(pk=pk).update(
            claim=claim, next_attempt_at=database_now() + LEASE, attempts=F("attempts") + 1
        )
        if taken:
            return _with_relations(Delivery.objects.all()).filter(pk=pk, claim=claim).first()
    return None


def _send(channel: Channel, delivery: Delivery) -> None:
    if connection.in_atomic_block:
        raise RuntimeError("a message is never sent inside a transaction")
    try:
        channel.send(delivery)
    except SendingFailed as failed:
        _failed(channel, delivery, failed)
    except Exception as error:
        logger.exception("Notification %s could not be sent", delivery.key)
        _failed(channel, delivery, SendingFailed(f"unforeseen: {type(error).__name__}"))
    else:
        # Race: our lease ended before this and another process sent it too, with the same key. Sent is sent.
        Delivery.objects.filter(pk=delivery.pk).update(state=State.SENT, ended_at=Now(), problem="")


def _failed(channel: Channel, delivery: Delivery, failed: SendingFailed) -> None:
    if failed.final or delivery.attempts >= ATTEMPTS:
        logger.warning("Notification %s failed for good: %s", delivery.key, failed)
        _settle(delivery, State.FAILED, str(failed))
    else:
        again_at = database_now() + wait_after(delivery.attempts)
        _mine(delivery).update(next_attempt_at=again_at, problem=str(failed)[:200], claim=None)
    if failed.server_away:
        others = Q(endpoint=delivery.endpoint) if delivery.endpoint_id else channel.mine
        Delivery.objects.filter(others, state=State.WAITING, next_attempt_at__lte=Now()).update(
            next_attempt_at=database_now() + PAUSE
        )


def wait_after(attempts: int) -> timedelta:
    """Twice as long each time, and never for everybody at the same moment: 30 s, 1 min, ... 1 h, half to one and a
    half of it."""
    wait = min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
    return wait * random.uniform(0.5, 1.5)  # noqa: S311 - spreads load, hides nothing


def _settle(delivery: Delivery, state: str, problem: str) -> None:
    _mine(delivery).update(state=state, ended_at=Now(), problem=problem[:200], claim=None)


def _mine(delivery: Delivery) -> QuerySet[Delivery]:
    return Delivery.objects.filter(pk=delivery.pk, claim=delivery.claim, state=State.WAITING)


def _with_relations(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    return deliveries.select_related("notice__request__ticket__team", "notice__request__tool", "recipient", "endpoint")
