"""How a thread begins and goes on: a customer writes, or a colleague opens a ticket for them."""

import secrets
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor
from supportagent.prepared import first, insert, prepared
from supportagent.prepared import save as save_columns
from supportagent.staff.models import Team, User
from supportagent.staff.permissions import Permission
from supportagent.tickets.errors import DuplicateMessage, InvalidMessage, NotYours
from supportagent.tickets.models import Customer, Message, Ticket
from supportagent.tickets.services.base import (
    Author,
    actor_of,
    append,
    authorise,
    lock,
    lock_customer,
    locked_rows,
    refs_of,
)
from supportagent.tickets.services.overtaken import supersede_answers
from supportagent.tickets.signals import message_received
from supportagent.tickets.text import clean_body, clean_client_id, clean_line

SUBJECT_FROM_MESSAGE = 80  # characters
FIRST_NUMBER = 1000


def receive_message(
    *,
    customer: Customer,
    body: str,
    client_message_id: str,
    channel: str = Ticket.Channel.WIDGET,
    assurance: str = Ticket.Assurance.ANONYMOUS,
    ticket: Ticket | None = None,
    team: Team | None = None,
) -> tuple[Message, bool]:
    """Store what a customer wrote; returns the message and whether it is new.

    It joins `ticket`, else the customer's open thread on the channel (of the same assurance: who has not proved
    to be the customer never joins a thread of one who has), else it opens a thread for `team` (the front desk).
    Sending the same `client_message_id` again returns the stored message. Raises InvalidMessage, MessageTooLong,
    DuplicateMessage (same id, other text) and NotYours (`ticket` is of another customer or assurance).
    """
    text = clean_body(body)
    client_message_id = clean_client_id(client_message_id)
    channel, assurance = Ticket.Channel(channel), Ticket.Assurance(assurance)
    with audit_log.transaction():
        # The race closed here: two posts of one customer at once (a double click, a resend, two tabs) would both
        # find no thread or no such message, and make two. The customer's row puts them in order; the unique
        # constraint on the ticket's client message ids stands behind it.
        customer = lock_customer(customer.pk)
        known = _already_received(customer, client_message_id)
        if known is not None:
            if known.body != text:
                raise DuplicateMessage("This message id was already used for another text.")
            return known, False
        thread = _thread_of(customer, channel, assurance, ticket)
        if thread is None:
            thread = _open(
                customer,
                subject=clean_line(text, limit=SUBJECT_FROM_MESSAGE),
                channel=channel,
                assurance=assurance,
                team=team,
                reopens=_gone_on_with(customer, channel, assurance),
            )
            _record_opened(thread, Actor.customer(customer.reference))
        return _receive(thread, text, client_message_id), True


def _already_received(customer: Customer, client_message_id: str) -> Message | None:
    """Looked up over all of the customer's threads: a resend may arrive after the thread was resolved."""
    if not client_message_id:
        return None
    return first(_with_client_id(customer.pk, client_message_id))


def _thread_of(customer: Customer, channel: str, assurance: str, ticket: Ticket | None) -> Ticket | None:
    if ticket is not None:
        locked = lock(ticket)
        if locked.customer_id != customer.pk or locked.assurance != assurance:
            raise NotYours("This thread belongs to somebody else.")
        while locked.merged_into is not None:  # the customer's lock keeps it from being merged further meanwhile
            locked = lock(locked.merged_into)
        if not locked.is_over:
            return locked
    newest = first(_newest_open(customer.pk, channel, assurance))
    if newest is not None:
        newest.customer = customer
    return newest


def _gone_on_with(customer: Customer, channel: str, assurance: str) -> Ticket | None:
    """The thread that ended so lately that a new one goes on with it."""
    since = timezone.now() - timedelta(days=settings.REOPEN_DAYS)
    return first(_newest_ended(customer.pk, channel, assurance, since))


@prepared
def _newest_ended(customer_id: int, channel: str, assurance: str, since: datetime) -> QuerySet[Ticket]:
    threads = Ticket.objects.filter(customer=customer_id, channel=channel, assurance=assurance, merged_into=None)
    return threads.filter(state__in=Ticket.OVER, resolved_at__gt=since).order_by("-resolved_at", "-pk")[:1]


@prepared
def _with_client_id(customer_id: int, client_message_id: str) -> QuerySet[Message]:
    sent = Message.objects.filter(ticket__customer=customer_id, client_message_id=client_message_id)
    return sent.select_related("ticket").order_by("pk")[:1]


@prepared
def _newest_open(customer_id: int, channel: str, assurance: str) -> QuerySet[Ticket]:
    threads = locked_rows().filter(customer=customer_id, channel=channel, assurance=assurance)
    return threads.open().order_by("-pk")[:1]


def _receive(ticket: Ticket, text: str, client_message_id: str) -> Message:
    hear(ticket)
    reference = ticket.customer.reference
    message = append(
        ticket,
        Message.Kind.CUSTOMER,
        text,
        Author("customer", reference, ticket.customer.name),
        client_message_id=client_message_id,
    )
    record_received(ticket, message)
    message_received.send(sender=Ticket, ticket=ticket, message=message)
    return message


def hear(ticket: Ticket) -> None:
    """The customer writes into the locked ticket: who answers next, and what is out of date by it."""
    if ticket.held_by_person:
        ticket.state = Ticket.State.WAITING_PERSON
        return
    if ticket.last_seq:  # a thread that begins has no draft
        supersede_answers(ticket, Actor.customer(ticket.customer.reference))
    if ticket.state != Ticket.State.WAITING_APPROVAL:
        ticket.state = Ticket.State.OPEN


def record_received(ticket: Ticket, message: Message, **data: str) -> None:
    audit_log.record(
        "tickets.message.received",
        target=("message", str(message.pk)),
        actor=Actor.customer(ticket.customer.reference),
        ticket=ticket.number,
        data={"seq": message.seq, "characters": len(message.body), **data},
        refs=refs_of(ticket),
    )


def open_ticket(
    *,
    customer: Customer,
    subject: str,
    body: str,
    category: str = Ticket.Category.OTHER,
    actor: User | Actor,
    team: Team,
    priority: str = Ticket.Priority.NORMAL,
    assurance: str = Ticket.Assurance.ANONYMOUS,
    run_id: UUID | None = None,
) -> Ticket:
    """Open an internal ticket about a customer; `body` becomes its first note. No agent starts on it.

    It is on the internal channel, so that the customer's next message does not land in it.
    """
    if category not in Ticket.Category.values or priority not in Ticket.Priority.values:
        raise InvalidMessage("The category or the priority is not one of those in use.")
    text, title = clean_body(body), clean_line(subject)
    if not title:
        raise InvalidMessage("The subject is empty.")
    with audit_log.transaction():
        authorise(actor, Permission.CREATE_TICKET, Ticket(team=team))
        ticket = _open(
            customer,
            subject=title,
            channel=Ticket.Channel.INTERNAL,
            assurance=assurance,
            team=team,
            category=category,
            priority=priority,
        )
        append(ticket, Message.Kind.NOTE, text, Author.of(actor), run_id=run_id)
        _record_opened(ticket, actor_of(actor), run=str(run_id or ""))
    return ticket


def _open(customer: Customer, *, team: Team | None, **fields: Any) -> Ticket:
    """Insert a ticket and number it after its own key.

    The number is derived from the key that the database hands out, so two threads opened at once cannot get the
    same one and neither waits for the other. A rolled-back insert leaves a gap; nothing reads meaning into it.
    """
    ticket = Ticket(
        number=f"new-{secrets.token_hex(8)}",
        customer=customer,
        team=team or Team.objects.all().front_desk(),
        **fields,
    )
    insert(ticket)
    ticket.number = f"T-{FIRST_NUMBER + ticket.pk}"
    save_columns(ticket, "number")
    return ticket


def _record_opened(ticket: Ticket, actor: Actor, run: str = "") -> None:
    audit_log.record(
        "tickets.ticket.opened",
        target=("ticket", ticket.number),
        actor=actor,
        ticket=ticket.number,
        run=run,
        data={"channel": ticket.channel, "assurance": ticket.assurance, "category": ticket.category},
        refs=[("customer", ticket.customer.reference), ("team", ticket.team.slug)],
    )
    if ticket.reopens is not None:
        audit_log.record(
            "tickets.ticket.reopened",
            target=("ticket", ticket.number),
            actor=actor,
            ticket=ticket.number,
            data={"first": ticket.reopens.number},
            refs=[("customer", ticket.customer.reference), ("ticket", ticket.reopens.number)],
        )
