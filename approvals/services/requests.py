"""Putting a call before a person, putting another request in the place of one, and ending one without a decision."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Now

from approvals import binding
from approvals.errors import TooManyPending
from approvals.models import ApprovalRequest
from approvals.policy import Ruling
from approvals.services.base import State, record
from audit.clock import database_now
from audit.context import Actor
from supportagent.console.money import format_money
from supportagent.prepared import first, insert, prepared
from supportagent.staff.models import User
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool


@dataclass(frozen=True)
class Proposal:
    """A call as it is put before a person: everything that the decision will be bound to.

    `sums` are the day's running totals, this call included; they are shown and kept, never bound.
    """

    call_id: UUID
    tool: Tool
    ticket: Ticket
    arguments: str
    bound_arguments: str
    values: Mapping[str, Any]
    facts: dict[str, Any]
    subject: str
    action_key: str
    stated_reason: str
    customer_words: str
    provenance: dict[str, str]
    requested_by: User
    requested_by_name: str
    sums: dict[str, Any] = field(default_factory=dict)


def request_approval(
    proposal: Proposal,
    ruling: Ruling,
    *,
    supersedes: ApprovalRequest | None = None,
    edited_by: User | None = None,
    because: str = "",
) -> ApprovalRequest:
    """Put a call before a person. The caller holds the ticket's lock and a transaction.

    Raises TooManyPending when the ticket, the customer or the agent has as many waiting requests as the settings
    allow; a request that takes the place of another is not one more.
    """
    if supersedes is None:
        _check_room(proposal)
    now = database_now()
    request = ApprovalRequest(
        call_id=proposal.call_id,
        tool=proposal.tool,
        ticket=proposal.ticket,
        tier=ruling.tier,
        rule_id=ruling.rule_id,
        rule_name=ruling.rule_name,
        rule_version=ruling.rule_version,
        book_version=ruling.book_version,
        approver_roles=sorted(ruling.approver_roles),
        definition_hash=proposal.tool.definition_hash,
        arguments=proposal.arguments,
        bound_arguments=proposal.bound_arguments,
        facts=proposal.facts,
        sums=proposal.sums,
        subject=proposal.subject,
        action_key=proposal.action_key,
        expires_at=now + ruling.expires_after,
        respond_by=now + min(ruling.respond_within, ruling.expires_after),
        title=title_of(proposal.tool, proposal.values),
        amount_minor=_amount(proposal),
        currency=str(proposal.values.get(proposal.tool.currency_argument, ""))[:3],
        customer_words=proposal.customer_words,
        stated_reason=proposal.stated_reason,
        provenance=proposal.provenance,
        requested_by=proposal.requested_by,
        requested_by_name=proposal.requested_by_name,
        edited_by=edited_by,
        supersedes=supersedes,
        supersedes_because=because,
    )
    if supersedes is not None:
        request.what_changed = [
            *binding.changes_of_arguments(supersedes.bound_arguments, proposal.bound_arguments),
            *binding.changes(supersedes.facts, proposal.facts),
        ]
    save(request)
    return request


def save(request: ApprovalRequest) -> None:
    """Bind a new request to its digest, keep it, and audit that it was put before a person.

    Whoever edited what it takes the place of stays out of deciding it.
    """
    request.digest = binding.digest_of(request)
    insert(request)
    editors = {request.edited_by_id} if request.edited_by_id else set()
    if request.supersedes is not None:
        editors |= set(request.supersedes.editors.values_list("pk", flat=True))
    if editors:
        request.editors.set(editors)
    record("approvals.request.created", request, actor=Actor.of(request.edited_by or request.requested_by))


def supersede(
    request: ApprovalRequest, proposal: Proposal, ruling: Ruling, *, because: str = "the facts or the rules changed"
) -> ApprovalRequest:
    """Replace a request, decided or not, whose facts or rules have drifted; the new one says what changed.

    The caller holds the ticket's lock and a transaction, and moves its own call under the new request.
    """
    ApprovalRequest.objects.filter(pk=request.pk, state__in=[State.PENDING, State.APPROVED]).update(
        state=State.SUPERSEDED
    )
    request.state = State.SUPERSEDED
    record("approvals.request.superseded", request, actor=Actor.of(proposal.requested_by))
    return request_approval(proposal, ruling, supersedes=request, edited_by=request.edited_by, because=because)


def cancel_for_calls(call_ids: list[UUID], *, actor: Actor, why: str) -> int:
    """End the pending requests of these calls without a decision. The caller holds the ticket's lock."""
    requests = list(ApprovalRequest.objects.pending().filter(call_id__in=call_ids).select_related("ticket", "tool"))
    ApprovalRequest.objects.filter(pk__in=[request.pk for request in requests], state=State.PENDING).update(
        state=State.CANCELLED, decided_at=Now()
    )
    for request in requests:
        request.state = State.CANCELLED
        record("approvals.request.cancelled", request, actor=actor, data={"why": why})
    return len(requests)


def title_of(tool: Tool, values: Mapping[str, Any]) -> str:
    """What will happen, in words made from the arguments, never from the model's prose."""
    words = tool.name.replace("_", " ").capitalize()
    if tool.amount_argument in values:
        words += f" {format_money(values[tool.amount_argument], str(values.get(tool.currency_argument, '')))}"
    if tool.subject_argument in values:
        words += f" · {values[tool.subject_argument]}"
    return words[:200]


def _amount(proposal: Proposal) -> int | None:
    value = proposal.values.get(proposal.tool.amount_argument)
    return value if isinstance(value, int) else None


def _check_room(proposal: Proposal) -> None:
    """Keep an agent from burying people in cards.

    The caller's lock makes the count of a ticket exact. Two tickets of one customer can ask at the same moment, so
    the other two caps may be passed by as many requests as are being written at once; they are no control of money.
    """
    caps = (
        ("ticket", settings.PENDING_APPROVALS_PER_TICKET),
        ("customer", settings.PENDING_APPROVALS_PER_CUSTOMER),
        ("agent", settings.PENDING_APPROVALS_PER_AGENT),
    )
    counts = _waiting(proposal.ticket.pk, proposal.ticket.customer_id, proposal.requested_by.pk)
    for (whose, most), count in zip(caps, first(counts) or (0, 0, 0), strict=True):
        if count >= most:
            raise TooManyPending(f"{count} requests of this {whose} wait for a person already")


@prepared
def _waiting(ticket_id: int, customer_id: int, agent_id: int) -> QuerySet[ApprovalRequest, tuple[int, int, int]]:
    """How many pending requests there are of this ticket, customer and agent: one row, none where nothing waits."""
    pending = ApprovalRequest.objects.filter(state=State.PENDING).order_by().values("state")
    return pending.annotate(
        of_ticket=Count("pk", filter=Q(ticket=ticket_id)),
        of_customer=Count("pk", filter=Q(ticket__customer=customer_id)),
        of_agent=Count("pk", filter=Q(requested_by=agent_id)),
    ).values_list("of_ticket", "of_customer", "of_agent")
