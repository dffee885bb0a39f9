"""The tickets' tools: what an agent may do with its thread, which the host binds and never the model."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from supportagent.grants.server import CallContext, DomainServer, Result, ToolRefusal
from supportagent.staff.models import Team
from supportagent.tickets import services
from supportagent.tickets.errors import TicketError
from supportagent.tickets.models import HandOver, Ticket
from supportagent.tickets.text import MESSAGE_LIMIT, SUBJECT_LIMIT

server = DomainServer("tickets", title="Support tickets and hand-overs")

LIST_LIMIT = 20  # tickets
CONNECTING = "I am handing this over to a colleague from our team, who will answer you here."
ESCALATION_REASONS = [
    HandOver.Reason.CUSTOMER_ASKED,
    HandOver.Reason.CANNOT_RESOLVE,
    HandOver.Reason.ANGRY_CUSTOMER,
    HandOver.Reason.OUT_OF_POLICY,
    HandOver.Reason.TECHNICAL,
    HandOver.Reason.OTHER,
]
TEXT = {"type": "string", "minLength": 1, "maxLength": MESSAGE_LIMIT}
CATEGORY = {"type": "string", "enum": list(Ticket.Category.values)}
TEAM = {"type": "string", "pattern": "^[a-z0-9-]{1,50}$", "description": "The team's short name."}

# Bound by the host and invisible to the model: the thread of the run, and the run itself.
_BOUND = {"ticket": "ticket", "run": "run"}
_BOUND_SCHEMA = {
    "ticket": {"type": "string", "maxLength": 20},
    "run": {"type": "string", "maxLength": 36},
}


def _tool(
    *, effect: str, permission: str, impact: str = "none", bound: Mapping[str, str] | None = None, **properties: Any
) -> Callable[..., Any]:
    """A tool on the thread of the run; every one of its own arguments is required. `bound` are those of the host."""
    return server.tool(
        effect=effect,
        permission=permission,
        impact=impact,
        reversible="yes",
        bound={**_BOUND, **(bound or {})},
        schema={
            "type": "object",
            "properties": {**_BOUND_SCHEMA, **properties},
            "required": [*_BOUND_SCHEMA, *properties],
            "additionalProperties": False,
        },
    )


@_tool(effect="READ", permission="tickets.view_ticket")
def list_tickets(call: CallContext, *, ticket: str, run: str) -> Result:
    """List this customer's tickets, newest first, at most 20, with subject, state and category.

    Takes no arguments: it is always the customer of this conversation. Use it to see whether the matter was raised
    before. A customer who is not verified sees the present conversation only.
    """
    current = _ticket(ticket)
    tickets = Ticket.objects.filter(customer_id=current.customer_id)
    if current.assurance != Ticket.Assurance.VERIFIED:
        tickets = tickets.filter(pk=current.pk)
    rows = list(tickets.order_by("-created_at", "-pk")[:LIST_LIMIT])
    return Result({"tickets": [_as_data(row) for row in rows]}, [f"ticket:{row.number}" for row in rows])


@_tool(
    effect="WRITE",
    permission="tickets.categorise_ticket",
    category=CATEGORY,
    priority={"type": "string", "enum": list(Ticket.Priority.values)},
)
def categorise_ticket(call: CallContext, *, ticket: str, run: str, category: str, priority: str) -> Result:
    """Set the category and the priority of this conversation's ticket.

    Use it once you know what the customer wants. `urgent` is for danger, loss of money going on, or a customer about
    to leave; most tickets are `normal`. Returns the ticket as it is now.
    """
    with _refusals():
        changed = services.categorise(
            ticket=_ticket(ticket), category=category, priority=priority, actor=call.actor, run_id=_run(run)
        )
    data = {"number": changed.number, "category": changed.category, "priority": changed.priority}
    return Result(data, [f"ticket:{changed.number}"])


@_tool(
    effect="WRITE",
    permission="tickets.categorise_ticket",
    bound={"threshold": "min_confidence"},
    threshold={"type": "string", "pattern": "^(100|[1-9]?[0-9])$"},
    category=CATEGORY,
    priority={"type": "string", "enum": list(Ticket.Priority.values)},
    language={"type": "string", "minLength": 2, "maxLength": 8, "description": "As in en, de or pt-BR."},
    sentiment={"type": "string", "enum": list(Ticket.Sentiment.values)},
    team=TEAM,
    reason={"type": "string", "minLength": 3, "maxLength": services.REASON_LIMIT},
    confidence={"type": "integer", "minimum": 0, "maximum": 100},
)
def triage_ticket(
    call: CallContext,
    *,
    ticket: str,
    run: str,
    threshold: str,
    category: str,
    priority: str,
    language: str,
    sentiment: str,
    team: str,
    reason: str,
    confidence: int,
) -> Result:
    """Sort this conversation: what it is about, how urgent, in which language and mood, and which team should have it.

    Use it once, as soon as you know what the customer wants; again only if that turns out to be wrong. `team` is the
    short name of a team, for example orders, billing or technical. `confidence` is how sure you are of the category,
    0 to 100: say honestly when you are not. Status "sorted": go on. Status "handed_over": you were not sure enough, a
    colleague sorts it and the customer was told so; do not answer any more.
    Error not_found: there is no such team.
    """
    with _refusals():
        row = services.triage(
            ticket=_ticket(ticket),
            category=category,
            priority=priority,
            language=language,
            sentiment=sentiment,
            team=_team(team),
            reason=reason,
            confidence=confidence,
            threshold=int(threshold),
            actor=call.actor,
            run_id=_run(run),
        )
    status = "sorted" if row.is_sure else "handed_over"
    has_it = row.ticket.team.slug
    data = {"number": ticket, "category": row.category, "team": has_it, "status": status}
    return Result(data, [f"ticket:{ticket}", f"team:{has_it}"])


@_tool(
    effect="WRITE",
    permission="tickets.create_ticket",
    subject={"type": "string", "minLength": 3, "maxLength": SUBJECT_LIMIT},
    body=TEXT,
    category=CATEGORY,
)
def create_ticket(call: CallContext, *, ticket: str, run: str, subject: str, body: str, category: str) -> Result:
    """Open a second, internal ticket about this customer, for a matter that the team should follow up separately.

    The customer does not see it and no agent answers in it; go on with the present conversation as before. Do not use
    it to hand over: that is escalate_to_human. `body` says what is to be done and why. Returns the new number.
    """
    current = _ticket(ticket)
    with _refusals():
        opened = services.open_ticket(
            customer=current.customer,
            subject=subject,
            body=body,
            category=category,
            actor=call.actor,
            team=current.team,
            assurance=current.assurance,
            run_id=_run(run),
        )
    return Result(_as_data(opened), [f"ticket:{opened.number}"])


@_tool(effect="WRITE", permission="tickets.add_note", body=TEXT)
def add_internal_note(call: CallContext, *, ticket: str, run: str, body: str) -> Result:
    """Write an internal note into this conversation: for colleagues, never shown to the customer.

    Use it for what the next person should know and the customer should not read.
    """
    with _refusals():
        note = services.add_note(ticket=_ticket(ticket), body=body, actor=call.actor, run_id=_run(run))
    return Result({"number": ticket, "seq": note.seq, "status": "added"}, [f"ticket:{ticket}"])


@_tool(effect="WRITE", permission="tickets.draft_reply", body=TEXT)
def draft_reply(call: CallContext, *, ticket: str, run: str, body: str) -> Result:
    """Leave a proposed reply for a person to edit and send. It is NOT sent, and the customer does not see it.

    Use it when a person should check the wording first. To answer the customer yourself, simply answer.
    """
    with _refusals():
        draft = services.save_draft(ticket=_ticket(ticket), body=body, actor=call.actor, run_id=_run(run))
    return Result({"number": ticket, "draft_id": draft.pk, "status": "saved"}, [f"ticket:{ticket}"])


@_tool(
    effect="WRITE",
    permission="tickets.escalate_ticket",
    impact="customer-visible",
    reason_code={"type": "string", "enum": [str(reason) for reason in ESCALATION_REASONS]},
    summary=TEXT,
)
def escalate_to_human(call: CallContext, *, ticket: str, run: str, reason_code: str, summary: str) -> Result:
    """Hand this conversation over to a person of the team; the customer is told so at once.

    Use it when the customer asks for a person, is angry, wants what the policy does not allow, or when you cannot
    resolve the matter. `summary` tells the colleague what the customer wants, what you found and what you did. After
    it do not promise anything more: the person decides.
    """
    with _refusals():
        handed = services.hand_over(
            ticket=_ticket(ticket),
            reason_code=reason_code,
            summary=summary,
            actor=call.actor,
            author_name=call.actor.display_name,
            customer_text=CONNECTING,
            run_id=_run(run),
        )
    data = {"number": ticket, "reason_code": handed.reason_code, "status": "handed_over"}
    return Result(data, [f"ticket:{ticket}"])


@_tool(
    effect="WRITE",
    permission="tickets.notify_team",
    team=TEAM,
    message={"type": "string", "minLength": 1, "maxLength": 2000},
)
def notify_team(call: CallContext, *, ticket: str, run: str, team: str, message: str) -> Result:
    """Leave a line about this conversation in another team's list, without handing the conversation over.

    `team` is the short name of a team, for example orders, billing or technical. The customer does not see it.
    Error not_found: there is no such team.
    """
    addressed = _team(team)
    with _refusals():
        services.notify_team(
            team=addressed, ticket=_ticket(ticket), message=message, actor=call.actor, run_id=_run(run)
        )
    return Result({"team": addressed.slug, "status": "notified"}, [f"ticket:{ticket}", f"team:{team}"])


def _ticket(number: str) -> Ticket:
    try:
        return Ticket.objects.select_related("customer", "team").get(number=number)
    except Ticket.DoesNotExist:
        raise ToolRefusal("not_found", "There is no such ticket.") from None


def _team(slug: str) -> Team:
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        raise ToolRefusal("not_found", "There is no team of that name.")
    return team


def _run(value: str) -> UUID | None:
    return UUID(value) if value else None


@contextmanager
def _refusals() -> Iterator[None]:
    """What the business declines, the model is told: definitely not executed."""
    try:
        yield
    except TicketError as error:
        raise ToolRefusal(error.code, str(error)) from error


def _as_data(ticket: Ticket) -> dict[str, str]:
    return {
        "number": ticket.number,
        "subject": ticket.subject,
        "state": ticket.state,
        "category": ticket.category,
        "created_on": ticket.created_at.date().isoformat(),
    }
