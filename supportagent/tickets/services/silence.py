"""What ends by itself: a customer who was answered and says no more has, as far as anybody knows, what they wanted."""

from datetime import timedelta

from django.conf import settings
from django.db.models import F, Max, Q
from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor
from supportagent.tickets.models import Message, Ticket
from supportagent.tickets.services.base import announce, lock, refs_of, save
from supportagent.tickets.services.closing import end_thread, suggested_outcome

BATCH = 100  # tickets that time resolves in one go
_REPLY = Q(messages__kind__in=[Message.Kind.AGENT, Message.Kind.PERSON])
_SPOKEN = _REPLY | Q(messages__kind=Message.Kind.CUSTOMER)


def resolve_silent() -> int:
    """Resolve what waits for a customer who has said nothing for SILENT_HOURS since our last reply; 0 hours: never.

    It ended with that reply, so whatever counts from the end of a ticket counts from there. Returns how many.
    """
    if not settings.SILENT_HOURS:
        return 0
    since = timezone.now() - timedelta(hours=settings.SILENT_HOURS)
    waiting = Ticket.objects.filter(state=Ticket.State.WAITING_CUSTOMER, created_at__lt=since)
    quiet = waiting.annotate(
        spoken_at=Max("messages__created_at", filter=_SPOKEN), replied_at=Max("messages__created_at", filter=_REPLY)
    ).filter(spoken_at__lt=since, spoken_at=F("replied_at"))
    return sum(_resolve(ticket) for ticket in quiet.select_related("customer").order_by("pk")[:BATCH])


def _resolve(quiet: Ticket) -> bool:
    with audit_log.transaction():
        ticket = lock(quiet)
        # Race: the customer writes, a colleague answers, or another scheduler is faster. Under the lock nobody can any
        # more, and whatever was written meanwhile has raised the number of the last entry.
        if ticket.state != Ticket.State.WAITING_CUSTOMER or ticket.last_seq != quiet.last_seq:
            return False
        outcome = suggested_outcome(ticket)
        end_thread(ticket, None)
        is_solved = outcome != Ticket.Outcome.NOT_RESOLVED
        ticket.state = Ticket.State.RESOLVED if is_solved else Ticket.State.CLOSED
        ticket.outcome = outcome
        ticket.resolved_at = quiet.replied_at  # type: ignore[attr-defined]  # annotated by `resolve_silent`
        save(ticket)
        announce(ticket, "state", for_customer=True)
        audit_log.record(
            "tickets.ticket.fell_silent",
            target=("ticket", ticket.number),
            actor=Actor.system("scheduler"),
            ticket=ticket.number,
            data={"state": str(ticket.state), "outcome": str(outcome)},
            refs=refs_of(ticket),
        )
    return True
