"""How a thread ends: a person says who solved it, or time closes what was resolved."""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission
from supportagent.tickets.errors import Conflict, InvalidMessage
from supportagent.tickets.models import Draft, Message, Ticket
from supportagent.tickets.services.base import (
    announce,
    authorise,
    lock,
    refs_of,
    require_holder,
    require_whole,
    save,
)
from supportagent.tickets.services.holding import close_hand_over
from supportagent.tickets.services.overtaken import supersede_answers
from supportagent.tickets.services.working import end_work, work_on
from supportagent.tickets.signals import ticket_ended

BATCH = 100  # tickets that time closes in one go
_REPLIES = (Message.Kind.AGENT, Message.Kind.PERSON)


def close(*, ticket: Ticket, by: User, outcome: str, resolved: bool = True) -> Ticket:
    """Say who solved it. The ticket is resolved, or closed at once where not `resolved` or where nobody solved it.

    What an agent still does on it is void. A resolved ticket may be given another outcome. Raises PermissionDenied,
    NotYours, InvalidMessage, and Conflict(by) for a ticket that a colleague holds, that is closed or merged.
    """
    if outcome not in Ticket.Outcome.values:
        raise InvalidMessage(f"The outcome must be one of {', '.join(Ticket.Outcome.values)}.")
    if by.is_service:
        raise ValueError("only a person says how a ticket ended")
    with audit_log.transaction():
        locked = lock(ticket)
        authorise(by, Permission.REPLY_TICKET, locked)
        require_whole(locked)
        if locked.state == Ticket.State.CLOSED:
            raise Conflict(f"{locked.number} is already closed.")
        if not locked.is_over and locked.assignee_id is not None:
            require_holder(locked, by)
        suggested = suggested_outcome(locked)
        work_on(locked, by)
        end_thread(locked, by)
        solved = resolved and outcome != Ticket.Outcome.NOT_RESOLVED
        locked.state = Ticket.State.RESOLVED if solved else Ticket.State.CLOSED
        locked.outcome = outcome
        locked.resolved_at = locked.resolved_at or timezone.now()
        save(locked)
        announce(locked, "state", for_customer=True)
        audit_log.record(
            "tickets.ticket.closed",
            target=("ticket", locked.number),
            actor=Actor.of(by),
            ticket=locked.number,
            data={"state": str(locked.state), "outcome": outcome, "suggested": str(suggested)},
            refs=refs_of(locked),
        )
        ticket_ended.send(sender=Ticket, ticket=locked, by=by, why="closed")
    return locked


def end_thread(ticket: Ticket, by: User | None) -> None:
    """What ends with every thread: its hand-over, the agents' unsent answers, the time of who worked on it."""
    close_hand_over(ticket, by)
    supersede_answers(ticket, by or Actor.system("tickets"))
    end_work(ticket)


def suggested_outcome(ticket: Ticket) -> Ticket.Outcome:
    """Who solved it, as the records say; a person who closes it may know better.

    The last word counts: a person's own makes it theirs, an agent's with anything of a person before it (a reply, a
    hand-over, a draft that was sent or approved) makes it solved with help.
    """
    last = ticket.messages.filter(kind__in=_REPLIES).order_by("-seq").first()
    if last is None:
        return Ticket.Outcome.NOT_RESOLVED
    sent = ticket.drafts.filter(state=Draft.State.SENT)
    if last.kind == Message.Kind.PERSON:
        of_an_agent = sent.filter(author__kind=User.Kind.SERVICE, sent_body=last.body).exists()
        return Ticket.Outcome.WITH_HELP if of_an_agent else Ticket.Outcome.BY_PERSON
    person_spoke = ticket.messages.filter(kind=Message.Kind.PERSON).exists()
    handed_over = ticket.hand_overs.exists()
    if handed_over and not person_spoke and not ticket.messages.filter(for_agents=True).exists():
        return Ticket.Outcome.NOT_RESOLVED  # the agent gave up, and nobody took it from there
    if handed_over or person_spoke or sent.exists():
        return Ticket.Outcome.WITH_HELP
    return Ticket.Outcome.BY_AI


def close_resolved() -> int:
    """Close what was resolved so long ago that a new message no longer goes on with it. Returns how many.

    Race: the ticket is opened again, or another scheduler closes it. The UPDATE names the state that was seen.
    """
    due = Ticket.objects.filter(
        state=Ticket.State.RESOLVED, resolved_at__lt=timezone.now() - timedelta(days=settings.REOPEN_DAYS)
    )
    return sum(_close_one(ticket) for ticket in due.select_related("customer").order_by("resolved_at")[:BATCH])


def _close_one(ticket: Ticket) -> bool:
    with audit_log.transaction():
        still = Ticket.objects.filter(pk=ticket.pk, state=Ticket.State.RESOLVED, resolved_at=ticket.resolved_at)
        # Not `updated_at`: nothing happened in the thread, and the customer's page tells by it how old it is.
        if not still.update(state=Ticket.State.CLOSED):
            return False
        announce(ticket, "state", for_customer=True)
        audit_log.record(
            "tickets.ticket.state_changed",
            target=("ticket", ticket.number),
            actor=Actor.system("scheduler"),
            ticket=ticket.number,
            data={"before": str(Ticket.State.RESOLVED), "after": str(Ticket.State.CLOSED)},
            refs=refs_of(ticket),
        )
    return True
