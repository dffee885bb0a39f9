"""Who has the word: handing a thread to the people, claiming it, giving it back to the agents."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.db.models import prefetch_related_objects
from django.db.models.functions import Now
from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.hours import is_open
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission
from supportagent.tickets.errors import Conflict
from supportagent.tickets.models import HandOver, Message, Ticket
from supportagent.tickets.services.base import (
    Author,
    actor_of,
    announce,
    authorise,
    lock,
    refs_of,
    require_holder,
    require_not_over,
    require_whole,
    save,
)
from supportagent.tickets.services.overtaken import supersede_answers
from supportagent.tickets.services.replies import write_event, write_note, write_reply
from supportagent.tickets.services.suggesting import best_for
from supportagent.tickets.services.waiting import away_words, due_at
from supportagent.tickets.services.working import begin_work, end_work, work_on
from supportagent.tickets.signals import message_received, ticket_taken_over
from supportagent.tickets.text import clean_body


def take_over(*, ticket: Ticket, by: User) -> Ticket:
    """Claim a ticket for oneself; from here on agents stay silent. Claiming one's own ticket again changes nothing.

    Raises PermissionDenied, NotYours, and Conflict(by) naming the colleague who was first.
    """
    with audit_log.transaction():
        # The race closed here: two colleagues click at once. The row lock lets one in; the other then reads who.
        locked = lock(ticket)
        authorise(by, Permission.TAKE_OVER_TICKET, locked)
        if locked.assignee_id == by.pk and not locked.is_over:
            return locked
        require_not_over(locked)
        if locked.assignee is not None:
            raise Conflict(
                f"{locked.assignee.display_name} has already taken {locked.number} over.", by=locked.assignee
            )
        locked.assignee = by
        locked.state = Ticket.State.WAITING_PERSON
        begin_work(locked, by)
        write_event(locked, f"{by.first_name or by.display_name} from the team has joined", Actor.of(by))
        audit_log.record(
            "tickets.ticket.taken_over",
            target=("ticket", locked.number),
            actor=Actor.of(by),
            ticket=locked.number,
            refs=refs_of(locked),
        )
        ticket_taken_over.send(sender=Ticket, ticket=locked, by=by)
    return locked


def hand_back(*, ticket: Ticket, by: User, brief: str) -> Message:
    """Give the ticket back to the agents with a brief (stored as a note), on which a run starts.

    Raises PermissionDenied, NotYours, Conflict(by) for a ticket that `by` does not hold, InvalidMessage for
    an empty brief.
    """
    text = clean_body(brief)
    with audit_log.transaction():
        locked = lock(ticket)
        authorise(by, Permission.TAKE_OVER_TICKET, locked)
        require_holder(locked, by)
        require_not_over(locked)
        return give_back(locked, by, text)


def give_back(ticket: Ticket, by: User, brief: str) -> Message:
    """The second half of every hand-back, on a ticket that the calling verb has locked and checked."""
    work_on(ticket, by)
    end_work(ticket)
    ticket.assignee = None
    ticket.state = Ticket.State.OPEN
    close_hand_over(ticket, by)
    supersede_answers(ticket, by)  # the agents begin anew
    note = write_note(ticket, brief, by, for_agents=True)
    audit_log.record(
        "tickets.ticket.handed_back",
        target=("ticket", ticket.number),
        actor=Actor.of(by),
        ticket=ticket.number,
        data={"brief_seq": note.seq},
        refs=refs_of(ticket),
    )
    message_received.send(sender=Ticket, ticket=ticket, message=note)
    return note


def hand_over(
    *,
    ticket: Ticket,
    reason_code: str,
    summary: str,
    actor: User | Actor,
    facts: Mapping[str, Any] | None = None,
    question: str = "",
    next_step: str = "",
    customer_text: str = "",
    author_name: str = "",
    run_id: UUID | None = None,
) -> HandOver:
    """Hand a thread to the people of its team and tell the customer so with `customer_text` (if any).

    It is due by the team's hours and suggested to who fits best. Where nobody is here, or the team is closed, the
    customer also hears what the team says then (`Team.when_away`).

    A ticket has one open hand-over: asked again, it stays as it is and the customer hears nothing twice. An agent
    speaks in its own name (`author_name`); the house itself (`Actor.system`) speaks as an event.

    Only a person is asked for permission. An agent may always give up: a role taken away from it must not leave a
    customer without an answer. Whether a model may ask for it is checked where the model asks, at the tool.
    """
    with audit_log.transaction():
        locked = lock(ticket)
        if not (isinstance(actor, User) and actor.is_service):
            authorise(actor, Permission.ESCALATE_TICKET, locked)
        require_whole(locked)
        open_one = HandOver.objects.filter(ticket=locked, closed_at=None).first()
        if open_one is not None:
            return open_one
        who, now, team = actor_of(actor), timezone.now(), locked.team
        prefetch_related_objects([team], "opening_hours")
        due = due_at(team, now)
        suggested = best_for(locked) if locked.assignee_id is None else None
        handed = HandOver.objects.create(
            ticket=locked,
            reason_code=reason_code,
            summary=clean_body(summary),
            facts=dict(facts or {}),
            question=question,
            next_step=next_step,
            run_id=run_id,
            created_by_type=who.type,
            created_by_id=who.id,
            due_at=due,
            suggested_for=suggested,
        )
        locked.state = Ticket.State.WAITING_PERSON
        locked.resolved_at = None
        is_away = locked.assignee_id is None and (suggested is None or not is_open(team, now))
        away = away_words(locked, due, now) if is_away else ""
        if customer_text and locked.assignee is None:
            _tell_customer(locked, clean_body(customer_text), actor, author_name, run_id)
        elif not away:
            save(locked)
            announce(locked, "handed_over", for_customer=False)
        if away:
            write_event(locked, away, who, run_id=run_id)
        audit_log.record(
            "tickets.ticket.handed_over",
            target=("hand_over", str(handed.pk)),
            actor=who,
            ticket=locked.number,
            run=str(run_id or ""),
            data={"reason": reason_code},
            refs=refs_of(locked),
        )
    return handed


def complete_hand_over(*, ticket: Ticket, run_id: UUID, told: Callable[[str], Mapping[str, Any]]) -> None:
    """Add facts, question and next step to the open hand-over that this run asked for, if it came without.

    `told` is asked with the reason. The caller holds the ticket's lock.
    """
    bare = HandOver.objects.filter(ticket=ticket, closed_at=None, run_id=run_id, facts={}).first()
    if bare is not None:
        HandOver.objects.filter(pk=bare.pk).update(**told(bare.reason_code))


def _tell_customer(ticket: Ticket, text: str, actor: User | Actor, author_name: str, run_id: UUID | None) -> None:
    if isinstance(actor, User) and actor.is_service:
        author = Author.of(actor, author_name)
        write_reply(ticket, text, author, Message.Kind.AGENT, Actor.of(actor), run_id=run_id)
    else:
        write_event(ticket, text, actor_of(actor), run_id=run_id)


def close_hand_over(ticket: Ticket, by: User | None) -> None:
    """The people are done with it: nothing of the locked ticket waits in their queue any more."""
    HandOver.objects.filter(ticket=ticket, closed_at=None).update(closed_at=Now(), closed_by=by)
