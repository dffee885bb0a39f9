"""How notifications are doing: for `doctor`, and for the figures that a Prometheus server reads."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.db.models import Count, Min, Q

from approvals.models import Delivery
from audit.clock import database_now
from supportagent.console.health import Unhealthy

State = Delivery.State

LATELY = timedelta(days=1)
LATE = timedelta(minutes=5)  # a message that is due for longer is one that nobody sends


@dataclass(frozen=True)
class Tally:
    """Messages that wait, by channel; those that failed for good lately, by channel; how long the oldest is due."""

    waiting: dict[str, int]
    failed: dict[str, int]
    overdue: timedelta


def tally() -> Tally:
    """Two statements over partial indexes: what was sent long ago costs nothing."""
    by_mail, by_webhook = Count("pk", Q(endpoint=None)), Count("pk", ~Q(endpoint=None))
    counts = {"email": by_mail, "webhook": by_webhook}
    waiting = Delivery.objects.filter(state=State.WAITING).aggregate(due=Min("next_attempt_at"), **counts)
    now = database_now()
    failed = Delivery.objects.filter(state=State.FAILED, ended_at__gt=now - LATELY).aggregate(**counts)
    due = waiting.pop("due")
    overdue = max(now - due, timedelta()) if due else timedelta()
    return Tally(waiting, failed, overdue)


def notifications() -> str:
    """Messages to approvers and to other systems go out."""
    try:
        found = tally()
    except DatabaseError:
        raise Unhealthy("cannot be counted while the database is away") from None
    if found.overdue > LATE:
        raise Unhealthy(f"due for {found.overdue // timedelta(minutes=1)} min: run manage.py run_scheduler")
    if failed := sum(found.failed.values()):
        raise Unhealthy(f"{failed} failed in the last day: see Deliveries in the admin")
    by_mail = "" if settings.NOTIFY_BY_EMAIL else "; no mail server: EMAIL_URL is off"
    return f"{sum(found.waiting.values())} waiting, none failed in the last day{by_mail}"
