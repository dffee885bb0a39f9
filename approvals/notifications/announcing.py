"""What is worth telling of requests: found in the requests themselves, written down once.

A request that waits, was passed on or has expired says so in its own row, which its own transaction wrote: that row is
the outbox entry, so the gate pays nothing for a notice and none can be lost. What turns it into deliveries looks a
second later, so that something which is decided at once is never announced.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError
from django.db.models import Exists, OuterRef, QuerySet

from approvals.models import ApprovalRequest, Delivery, Notice
from approvals.notifications.recipients import endpoints_for
from approvals.notifications.topics import topic_of
from audit import log as audit_log
from audit.clock import database_now

Kind = Notice.Kind

LAST_CALL = timedelta(minutes=15)  # before the end, or a quarter of a request's life if that is less
STALE = timedelta(days=1)  # an end that nobody was told of by then is no news any more


def announce(*, limit: int = 100) -> int:
    """Write what has become worth telling since the last time. Returns how many notices; safe in parallel."""
    now = database_now()
    return sum(
        write(Notice(request=request, kind=kind), now)
        for kind, requests in _found(now, limit)
        for request in requests.select_related("ticket", "tool")
    )


def _found(now: datetime, limit: int) -> Iterator[tuple[Kind, QuerySet[ApprovalRequest]]]:
    pending = ApprovalRequest.objects.pending().filter(expires_at__gt=now).order_by("pk")
    yield Kind.PENDING, _unannounced(pending, Kind.PENDING)[:limit]
    passed_on = pending.filter(escalated_at__isnull=False)
    yield Kind.ESCALATED, _unannounced(passed_on, Kind.ESCALATED)[:limit]
    ending = _unannounced(pending.filter(expires_at__lte=now + LAST_CALL), Kind.EXPIRING)
    last_call = [each.pk for each in ending if each.expires_at - now <= (each.expires_at - each.created_at) / 4]
    if last_call:
        yield Kind.EXPIRING, ending.filter(pk__in=last_call[:limit])
    ended = ApprovalRequest.objects.filter(state=ApprovalRequest.State.EXPIRED, expires_at__gt=now - STALE)
    yield Kind.EXPIRED, _unannounced(ended.order_by("pk"), Kind.EXPIRED)[:limit]


def _unannounced(requests: QuerySet[ApprovalRequest], kind: Kind) -> QuerySet[ApprovalRequest]:
    return requests.filter(~Exists(Notice.objects.filter(request=OuterRef("pk"), kind=kind)))


def write(notice: Notice, now: datetime) -> bool:
    """Keep a new notice with a delivery for everybody who is told; False when it was written already."""
    try:
        with audit_log.transaction():
            # Race: another process found the same. A thing has one notice of each kind: the constraint lets one write.
            notice.save(force_insert=True)
            Delivery.objects.bulk_create(_deliveries(notice, now))
    except IntegrityError:
        return False
    return True


def _deliveries(notice: Notice, now: datetime) -> Iterable[Delivery]:
    if settings.NOTIFY_BY_EMAIL:
        for person in topic_of(notice).people(notice):
            yield Delivery(notice=notice, recipient=person, next_attempt_at=now)
    for endpoint in endpoints_for(notice):
        yield Delivery(notice=notice, endpoint=endpoint, next_attempt_at=now)
