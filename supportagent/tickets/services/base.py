"""What every verb shares: the lock, the question of permission, the next entry of a thread, the news."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from audit import log as audit_log
from audit.context import Actor
from supportagent.console.live import publish
from supportagent.prepared import first, insert, prepared
from supportagent.prepared import save as save_columns
from supportagent.staff.models import User, may_see
from supportagent.staff.permissions import Permission, require
from supportagent.tickets.errors import Conflict, NotYours
from supportagent.tickets.models import Customer, HandOver, Message, Ticket, TicketQuerySet


@dataclass(frozen=True)
class Author:
    """Who wrote an entry, kept as text: a thread must read the same after an account is gone."""

    type: str
    id: str
    name: str

    @classmethod
    def of(cls, actor: User | Actor, name: str = "") -> Author:
        who = actor_of(actor)
        return cls(who.type, who.id, name or (actor.display_name if isinstance(actor, User) else ""))


def actor_of(actor: User | Actor) -> Actor:
    return actor if isinstance(actor, Actor) else Actor.of(actor)


def lock(ticket: Ticket) -> Ticket:
    """The ticket's row, locked and fresh. First in the lock order, so every verb calls it first.

    A row that this transaction locked before is as this process left it, so it is not read again.
    """
    here = audit_log.rows_held()
    if (Ticket, ticket.pk) in here:
        return cast(Ticket, here[Ticket, ticket.pk])
    locked = first(_locked_row(ticket.pk))
    if locked is None:
        raise Ticket.DoesNotExist(f"there is no ticket {ticket.pk} any more")
    here[Ticket, ticket.pk] = with_customer(locked, ticket)
    return locked


def lock_customer(pk: int) -> Customer:
    """The customer's row, locked: before any ticket, for verbs that have to do with more than one of them."""
    [locked] = _locked_customer(pk)
    return locked


@prepared
def _locked_customer(pk: int) -> QuerySet[Customer]:
    return Customer.objects.select_for_update(no_key=True).filter(pk=pk).order_by()


def keep_locked(ticket: Ticket) -> None:
    """Let the verbs of this transaction know a ticket that was read and locked elsewhere, with its customer."""
    audit_log.rows_held()[Ticket, ticket.pk] = ticket


def locked_rows() -> TicketQuerySet:
    """Tickets as they are once their lock is ours.

    Never with `select_related`: after waiting for a lock PostgreSQL reads the locked row anew, but keeps the joined
    one of before. The second of two who take over would then find a holder's id and no holder. `no_key` lets
    rows that merely refer to the ticket (runs, requests) be inserted meanwhile.
    """
    return Ticket.objects.select_for_update(no_key=True)


@prepared
def _locked_row(pk: int) -> QuerySet[Ticket]:
    return locked_rows().filter(pk=pk)


def with_customer(locked: Ticket, known: Ticket) -> Ticket:
    """Save a query where the caller has the customer at hand: a ticket never changes its own."""
    if Ticket.customer.is_cached(known):
        locked.customer = known.customer
    return locked


def authorise(actor: User | Actor, permission: Permission, ticket: Ticket) -> None:
    """Raise PermissionDenied or NotYours unless `actor` may do this to this ticket.

    A person must see the ticket's team. An agent gets its ticket from the host, bound in the signed grant,
    so its role decides. The house itself (`Actor.system`) is not asked; nobody else may come as a bare Actor.
    """
    if isinstance(actor, Actor):
        if actor.type != "system":
            raise TypeError(f"{actor} must act as a User, so that its permission can be checked")
        return
    require(actor, permission)
    if not actor.is_service and not may_see(actor, ticket.team_id):
        raise NotYours("This ticket belongs to a team that you do not see.")


def require_holder(ticket: Ticket, by: User) -> None:
    """Raise unless `by` holds the ticket: only one person speaks to a customer at a time."""
    if ticket.assignee_id is None:
        raise NotYours(f"Take {ticket.number} over first.")
    if ticket.assignee_id != by.pk:
        assert ticket.assignee is not None  # noqa: S101 - assignee_id is set
        raise Conflict(f"{ticket.assignee.display_name} holds {ticket.number}.", by=ticket.assignee)


def require_not_over(ticket: Ticket) -> None:
    """Raise for a thread that has ended, saying how."""
    if ticket.is_over:
        raise Conflict(f"{ticket.number} is already {ticket.get_state_display().lower()}.")


def require_whole(ticket: Ticket) -> None:
    """Raise for a thread that was merged into another: it goes on there, and nothing of it happens here any more."""
    if ticket.merged_into is not None:
        raise Conflict(f"{ticket.number} was merged into {ticket.merged_into.number}.")


def append(
    ticket: Ticket,
    kind: Message.Kind,
    body: str,
    author: Author,
    *,
    client_message_id: str = "",
    run_id: UUID | None = None,
    for_agents: bool = False,
) -> Message:
    """Insert the thread's next entry and save the locked ticket with whatever the verb changed on it."""
    ticket.last_seq += 1
    message = Message(
        ticket=ticket,
        seq=ticket.last_seq,
        kind=kind,
        body=body,
        author_type=author.type,
        author_id=author.id,
        author_name=author.name,
        client_message_id=client_message_id,
        run_id=run_id,
        for_agents=for_agents,
    )
    insert(message)
    save(ticket)
    announce(ticket, "message", for_customer=message.for_customer)
    return message


def save(ticket: Ticket) -> None:
    """Every column that a verb may have changed on the locked row."""
    save_columns(
        ticket,
        "last_seq",
        "state",
        "outcome",
        "assignee",
        "team",
        "category",
        "priority",
        "language",
        "sentiment",
        "merged_into",
        "resolved_at",
        "updated_at",
    )


def answered(ticket: Ticket) -> None:
    """A person has answered: the hand-over of the locked ticket waits no longer. The first answer counts."""
    HandOver.objects.waiting().filter(ticket=ticket).update(answered_at=Now())


def announce(ticket: Ticket, what: str, *, for_customer: bool, left: int | None = None) -> None:
    """Tell open pages, after the commit. The customer's page hears nothing of internal notes, not even a beat.

    `left` is the team from whose list the ticket has just gone: its pages hear of it too.
    """
    payload: dict[str, Any] = {"what": what, "seq": ticket.last_seq}
    publish(f"ticket.{ticket.pk}", payload)
    for team_id in {ticket.team_id, left or ticket.team_id}:
        publish(f"tickets.team.{team_id}", payload)
    if for_customer:
        publish(f"widget.{ticket.pk}", payload)


def refs_of(ticket: Ticket) -> list[tuple[str, str]]:
    """The records beside its target by which an audit entry about the ticket is found."""
    return [("ticket", ticket.number), ("customer", ticket.customer.reference)]
