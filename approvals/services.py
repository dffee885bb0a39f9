"""The approval protocol: request, approve, reject, supersede, cancel, expire.

Every verb locks the ticket first, then changes the request by a conditional UPDATE that names the digest and the
state it expects, and audits in the same transaction. The race it closes: two supervisors deciding at once,
or one deciding while the clock, the agent or a taker-over ends the request.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models.functions import Now

from approvals import binding
from approvals.access import has_right_to_decide, may_decide
from approvals.errors import AlreadyDecided, ChangedSinceShown, InvalidDecision, NotAllowed, RequestExpired
from approvals.models import ApprovalDecision, ApprovalRequest
from approvals.policy import Ruling
from approvals.signals import approval_decided
from audit import log as audit_log
from audit.clock import database_now
from audit.context import Actor
from supportagent.console import live
from supportagent.console.money import format_money
from supportagent.staff.models import User
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool

State = ApprovalRequest.State
TIME_IS_OVER = "The time to decide this request is over; nothing was executed."


@dataclass(frozen=True)
class Proposal:
    """A call as it is put before a person: everything that the decision will be bound to."""

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


def request_approval(
    proposal: Proposal, ruling: Ruling, *, supersedes: ApprovalRequest | None = None
) -> ApprovalRequest:
    """Put a call before a person. The caller holds the ticket's lock and a transaction."""
    request = ApprovalRequest(
        call_id=proposal.call_id,
        tool=proposal.tool,
        ticket=proposal.ticket,
        tier=ruling.tier,
        rule_id=ruling.rule_id,
        rule_name=ruling.rule_name,
        rule_version=ruling.rule_version,
        definition_hash=proposal.tool.definition_hash,
        arguments=proposal.arguments,
        bound_arguments=proposal.bound_arguments,
        facts=proposal.facts,
        subject=proposal.subject,
        action_key=proposal.action_key,
        expires_at=database_now() + ruling.expires_after,
        title=title_of(proposal.tool, proposal.values),
        customer_words=proposal.customer_words,
        stated_reason=proposal.stated_reason,
        provenance=proposal.provenance,
        requested_by=proposal.requested_by,
        requested_by_name=proposal.requested_by_name,
        supersedes=supersedes,
    )
    if supersedes is not None:
        request.what_changed = binding.changes(supersedes.facts, proposal.facts)
    request.digest = binding.digest_of(request)
    request.save()
    _record("approvals.request.created", request, actor=Actor.of(proposal.requested_by))
    return request


def approve(*, request: ApprovalRequest, by: User, shown_digest: str, reason: str = "") -> ApprovalRequest:
    """Approve exactly what was shown. Of a T3 request the first approval leaves it pending.

    Raises NotAllowed (403), AlreadyDecided or ChangedSinceShown (409), RequestExpired (410).
    """
    with audit_log.transaction():
        request = _locked(request)
        _check_may_decide(request, by, shown_digest)
        decision = _decide(request, by, ApprovalDecision.Verdict.APPROVE, reason=reason)
        if request.approvals_needed > 1 and request.decisions.count() < request.approvals_needed:
            _record("approvals.request.seconded", request, actor=Actor.of(by), note=reason)
            return request
        _end(request, State.APPROVED, shown_digest=shown_digest)
        approval_decided.send(ApprovalRequest, request=request, decision=decision)
        _record("approvals.request.approved", request, actor=Actor.of(by), note=reason)
        return request


def reject(
    *,
    request: ApprovalRequest,
    by: User,
    shown_digest: str,
    reason_code: str,
    reason: str = "",
    customer_text: str = "",
) -> ApprovalRequest:
    """Reject with a reason; the agent hears the code and the sentence that the customer may read.

    Raises InvalidDecision (422) and what `approve` raises.
    """
    with audit_log.transaction():
        request = _locked(request)
        _check_may_decide(request, by, shown_digest)
        _check_rejection(reason_code, reason, customer_text)
        decision = _decide(
            request,
            by,
            ApprovalDecision.Verdict.REJECT,
            reason=reason,
            reason_code=reason_code,
            customer_text=customer_text,
        )
        _end(request, State.REJECTED, shown_digest=shown_digest)
        approval_decided.send(ApprovalRequest, request=request, decision=decision)
        _record("approvals.request.rejected", request, actor=Actor.of(by), note=reason, data={"code": reason_code})
        return request


def _check_rejection(reason_code: str, reason: str, customer_text: str) -> None:
    if reason_code not in ApprovalDecision.ReasonCode.values:
        raise InvalidDecision("Choose why you reject this.", field="reason_code")
    if reason_code == ApprovalDecision.ReasonCode.OTHER and len(reason.strip()) < 10:
        raise InvalidDecision("Say in at least 10 characters why you reject this.", field="reason")
    if len(customer_text) > 300:
        raise InvalidDecision("The sentence for the customer has at most 300 characters.", field="customer_text")


def supersede(request: ApprovalRequest, proposal: Proposal, ruling: Ruling) -> ApprovalRequest:
    """Replace a request, decided or not, whose facts or rules have drifted; the new one says what changed.

    The caller holds the ticket's lock and a transaction.
    """
    ApprovalRequest.objects.filter(pk=request.pk, state__in=[State.PENDING, State.APPROVED]).update(
        state=State.SUPERSEDED
    )
    request.state = State.SUPERSEDED
    _record("approvals.request.superseded", request, actor=Actor.of(proposal.requested_by))
    return request_approval(proposal, ruling, supersedes=request)


def obstacle_to_sending(request: ApprovalRequest, *, facts: dict[str, Any], ruling: Ruling) -> str:
    """Why an approved call may not be sent as it was approved, in a few words; empty when it may.

    Compares the digest over fresh facts and the present definition, the rule, the clock and the approvers' rights.
    """
    if request.state != State.APPROVED:
        return "it is not approved"
    if request.expires_at <= database_now():
        return "expired"
    fresh = binding.digest_of(request, facts=facts, definition_hash=request.tool.definition_hash)
    if fresh != request.digest:
        return "the facts changed" if facts != request.facts else "the tool changed"
    if ruling.key != ("approve", request.tier, request.rule_id, request.rule_version):
        return "the rules changed"
    approvers = [decision.decided_by for decision in request.decisions.select_related("decided_by")]
    if not all(has_right_to_decide(user, request).allowed for user in approvers):
        return "an approver lost the right to approve"
    return ""


def cancel_for_calls(call_ids: list[UUID], *, actor: Actor, why: str) -> int:
    """End the pending requests of these calls without a decision. The caller holds the ticket's lock."""
    requests = list(ApprovalRequest.objects.pending().filter(call_id__in=call_ids).select_related("ticket", "tool"))
    ApprovalRequest.objects.filter(pk__in=[request.pk for request in requests], state=State.PENDING).update(
        state=State.CANCELLED, decided_at=Now()
    )
    for request in requests:
        request.state = State.CANCELLED
        _record("approvals.request.cancelled", request, actor=actor, data={"why": why})
    return len(requests)


def expire_due(*, limit: int = 100) -> int:
    """Deny what nobody decided in time, by the database's clock. Returns how many ended."""
    due = ApprovalRequest.objects.pending().filter(expires_at__lte=Now()).order_by("expires_at")[:limit]
    return sum(_expire(request) for request in list(due))


def _expire(request: ApprovalRequest) -> bool:
    with audit_log.transaction():
        request = _locked(request)
        # Race: a supervisor decided between the scan and the lock. The condition on the state lets one win.
        ended = ApprovalRequest.objects.filter(pk=request.pk, state=State.PENDING, expires_at__lte=Now()).update(
            state=State.EXPIRED, decided_at=Now()
        )
        if not ended:
            return False
        request.state = State.EXPIRED
        approval_decided.send(ApprovalRequest, request=request, decision=None)
        _record("approvals.request.expired", request, actor=Actor.system("expiry"))
        return True


def title_of(tool: Tool, values: Mapping[str, Any]) -> str:
    """What will happen, in words made from the arguments, never from the model's prose."""
    words = tool.name.replace("_", " ").capitalize()
    if tool.amount_argument in values:
        words += f" {format_money(values[tool.amount_argument], str(values.get(tool.currency_argument, '')))}"
    if tool.subject_argument in values:
        words += f" · {values[tool.subject_argument]}"
    return words[:200]


def _locked(request: ApprovalRequest) -> ApprovalRequest:
    Ticket.objects.select_for_update().get(pk=request.ticket_id)
    return ApprovalRequest.objects.select_related("tool__server", "ticket__team", "ticket__customer").get(pk=request.pk)


def _check_may_decide(request: ApprovalRequest, by: User, shown_digest: str) -> None:
    explanation = may_decide(by, request)
    if request.state == State.EXPIRED:
        raise RequestExpired(TIME_IS_OVER)
    if request.state != State.PENDING:
        raise AlreadyDecided(outcome_of(request))
    if not explanation.allowed:
        raise NotAllowed(f"You cannot decide this: {explanation.because}.")
    if request.digest != shown_digest:
        raise ChangedSinceShown("This request changed since you opened it. Read it again before you decide.")
    if request.expires_at <= database_now():
        raise RequestExpired(TIME_IS_OVER)


def outcome_of(request: ApprovalRequest) -> str:
    """How a request ended, in a sentence: who decided it, or what ended it."""
    last = request.decisions.select_related("decided_by").last()
    if last is not None and request.state in (State.APPROVED, State.REJECTED):
        return f"{request.get_state_display()} by {last.decided_by.display_name}."
    if request.state == State.SUPERSEDED:
        return "Superseded: the facts changed, and a new request took its place."
    return f"{request.get_state_display()}."


def _decide(request: ApprovalRequest, by: User, verdict: str, **fields: str) -> ApprovalDecision:
    return ApprovalDecision.objects.create(
        request=request, verdict=verdict, decided_by=by, digest=request.digest, **fields
    )


def _end(request: ApprovalRequest, state: str, *, shown_digest: str) -> None:
    ended = ApprovalRequest.objects.filter(
        pk=request.pk, state=State.PENDING, digest=shown_digest, expires_at__gt=Now()
    ).update(state=state, decided_at=Now())
    if not ended:
        raise RequestExpired(TIME_IS_OVER)
    request.state = state


def _record(
    action: str, request: ApprovalRequest, *, actor: Actor, note: str = "", data: dict[str, Any] | None = None
) -> None:
    customer = request.ticket.customer.reference
    audit_log.record(
        action,
        actor=actor,
        target=("approval", str(request.pk)),
        on_behalf_of=customer,
        ticket=request.ticket.number,
        refs=[("tool_call", str(request.call_id)), ("customer", customer), *_subject_ref(request)],
        data={
            "digest": request.digest,
            "tool": request.tool.qualified_name,
            "tier": request.tier,
            "rule": f"{request.rule_name} v{request.rule_version}",
            **(data or {}),
        },
        private={"note": note} if note else None,
        subject=customer if note else "",
    )
    for group in (f"approvals.team.{request.ticket.team_id}", f"ticket.{request.ticket_id}"):
        live.publish(group, {"type": "live.changed", "what": "approvals"})


def _subject_ref(request: ApprovalRequest) -> list[tuple[str, str]]:
    kind, _, reference = request.subject.partition(":")
    return [(kind, reference)] if reference else []
