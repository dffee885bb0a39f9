"""Replies that an agent proposed: a person edits and sends them, or throws them away."""

from uuid import UUID

from django.db.models.functions import Now

from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission
from supportagent.tickets.errors import Conflict
from supportagent.tickets.models import Draft, Message, Ticket
from supportagent.tickets.services.base import Author, announce, authorise, lock, refs_of, require_holder
from supportagent.tickets.services.replies import write_reply
from supportagent.tickets.text import clean_body


def save_draft(
    *, ticket: Ticket, body: str, actor: User, run_id: UUID | None = None, kind: str = Draft.Kind.PROPOSED
) -> Draft:
    """Keep a proposed reply beside the thread. It never sends itself."""
    text = clean_body(body)
    with audit_log.transaction():
        locked = lock(ticket)
        authorise(actor, Permission.DRAFT_REPLY, locked)
        draft = Draft.objects.create(ticket=locked, body=text, author=actor, run_id=run_id, kind=kind)
        announce(locked, "draft", for_customer=False)
        _record("tickets.draft.saved", draft, locked, actor)
    return draft


def send_draft(*, draft: Draft, by: User, body: str) -> Message:
    """Send a draft, as edited in `body`, in the name of the person who holds the ticket; both texts are kept.

    Raises PermissionDenied, NotYours, InvalidMessage, and Conflict(by) when it was sent or discarded meanwhile.
    """
    text = clean_body(body)
    with audit_log.transaction():
        ticket = lock(draft.ticket)
        authorise(by, Permission.REPLY_TICKET, ticket)
        require_holder(ticket, by)
        if ticket.state == Ticket.State.CLOSED:
            raise Conflict(f"{ticket.number} is closed.")
        _decide(draft, by, Draft.State.SENT, sent_body=text)
        message = write_reply(ticket, text, Author.of(by), Message.Kind.PERSON, Actor.of(by))
        _record("tickets.draft.sent", draft, ticket, by, edited=text != draft.body, seq=message.seq)
    return message


def discard_draft(*, draft: Draft, by: User) -> None:
    """Throw a draft away. Raises Conflict(by) when it was sent or discarded meanwhile."""
    with audit_log.transaction():
        ticket = lock(draft.ticket)
        authorise(by, Permission.DRAFT_REPLY, ticket)
        _decide(draft, by, Draft.State.DISCARDED)
        announce(ticket, "draft", for_customer=False)
        _record("tickets.draft.discarded", draft, ticket, by)


def _decide(draft: Draft, by: User, state: Draft.State, sent_body: str = "") -> None:
    """Leave OPEN once: a conditional UPDATE, so that two clicks (or a send and a discard) cannot both win."""
    won = Draft.objects.filter(pk=draft.pk, state=Draft.State.OPEN).update(
        state=state, sent_body=sent_body, decided_by=by, decided_at=Now()
    )
    draft.refresh_from_db()
    if not won:
        name = draft.decided_by.display_name if draft.decided_by else "somebody"
        done = "sent" if draft.state == Draft.State.SENT else "discarded"
        raise Conflict(f"{name} has already {done} this draft.", by=draft.decided_by)


def _record(action: str, draft: Draft, ticket: Ticket, actor: User, **data: bool | int) -> None:
    audit_log.record(
        action,
        target=("draft", str(draft.pk)),
        actor=Actor.of(actor),
        ticket=ticket.number,
        run=str(draft.run_id or ""),
        data=data,
        refs=refs_of(ticket),
    )
