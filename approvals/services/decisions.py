"""The two decisions. Each is taken on the digest that was shown, and at most once per request."""

from datetime import timedelta

from django.db.models import Q

from approvals import binding
from approvals.access import may_decide
from approvals.errors import ChangedSinceShown, DecisionRefused, InvalidDecision, NotAllowed, OverLimit
from approvals.models import ApprovalDecision, ApprovalPolicy, ApprovalRequest, Tier
from approvals.services import replacing
from approvals.services.base import State, check_intact, check_pending, check_shown, end, lock, record, write_decision
from approvals.services.routing import escalate
from approvals.signals import approval_decided
from audit import log as audit_log
from audit.clock import database_now
from audit.context import Actor
from supportagent.staff.models import User

Verdict = ApprovalDecision.Verdict
GONE_ON = "This is above your limit. It has gone on to those who may decide it."


def approve(*, request: ApprovalRequest, by: User, shown_digest: str, reason: str = "") -> ApprovalRequest:
    """Approve exactly what was shown. Of a T3 request the first approval leaves it pending.

    A T1 request is effective only after its undo window (`effective_at`). Raises NotAllowed or OverLimit (403; the
    request has gone on to those who reach that far), AlreadyDecided or ChangedSinceShown (409), RequestExpired (410).
    """
    with audit_log.transaction():
        request = lock(request)
        obstacle = _obstacle(request, by, shown_digest) or _renewed(request, by)
        if obstacle is None:
            return _approve(request, by, shown_digest, reason)
    # After the commit: the refusal must not undo the escalation or the renewal.
    raise obstacle


def _approve(request: ApprovalRequest, by: User, shown_digest: str, reason: str) -> ApprovalRequest:
    decision = write_decision(request, by, Verdict.APPROVE, reason=reason)
    if request.approvals_needed > 1 and request.decisions.count() < request.approvals_needed:
        record("approvals.request.seconded", request, actor=Actor.of(by), note=reason)
        return request
    window = undo_window(request) if request.tier == Tier.T1 else timedelta()
    effective_at = database_now() + window if window else None
    end(request, State.APPROVED, shown_digest=shown_digest, effective_at=effective_at)
    approval_decided.send(ApprovalRequest, request=request, decision=decision)
    record("approvals.request.approved", request, actor=Actor.of(by), note=reason)
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
        request = lock(request)
        obstacle = _obstacle(request, by, shown_digest)
        if obstacle is None:
            _check_rejection(reason_code, reason, customer_text)
            decision = write_decision(
                request, by, Verdict.REJECT, reason=reason, reason_code=reason_code, customer_text=customer_text
            )
            end(request, State.REJECTED, shown_digest=shown_digest)
            approval_decided.send(ApprovalRequest, request=request, decision=decision)
            record("approvals.request.rejected", request, actor=Actor.of(by), note=reason, data={"code": reason_code})
            return request
    raise obstacle


def undo_window(request: ApprovalRequest) -> timedelta:
    """How long an approval of this request can be taken back before it is carried out."""
    if request.rule is not None:
        return timedelta(seconds=request.rule.undo_seconds)
    return timedelta(seconds=ApprovalPolicy._meta.get_field("undo_seconds").default)


def _obstacle(request: ApprovalRequest, by: User, shown_digest: str) -> DecisionRefused | None:
    """Raise what stands against this decision, but return what is to be raised after a commit: a lack of reach."""
    check_pending(request)
    right = may_decide(by, request)
    if not right.allowed and not right.over_limit:
        raise NotAllowed(f"You cannot decide this: {right.because}.")
    check_shown(request, shown_digest)
    if right.allowed:
        return None
    escalate(request=request, because=f"It is above the limit of {by.display_name}.", actor=Actor.of(by))
    return OverLimit(GONE_ON)


def _renewed(request: ApprovalRequest, by: User) -> DecisionRefused | None:
    """Bind anew what was bound before an update of this product, so that the approval covers what it must cover now.

    Raises ChangedSinceShown for a row that is not what was bound, then or now.
    """
    if not binding.is_of_earlier_version(request):
        check_intact(request)
        return None
    replacing.take_out(request, Q(state=State.PENDING), by=by)
    new = replacing.again(request, because="this product was updated", what_changed=[])
    return ChangedSinceShown(f"This was asked before an update. {new.reference} took its place: decide that one.")


def _check_rejection(reason_code: str, reason: str, customer_text: str) -> None:
    if reason_code not in ApprovalDecision.ReasonCode.values:
        raise InvalidDecision("Choose why you reject this.", field="reason_code")
    if reason_code == ApprovalDecision.ReasonCode.OTHER and len(reason.strip()) < 10:
        raise InvalidDecision("Say in at least 10 characters why you reject this.", field="reason")
    if len(customer_text) > 300:
        raise InvalidDecision("The sentence for the customer has at most 300 characters.", field="customer_text")
