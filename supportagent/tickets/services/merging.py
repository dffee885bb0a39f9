"""Two threads about the same thing become one: the customer gets one answer, in the thread that goes on."""

from django.db.models import Max
from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission
from supportagent.tickets.errors import InvalidMessage
from supportagent.tickets.models import HandOver, Message, Ticket
from supportagent.tickets.services.base import (
    Author,
    append,
    authorise,
    lock,
    lock_customer,
    refs_of,
    require_holder,
    require_not_over,
    require_whole,
)
from supportagent.tickets.services.closing import end_thread
from supportagent.tickets.services.holding import hand_over
from supportagent.tickets.services.inbound import hear, record_received
from supportagent.tickets.services.replies import write_note
from supportagent.tickets.services.working import work_on
from supportagent.tickets.signals import message_received, ticket_ended

_REPLIES = (Message.Kind.AGENT, Message.Kind.PERSON)


def merge(*, ticket: Ticket, into: Ticket, by: User) -> Ticket:
    """Close `ticket` and go on in `into`, which gets what the customer was not answered yet; returns `into`.

    Both are of one customer with one assurance, neither was merged before (so there are no circles), and `into` is not
    over. An agent's work on `ticket` is void and its approval requests are withdrawn; if people had it, they have
    `into`. A message that still arrives for `ticket` lands in `into`.

    Raises PermissionDenied, NotYours, InvalidMessage, and Conflict(by) when a colleague holds `ticket`.
    """
    if by.is_service:
        raise ValueError("only a person merges tickets")
    if ticket.pk == into.pk:
        raise InvalidMessage("A ticket cannot be merged into itself.")
    with audit_log.transaction():
        # Race: the customer writes, or somebody merges the other way. The customer's row comes first, as in
        # `receive_message`; after it two tickets of one customer are locked in no other place.
        lock_customer(ticket.customer_id)
        locked = {each.pk: lock(each) for each in sorted((ticket, into), key=lambda each: each.pk)}
        source, target = locked[ticket.pk], locked[into.pk]
        for each in (source, target):
            authorise(by, Permission.REPLY_TICKET, each)
            require_whole(each)
        _require_alike(source, target)
        if not source.is_over and source.assignee_id is not None:
            require_holder(source, by)
        owed, with_people = _owed(source), source.held_by_person and not source.is_over
        escalated = source.hand_overs.filter(closed_at=None).first()
        _end(source, target, by)
        _go_on(target, source, by, owed, escalated if with_people else None, with_people=with_people)
    return target


def _require_alike(source: Ticket, target: Ticket) -> None:
    if source.customer_id != target.customer_id or source.assurance != target.assurance:
        raise InvalidMessage("Only tickets of the same customer, equally sure who it is, can be merged.")
    if source.channel not in (target.channel, Ticket.Channel.INTERNAL):
        raise InvalidMessage("The customer wrote on another channel, and would not read the answer there.")
    require_not_over(target)


def _owed(source: Ticket) -> list[Message]:
    """What the customer wrote since our last reply. Where we owe something all the same (an approval, a person), what
    they wrote before it: that reply was not the answer.
    """
    if source.is_over:
        return []
    written = source.messages.filter(kind=Message.Kind.CUSTOMER).order_by("seq")
    replies = source.messages.filter(kind__in=_REPLIES)
    newest = written.aggregate(newest=Max("seq"))["newest"]
    answered = replies.aggregate(newest=Max("seq"))["newest"] or 0
    if newest is None:
        return []
    if newest < answered and source.state != Ticket.State.WAITING_CUSTOMER:
        answered = replies.filter(seq__lt=newest).aggregate(newest=Max("seq"))["newest"] or 0
    return list(written.filter(seq__gt=answered))


def _end(source: Ticket, target: Ticket, by: User) -> None:
    work_on(source, by)
    end_thread(source, by)
    source.state = Ticket.State.CLOSED
    source.resolved_at = source.resolved_at or timezone.now()
    source.merged_into = target
    write_note(source, f"Merged into {target.number}.", by)
    audit_log.record(
        "tickets.ticket.merged",
        target=("ticket", source.number),
        actor=Actor.of(by),
        ticket=source.number,
        data={"into": target.number},
        refs=[*refs_of(source), ("ticket", target.number)],
    )
    ticket_ended.send(sender=Ticket, ticket=source, by=by, why="merged")


def _go_on(
    target: Ticket,
    source: Ticket,
    by: User,
    owed: list[Message],
    escalated: HandOver | None,
    *,
    with_people: bool,
) -> None:
    write_note(target, f"{source.number} was merged into this ticket.", by)
    carried = [_carry(target, source, message) for message in owed]
    if with_people and not target.held_by_person:
        hand_over(
            ticket=target,
            reason_code=escalated.reason_code if escalated else HandOver.Reason.OTHER,
            summary=escalated.summary if escalated else f"{source.number}, which a person had, was merged into it.",
            facts=escalated.facts if escalated else {},
            question=escalated.question if escalated else "",
            next_step=escalated.next_step if escalated else "",
            actor=Actor.system("tickets"),
        )
    if carried:
        # Once, however many there are: they are answered together.
        message_received.send(sender=Ticket, ticket=target, message=carried[-1])


def _carry(target: Ticket, source: Ticket, message: Message) -> Message:
    """A copy: the first thread stays as it was said."""
    hear(target)
    author = Author(message.author_type, message.author_id, message.author_name)
    copy = append(target, Message.Kind.CUSTOMER, message.body, author)
    record_received(target, copy, carried_from=source.number)
    return copy
