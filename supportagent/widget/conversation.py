"""What a customer sees of his conversation: messages, requests that wait for us, and who is at work."""

import json
from datetime import timedelta
from typing import Any

from django.db.models import Case, Q, When
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy as _lazy

from agents import citations
from agents.models import Run, ToolCall
from approvals.models import ApprovalRequest
from supportagent.console.money import format_money
from supportagent.tickets.models import Message, Rating, Ticket, TicketQuerySet
from supportagent.tickets.rendering import render_message, strip_hidden
from supportagent.tickets.services.rating import is_wanted, may_change, may_rate
from supportagent.tickets.services.waiting import NO_CONTACT, contact_of
from supportagent.widget.errors import unknown_conversation
from supportagent.widget.models import WidgetSession

PAGE_SIZE = 200
ENDED_SHOWN_FOR = timedelta(days=1)
NO_RATING: dict[str, Any] = {"state": "", "score": 0, "comment": "", "changeable": False}
NOTHING_YET: dict[str, Any] = {
    "conversation": "",
    "messages": [],
    "more": False,
    "pending": [],
    "progress": "idle",
    "held_by": "assistant",
    "contact": NO_CONTACT,
    "rating": NO_RATING,
}
_REQUEST_KINDS = {
    "issue_refund": _lazy("Your refund request"),
    "cancel_order": _lazy("Your cancellation request"),
    "update_account": _lazy("Your account change"),
    "update_billing_details": _lazy("Your billing change"),
}


def current_ticket(session: WidgetSession) -> Ticket | None:
    """The conversation that the next message joins, else one that ended within a day; None when there is neither.

    A verified customer also continues here what he began in another browser. Other channels, and threads in
    which he had not proved who he is, are never shown.
    """
    recently = timezone.now() - ENDED_SHOWN_FOR
    return (
        _tickets_of(session)
        .filter(~Q(state__in=Ticket.OVER) | Q(updated_at__gt=recently))
        .order_by(Case(When(state__in=Ticket.OVER, then=1), default=0), "-pk")
        .first()
    )


def ticket_of(session: WidgetSession, number: str) -> Ticket:
    """One conversation of the session's customer. Raises Refused 404 for anybody else's."""
    ticket = _tickets_of(session).filter(number=number).first()
    if ticket is None:
        raise unknown_conversation()
    return ticket


def _tickets_of(session: WidgetSession) -> TicketQuerySet:
    return Ticket.objects.filter(
        customer_id=session.customer_id, channel=Ticket.Channel.WIDGET, assurance=session.assurance
    )


def conversation_after(ticket: Ticket, seq: int) -> dict[str, Any]:
    """Everything after `seq`, oldest first, with the state of the conversation as it is now."""
    page = list(ticket.messages.for_customer().after(seq).order_by("seq")[: PAGE_SIZE + 1])
    sources = _sources(page[:PAGE_SIZE])
    return {
        "conversation": ticket.number,
        "messages": [as_json(message) | sources.get(message.seq, {}) for message in page[:PAGE_SIZE]],
        "more": len(page) > PAGE_SIZE,
        "pending": pending_requests(ticket),
        **status_of(ticket),
    }


def as_json(message: Message) -> dict[str, Any]:
    """One message as the frame draws it: what we say as sanitised HTML, what the customer said as plain text."""
    common = {
        "seq": message.seq,
        "kind": message.kind.lower(),
        "at": message.created_at.isoformat(),
    }
    if message.kind == Message.Kind.CUSTOMER:
        return {
            **common,
            "text": strip_hidden(message.body),
            "client_message_id": message.client_message_id,
        }
    return {**common, "html": str(render_message(message.body)), "author": _author(message)}


def _sources(page: list[Message]) -> dict[int, dict[str, list[str]]]:
    """By number, the titles of the articles that an agent's answer quotes: published ones, as its search found no
    others. Nothing to read costs nothing.
    """
    runs = {message.seq: message.run_id for message in page if message.kind == Message.Kind.AGENT and message.run_id}
    found = citations.found_by(runs.values()) if runs else {}
    if not found:
        return {}
    bodies = {message.seq: message.body for message in page}
    quoted = {seq: citations.quoted(bodies[seq], found.get(run, [])) for seq, run in runs.items()}
    return {seq: {"sources": [strip_hidden(each.title) for each in of]} for seq, of in quoted.items() if of}


def _author(message: Message) -> str:
    return strip_hidden(message.author_name) if message.kind == Message.Kind.PERSON else ""


def status_of(ticket: Ticket) -> dict[str, Any]:
    """`progress` is working, waiting (for our decision) or idle; `held_by` says who answers next.

    `contact` is wanted while nobody of a team is there that asks for an e-mail address then, and left once it has one.
    """
    return {
        "progress": progress_of(ticket),
        "held_by": _held_by(ticket),
        "contact": contact_of(ticket),
        "rating": rating_of(ticket),
    }


def rating_of(ticket: Ticket) -> dict[str, Any]:
    """`state` is wanted once the conversation has ended and until the customer has said or skipped it, then given.

    `changeable` is whether what was said may still be said otherwise. Open conversations cost no query.
    """
    if not may_rate(ticket):
        return NO_RATING
    given = Rating.objects.filter(ticket=ticket).first()
    if given is None:
        return {**NO_RATING, "state": "wanted"} if is_wanted(ticket) else NO_RATING
    comment = strip_hidden(given.comment)
    return {"state": "given", "score": given.score, "comment": comment, "changeable": may_change(given)}


def progress_of(ticket: Ticket) -> str:
    state = Run.objects.live().of_agents().filter(ticket=ticket).values_list("state", flat=True).first()
    if state is None:
        return "idle"
    return "waiting" if state == Run.State.AWAITING_APPROVAL else "working"


def _held_by(ticket: Ticket) -> str:
    if ticket.assignee_id is not None:
        return "person"
    return "queue" if ticket.state == Ticket.State.WAITING_PERSON else "assistant"


def pending_requests(ticket: Ticket) -> list[dict[str, str]]:
    """What waits for a person of ours, in the customer's terms: no staff name, no rule, no reason."""
    requests = ApprovalRequest.objects.pending().filter(ticket=ticket).select_related("tool").order_by("pk")
    # What a colleague called beside the conversation was never promised in it.
    requests = requests.exclude(
        call_id__in=ToolCall.objects.filter(run__ticket=ticket, run__caller__isnull=False).values("pk")
    )
    return [_pending_as_json(request) for request in requests]


def _pending_as_json(request: ApprovalRequest) -> dict[str, str]:
    kind = _REQUEST_KINDS.get(request.tool.name)
    details = [*_amount(request), _("reference %(reference)s") % {"reference": request.reference}]
    return {
        "reference": request.reference,
        "text": _("%(what)s (%(details)s) is with our team")
        % {"what": kind or _("Your request"), "details": ", ".join(details)},
        "requested_at": request.created_at.isoformat(),
    }


def _amount(request: ApprovalRequest) -> list[str]:
    tool, values = request.tool, json.loads(request.bound_arguments)
    if tool.amount_argument not in values:
        return []
    return [format_money(values[tool.amount_argument], str(values.get(tool.currency_argument, "")))]
