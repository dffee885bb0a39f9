"""A hand-over that waits for a person: by when it is answered, what the customer hears meanwhile, when it is late."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models.functions import Now
from django.utils import dateformat, timezone

from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.hours import add_working_minutes, is_open, next_opening, zone_of
from supportagent.staff.models import Team
from supportagent.tickets.errors import Conflict, InvalidMessage
from supportagent.tickets.models import HandOver, Message, Ticket
from supportagent.tickets.services.base import Author, announce, append, lock, refs_of
from supportagent.tickets.services.replies import write_event
from supportagent.tickets.services.suggesting import colleagues

EMAIL_LIMIT = 254  # characters
NO_CONTACT, CONTACT_WANTED, CONTACT_LEFT = "", "wanted", "left"
CONTACT_SAVED = "We have your e-mail address and can answer you there."


def due_at(team: Team, since: datetime) -> datetime:
    """By when a person of the team answers."""
    return add_working_minutes(team, since, team.answer_within_minutes)


def away_words(ticket: Ticket, due: datetime, now: datetime) -> str:
    """What the team says of itself while nobody of it answers; empty when it keeps silent."""
    team = ticket.team
    if team.when_away == Team.WhenAway.KEEP or ticket.channel == Ticket.Channel.INTERNAL:
        return ""
    back, answers = next_opening(team, now), f"answers you by {_moment(team, due, now)} ({team.time_zone} time)."
    if is_open(team, now) or back is None:
        words = f"Nobody of our team is at the desk right now. The team {answers}"
    else:
        words = f"Our team is back at {_moment(team, back, now)} and {answers}"
    if _asks_for_contact(ticket):
        words += " You can leave an e-mail address here, and we answer you there."
    return words


def _moment(team: Team, at: datetime, now: datetime) -> str:
    """A moment as the team's clock and calendar show it: its day is named unless it is today."""
    zone = zone_of(team)
    local, today = at.astimezone(zone), now.astimezone(zone).date()
    day = "today" if local.date() == today else f"on {dateformat.format(local, 'l, j F')}"
    return f"{local:%H:%M} {day}"


def contact_of(ticket: Ticket) -> str:
    """Should the customer be asked for an address now? NO_CONTACT, CONTACT_WANTED or CONTACT_LEFT."""
    if ticket.assignee_id is not None or ticket.state != Ticket.State.WAITING_PERSON or not _asks_for_contact(ticket):
        return NO_CONTACT
    handed = HandOver.objects.waiting().filter(ticket=ticket).first()
    if handed is None:
        return NO_CONTACT
    if handed.contact:
        return CONTACT_LEFT
    nobody = not is_open(ticket.team, timezone.now()) or not colleagues(ticket.team).exists()
    return CONTACT_WANTED if nobody else NO_CONTACT


def leave_contact(*, ticket: Ticket, email: str) -> HandOver:
    """Keep where the customer wants to be answered; colleagues alone see it. Left again, the newer address counts.

    Raises InvalidMessage, and Conflict when nothing waits for a person or the team does not ask for an address.
    """
    address = _clean_address(email)
    with audit_log.transaction():
        locked = lock(ticket)
        handed = HandOver.objects.waiting().filter(ticket=locked).first()
        if handed is None or locked.assignee_id is not None or not _asks_for_contact(locked):
            raise Conflict("Somebody of the team is here: just write below.")
        if handed.contact == address:
            return handed
        is_first = not handed.contact
        handed.contact = address
        handed.save(update_fields=["contact"])
        actor = Actor.customer(locked.customer.reference)
        if is_first:
            write_event(locked, CONTACT_SAVED, actor)
        else:
            announce(locked, "contact", for_customer=False)
        _record("tickets.hand_over.contact_left", handed, locked, actor)
    return handed


def _asks_for_contact(ticket: Ticket) -> bool:
    """Only in the chat: whoever writes an e-mail has left an address by that."""
    return ticket.channel == Ticket.Channel.WIDGET and ticket.team.when_away == Team.WhenAway.CONTACT


def _clean_address(email: str) -> str:
    address = email.strip()
    try:
        if len(address) > EMAIL_LIMIT:
            raise ValidationError("too long")
        validate_email(address)
    except ValidationError as error:
        raise InvalidMessage("This is no e-mail address. It looks like name@example.com.") from error
    return address


def mark_overdue(*, limit: int = 100) -> int:
    """Note, once each, which hand-overs nobody answered in time, by the database's clock. Returns how many."""
    late = HandOver.objects.waiting().filter(overdue_since=None, due_at__lte=Now())
    late = late.select_related("ticket__customer", "ticket__team").order_by("due_at")
    return sum(_overdue(handed) for handed in late[:limit])


def _overdue(handed: HandOver) -> bool:
    assert handed.due_at is not None  # noqa: S101 - the filter above
    with audit_log.transaction():
        locked = lock(handed.ticket)
        # Race: a colleague is just answering, or another scheduler was first. The UPDATE names what must still hold.
        if not HandOver.objects.waiting().filter(pk=handed.pk, overdue_since=None).update(overdue_since=Now()):
            return False
        team = handed.ticket.team
        promised = f"at {_moment(team, handed.due_at, timezone.now())} ({team.time_zone} time)"
        words = f"Nobody of the team {team} has answered this hand-over. An answer was due {promised}."
        append(locked, Message.Kind.NOTE, words, Author("system", "overdue", "Support Agent"))
        announce(locked, "overdue", for_customer=False)
        _record("tickets.hand_over.overdue", handed, locked, Actor.system("overdue"))
    return True


def _record(action: str, handed: HandOver, ticket: Ticket, actor: Actor) -> None:
    target = ("hand_over", str(handed.pk))
    audit_log.record(action, target=target, actor=actor, ticket=ticket.number, refs=refs_of(ticket))
