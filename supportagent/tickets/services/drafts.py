"""Replies that were proposed and not sent: a person sends, approves or discards them.

An agent's answer in draft mode is a draft too. There is at most one open at a time in a thread: a newer one, or a
customer who writes again while no person holds the ticket, takes its place, so that nothing is answered twice.
"""

from uuid import UUID

from django.db.models.functions import Now
from rapidfuzz.distance import Levenshtein

from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission
from supportagent.tickets.errors import Conflict
from supportagent.tickets.models import Draft, HandOver, Message, Ticket
from supportagent.tickets.services.base import (
    Author,
    announce,
    authorise,
    lock,
    refs_of,
    require_holder,
    require_whole,
    save,
)
from supportagent.tickets.services.holding import hand_over
from supportagent.tickets.services.overtaken import ANSWERS, supersede_answers
from supportagent.tickets.services.replies import write_reply
from supportagent.tickets.services.working import work_on
from supportagent.tickets.text import clean_body

_DONE = {Draft.State.SENT: "sent", Draft.State.DISCARDED: "discarded"}


def save_draft(
    *,
    ticket: Ticket,
    body: str,
    actor: User,
    run_id: UUID | None = None,
    kind: str = Draft.Kind.PROPOSED,
) -> Draft:
    """Keep a proposed reply beside the thread. It never sends itself.

    An agent's answer (DRAFT, APPROVE) takes the place of its older open ones, never of what a colleague wrote, and the
    ticket waits for approval unless a person has the word. Raises PermissionDenied, NotYours, InvalidMessage, Conflict.
    """
    text, kind = clean_body(body), Draft.Kind(kind)
    with audit_log.transaction():
        locked = lock(ticket)
        authorise(actor, Permission.DRAFT_REPLY, locked)
        require_whole(locked)
        work_on(locked, actor)
        if kind in ANSWERS:
            supersede_answers(locked, actor)
        draft = Draft.objects.create(
            ticket=locked, body=text, author=actor, run_id=run_id, kind=kind, category=locked.category
        )
        if kind in ANSWERS and not locked.held_by_person and not locked.is_over:
            locked.state = Ticket.State.WAITING_APPROVAL
            save(locked)
        announce(locked, "draft", for_customer=False)
        _record("tickets.draft.saved", draft, locked, actor, kind=str(kind))
    return draft


def send_draft(*, draft: Draft, by: User, body: str) -> Message:
    """Send a draft, as edited in `body`, in the name of a person; both texts and their distance are kept.

    That person holds the ticket; an agent's answer (DRAFT, APPROVE) may also be sent while no person has the word.
    Raises PermissionDenied, NotYours, InvalidMessage, and Conflict(by) when it was sent, discarded or overtaken.
    """
    text = clean_body(body)
    with audit_log.transaction():
        ticket = lock(draft.ticket)
        authorise(by, Permission.REPLY_TICKET, ticket)
        if draft.kind not in ANSWERS or ticket.held_by_person:
            require_holder(ticket, by)
        _require_not_closed(ticket)
        _decide(draft, by, Draft.State.SENT, sent_body=text)
        work_on(ticket, by)
        message = write_reply(ticket, text, Author.of(by), Message.Kind.PERSON, Actor.of(by))
        _record("tickets.draft.sent", draft, ticket, by, **_sent(draft, message))
    return message


def approve_draft(*, draft: Draft, by: User, author_name: str = "") -> Message:
    """Send an agent's answer as it stands, in the agent's name: it is the agent that speaks, not the person who agreed.

    Only while no person has the word: after that nothing of an agent reaches the customer. Raises PermissionDenied,
    NotYours, and Conflict(by) when a person has it, when the draft is of another kind, was decided or overtaken.
    """
    with audit_log.transaction():
        ticket = lock(draft.ticket)
        authorise(by, Permission.REPLY_TICKET, ticket)
        if draft.kind != Draft.Kind.APPROVE:
            raise Conflict("This draft is not to be sent in the agent's name: send it in your own.")
        if ticket.held_by_person:
            who = ticket.assignee.display_name if ticket.assignee is not None else "A person"
            raise Conflict(f"{who} has the word in {ticket.number}: the agent is silent.", by=ticket.assignee)
        _require_not_closed(ticket)
        _decide(draft, by, Draft.State.SENT, sent_body=draft.body)
        if not ticket.is_over:
            ticket.state = Ticket.State.WAITING_CUSTOMER
        author = Author.of(draft.author, author_name)
        message = write_reply(ticket, draft.body, author, Message.Kind.AGENT, Actor.of(by), run_id=draft.run_id)
        _record("tickets.draft.sent", draft, ticket, by, **_sent(draft, message))
    return message


def discard_draft(*, draft: Draft, by: User) -> None:
    """Throw a draft away. Raises Conflict(by) when it was sent, discarded or overtaken meanwhile.

    Without the agent's answer the customer has none, so a person answers: the ticket is handed over.
    """
    with audit_log.transaction():
        ticket = lock(draft.ticket)
        authorise(by, Permission.DRAFT_REPLY, ticket)
        _decide(draft, by, Draft.State.DISCARDED)
        announce(ticket, "draft", for_customer=False)
        _record("tickets.draft.discarded", draft, ticket, by)
        if draft.kind in ANSWERS and not ticket.held_by_person and not ticket.is_over:
            hand_over(
                ticket=ticket,
                reason_code=HandOver.Reason.OTHER,
                summary=f"{by.display_name} threw the agent's answer away, so the customer has none.",
                actor=Actor.system("tickets"),
                run_id=draft.run_id,
            )


def _require_not_closed(ticket: Ticket) -> None:
    require_whole(ticket)
    if ticket.state == Ticket.State.CLOSED:
        raise Conflict(f"{ticket.number} is closed.")


def _decide(draft: Draft, by: User, state: Draft.State, sent_body: str = "") -> None:
    """Leave OPEN once: a conditional UPDATE, so that two clicks (or a send and a discard) cannot both win."""
    distance = Levenshtein.distance(draft.body, sent_body) if state == Draft.State.SENT else None
    won = Draft.objects.filter(pk=draft.pk, state=Draft.State.OPEN).update(
        state=state, sent_body=sent_body, edit_distance=distance, decided_by=by, decided_at=Now()
    )
    draft.refresh_from_db()
    if not won:
        raise _too_late(draft)


def _too_late(draft: Draft) -> Conflict:
    """What became of the draft, and by whom."""
    if draft.state == Draft.State.SUPERSEDED:
        newer = draft.ticket.drafts.filter(kind__in=ANSWERS, pk__gt=draft.pk).select_related("author").first()
        if newer is not None:
            return Conflict(f"{newer.author.display_name} has written a newer draft.", by=newer.author)
        return Conflict("The customer wrote again, or the ticket moved on: this draft is out of date.")
    name = draft.decided_by.display_name if draft.decided_by else "Somebody"
    return Conflict(f"{name} has already {_DONE[Draft.State(draft.state)]} this draft.", by=draft.decided_by)


def _sent(draft: Draft, message: Message) -> dict[str, bool | int | str]:
    return {
        "edited": draft.was_edited,
        "seq": message.seq,
        "kind": str(message.kind),
        "edits": draft.edit_distance or 0,
    }


def _record(action: str, draft: Draft, ticket: Ticket, actor: User, **data: bool | int | str) -> None:
    audit_log.record(
        action,
        target=("draft", str(draft.pk)),
        actor=Actor.of(actor),
        ticket=ticket.number,
        run=str(draft.run_id or ""),
        data=data,
        refs=refs_of(ticket),
    )
