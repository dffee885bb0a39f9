"""Who works on a ticket and for how long: what cost and metrics count as human time.

A colleague is at it when the ticket is open before them or when they do something in it. Between two such moments the
time counts, unless they lie so far apart that the colleague was away.
"""

from datetime import datetime, timedelta

from django.utils import timezone

from audit import log as audit_log
from supportagent.staff.models import User
from supportagent.tickets.models import Ticket, WorkPeriod
from supportagent.tickets.services.base import lock

SEEN_EVERY = 20  # seconds: what a page says more often is not written down
LONGEST_GAP = 60  # seconds: two of the page's beats may be lost


def seen_at_work(ticket: Ticket, user: User) -> bool:
    """The ticket lies open before its holder. True when it was written down. Not audited: nothing was done.

    Race: two windows, or a window and a hand-back. The UPDATE names what it saw, so a stretch counts once and a period
    that ended stays as it is.
    """
    period = WorkPeriod.objects.filter(
        ticket=ticket, user=user, ended_at=None, ticket__assignee=user, ticket__state__in=_AT_WORK
    ).first()
    if period is None:
        return _resume(ticket, user)
    seen_before, now = period.seen_at, timezone.now()
    if 0 <= (now - seen_before).total_seconds() < SEEN_EVERY:
        return False
    _advance(period, now)
    return bool(
        WorkPeriod.objects.filter(pk=period.pk, seen_at=seen_before, ended_at=None).update(
            seen_at=period.seen_at, seconds=period.seconds
        )
    )


_AT_WORK = [state for state in Ticket.State.values if state not in Ticket.OVER]


def _resume(ticket: Ticket, user: User) -> bool:
    """Whoever holds a ticket without an open period, as one that was opened again, begins a new one."""
    if not Ticket.objects.filter(pk=ticket.pk, assignee=user, state__in=_AT_WORK).exists():
        return False
    with audit_log.transaction():
        locked = lock(ticket)
        held = locked.assignee_id == user.pk and not locked.is_over
        if held:
            work_on(locked, user)
    return held


def begin_work(ticket: Ticket, user: User) -> None:
    """`user` has taken the locked ticket: whoever worked on it before does not any more."""
    _end(ticket, except_for=user)
    work_on(ticket, user)


def work_on(ticket: Ticket, user: User) -> None:
    """`user` did something in the locked ticket. What others than its holder do takes none of the holder's time."""
    if ticket.assignee_id != user.pk:
        return
    now = timezone.now()
    period = WorkPeriod.objects.filter(ticket=ticket, user=user, ended_at=None).select_for_update(no_key=True).first()
    if period is None:
        WorkPeriod.objects.create(ticket=ticket, user=user, started_at=now, seen_at=now)
        return
    _advance(period, now)
    period.save(update_fields=["seen_at", "seconds"])


def end_work(ticket: Ticket) -> None:
    """Nobody holds the locked ticket any more, or it is over."""
    _end(ticket)


def _end(ticket: Ticket, except_for: User | None = None) -> None:
    now = timezone.now()
    for period in WorkPeriod.objects.filter(ticket=ticket, ended_at=None).select_for_update(no_key=True):
        if except_for is not None and period.user_id == except_for.pk:
            continue
        _advance(period, now)
        period.ended_at = max(now, period.started_at)
        period.save(update_fields=["seen_at", "seconds", "ended_at"])


def _advance(period: WorkPeriod, now: datetime) -> None:
    """Count the whole seconds since the colleague was last seen; what is left of one counts the next time.

    A clock that was set back, or far ahead, adds nothing: counting goes on from what it says now.
    """
    gap = (now - period.seen_at).total_seconds()
    if 0 <= gap <= LONGEST_GAP:
        period.seconds += int(gap)
        period.seen_at += timedelta(seconds=int(gap))
    else:
        period.seen_at = now
