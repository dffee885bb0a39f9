"""What our side writes into a thread: replies, internal notes, events."""

from uuid import UUID

from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission
from supportagent.tickets.errors import Conflict
from supportagent.tickets.models import Message, Ticket
from supportagent.tickets.services.base import (
    Author,
    actor_of,
    answered,
    append,
    authorise,
    lock,
    refs_of,
    require_holder,
    require_whole,
)
from supportagent.tickets.services.working import work_on
from supportagent.tickets.signals import reply_posted
from supportagent.tickets.text import clean_body

_KEPT_BY_AN_AGENTS_REPLY = {*Ticket.OVER, Ticket.State.WAITING_APPROVAL, Ticket.State.WAITING_PERSON}


def post_reply(
    *,
    ticket: Ticket,
    body: str,
    actor: User | Actor,
    author_name: str = "",
    kind: str = Message.Kind.AGENT,
    run_id: UUID | None = None,
) -> Message:
    """Answer the customer, as an agent or as the person who holds the ticket.

    Raises PermissionDenied, NotYours, InvalidMessage, and Conflict(by) when somebody else holds the ticket.
    An agent may still finish its sentence after it handed over, but not once a person has joined.
    """
    kind = Message.Kind(kind)
    if kind not in (Message.Kind.AGENT, Message.Kind.PERSON):
        raise ValueError(f"a reply is of kind AGENT or PERSON, not {kind}")
    text = clean_body(body)
    with audit_log.transaction(savepoint=False):
        locked = lock(ticket)
        authorise(actor, Permission.REPLY_TICKET, locked)
        _require_turn(locked, actor, kind)
        _at_work(locked, actor)
        return write_reply(locked, text, Author.of(actor, author_name), kind, actor_of(actor), run_id=run_id)


def _require_turn(ticket: Ticket, actor: User | Actor, kind: Message.Kind) -> None:
    require_whole(ticket)
    if kind == Message.Kind.PERSON:
        if not isinstance(actor, User) or actor.is_service:
            raise ValueError("only a person replies as a person")
        if ticket.state == Ticket.State.CLOSED:
            raise Conflict(f"{ticket.number} is closed.")
        require_holder(ticket, actor)
    elif ticket.assignee is not None:
        raise Conflict(f"{ticket.assignee.display_name} holds {ticket.number}.", by=ticket.assignee)


def _at_work(ticket: Ticket, actor: User | Actor) -> None:
    if isinstance(actor, User):
        work_on(ticket, actor)


def write_reply(
    ticket: Ticket, text: str, author: Author, kind: Message.Kind, actor: Actor, *, run_id: UUID | None = None
) -> Message:
    """The second half of every reply, on a ticket that the calling verb has locked and checked."""
    if kind == Message.Kind.PERSON or ticket.state not in _KEPT_BY_AN_AGENTS_REPLY:
        ticket.state = Ticket.State.WAITING_CUSTOMER
    message = append(ticket, kind, text, author, run_id=run_id)
    if kind == Message.Kind.PERSON:
        answered(ticket)
    audit_log.record(
        "tickets.reply.posted",
        target=("message", str(message.pk)),
        actor=actor,
        ticket=ticket.number,
        run=str(run_id or ""),
        data={"seq": message.seq, "kind": str(kind), "characters": len(text)},
        refs=refs_of(ticket),
    )
    reply_posted.send(sender=Ticket, ticket=ticket, message=message)
    return message


def add_note(*, ticket: Ticket, body: str, actor: User | Actor, run_id: UUID | None = None) -> Message:
    """Write an internal note, which no customer ever sees."""
    text = clean_body(body)
    with audit_log.transaction():
        locked = lock(ticket)
        authorise(actor, Permission.ADD_NOTE, locked)
        _at_work(locked, actor)
        return write_note(locked, text, actor, run_id=run_id)


def write_note(
    ticket: Ticket, text: str, actor: User | Actor, *, run_id: UUID | None = None, for_agents: bool = False
) -> Message:
    """The second half of every note, on a ticket that the calling verb has locked and checked."""
    note = append(ticket, Message.Kind.NOTE, text, Author.of(actor), run_id=run_id, for_agents=for_agents)
    audit_log.record(
        "tickets.note.added",
        target=("message", str(note.pk)),
        actor=actor_of(actor),
        ticket=ticket.number,
        run=str(run_id or ""),
        data={"seq": note.seq, "characters": len(text)},
        refs=refs_of(ticket),
    )
    return note


def post_event(*, ticket: Ticket, body: str, actor: User | Actor | None = None, run_id: UUID | None = None) -> Message:
    """Tell the customer something that happened, in the house's own words (never a model's)."""
    text = clean_body(body)
    who = actor or Actor.system("tickets")
    with audit_log.transaction():
        return write_event(lock(ticket), text, actor_of(who), run_id=run_id)


def write_event(ticket: Ticket, text: str, actor: Actor, *, run_id: UUID | None = None) -> Message:
    """The second half of every event, on a ticket that the calling verb has locked and checked."""
    event = append(ticket, Message.Kind.EVENT, text, Author("system", "tickets", ""), run_id=run_id)
    audit_log.record(
        "tickets.event.posted",
        target=("message", str(event.pk)),
        actor=actor,
        ticket=ticket.number,
        run=str(run_id or ""),
        data={"seq": event.seq},
        refs=refs_of(ticket),
    )
    return event
