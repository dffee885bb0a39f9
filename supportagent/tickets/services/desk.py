"""The desk work around a thread: sorting it, telling another team, moving it on."""

from uuid import UUID

from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor, current_actor
from supportagent.console.live import publish
from supportagent.staff.models import Team, User
from supportagent.staff.permissions import Permission
from supportagent.tickets.errors import InvalidMessage
from supportagent.tickets.models import TeamNotice, Ticket
from supportagent.tickets.services.base import (
    actor_of,
    announce,
    authorise,
    lock,
    refs_of,
    require_holder,
    require_whole,
    save,
)
from supportagent.tickets.services.closing import end_thread
from supportagent.tickets.services.working import work_on
from supportagent.tickets.text import clean_body


def categorise(
    *, ticket: Ticket, category: str, priority: str, actor: User | Actor, run_id: UUID | None = None
) -> Ticket:
    """Sort a ticket. Raises InvalidMessage for a category or priority that is not one of those in use."""
    if category not in Ticket.Category.values or priority not in Ticket.Priority.values:
        raise InvalidMessage("The category or the priority is not one of those in use.")
    with audit_log.transaction():
        locked = lock(ticket)
        authorise(actor, Permission.CATEGORISE_TICKET, locked)
        before = {"category": locked.category, "priority": locked.priority}
        locked.category, locked.priority = category, priority
        save(locked)
        announce(locked, "categorised", for_customer=False)
        audit_log.record(
            "tickets.ticket.categorised",
            target=("ticket", locked.number),
            actor=actor_of(actor),
            ticket=locked.number,
            run=str(run_id or ""),
            data={"before": before, "after": {"category": category, "priority": priority}},
            refs=refs_of(locked),
        )
    return locked


def notify_team(*, team: Team, ticket: Ticket, message: str, actor: User, run_id: UUID | None = None) -> TeamNotice:
    """Leave a line about a ticket in another team's list. It grants that team no view of the ticket."""
    text = clean_body(message)
    with audit_log.transaction():
        locked = lock(ticket)
        authorise(actor, Permission.NOTIFY_TEAM, locked)
        notice = TeamNotice.objects.create(team=team, ticket=locked, body=text, author=actor)
        publish(f"team.{team.pk}", {"what": "notice", "seq": notice.pk})
        audit_log.record(
            "tickets.team.notified",
            target=("team", team.slug),
            actor=Actor.of(actor),
            ticket=locked.number,
            run=str(run_id or ""),
            data={"notice": str(notice.pk)},
            refs=refs_of(locked),
        )
    return notice


def set_state(*, ticket: Ticket, state: str, actor: User | Actor | None = None) -> Ticket:
    """Move a ticket on. Resolving or closing ends its hand-over.

    Only a person (`actor` is one) moves a ticket that people hold: what an agent or a job wants of it then is
    out of date, and leaves it as it is. Without `actor` the current one is recorded and nobody is asked.

    Raises PermissionDenied, NotYours, and Conflict(by) for a person when a colleague holds the ticket.
    """
    wanted = Ticket.State(state)
    with audit_log.transaction(savepoint=False):
        locked = lock(ticket)
        if actor is not None:
            authorise(actor, Permission.REPLY_TICKET, locked)
        person = actor if isinstance(actor, User) and not actor.is_service else None
        in_hands = (locked.held_by_person and not locked.is_over) or locked.merged_into_id is not None
        if locked.state == wanted or (in_hands and person is None):
            return locked
        require_whole(locked)
        if person is not None and not locked.is_over and locked.assignee_id not in (None, person.pk):
            require_holder(locked, person)
        before = locked.state
        if person is not None:
            work_on(locked, person)
        locked.state = wanted
        locked.resolved_at = (locked.resolved_at or timezone.now()) if locked.is_over else None
        if locked.is_over:
            end_thread(locked, person)
        else:
            locked.outcome = ""
        save(locked)
        announce(locked, "state", for_customer=True)
        audit_log.record(
            "tickets.ticket.state_changed",
            target=("ticket", locked.number),
            actor=actor_of(actor) if actor is not None else current_actor(),
            ticket=locked.number,
            data={"before": before, "after": str(wanted)},
            refs=refs_of(locked),
        )
    return locked
