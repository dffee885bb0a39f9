"""Rules changed: what still waits under the old ones is judged again, on the facts and sums that were stored with it.

A request that the new rules treat alike only learns their number. One that they treat otherwise is put before a person
anew, and one that they deny ends. One that they would let pass stays: a person was asked, and a person answers.
"""

import logging
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from approvals import policy
from approvals.access import arguments_of
from approvals.errors import TooLate
from approvals.models import ApprovalPolicy, ApprovalRequest
from approvals.policy import Ruling
from approvals.services import Proposal, request_approval
from approvals.services.base import State, lock, record
from approvals.signals import approval_decided, request_replaced
from audit import log as audit_log
from audit.context import Actor

logger = logging.getLogger(__name__)

Outcome = ApprovalPolicy.Outcome
BY = Actor.system("rules")
BECAUSE = "the rules changed"


def requeue_outdated(*, limit: int = 100) -> int:
    """Judge again what waits under an older rule book. Returns how many requests ended or were replaced."""
    waiting = ApprovalRequest.objects.pending().filter(expires_at__gt=Now())
    outdated = waiting.filter(book_version__lt=policy.rules_in_force()).order_by("pk")[:limit]
    return sum(_judge_again(request) for request in list(outdated))


def _judge_again(request: ApprovalRequest) -> bool:
    with audit_log.transaction():
        request = lock(request)
        if request.state != State.PENDING:
            return False
        ruling = judge(request)
        same = ruling.key == ("approve", request.tier, request.rule_id, request.rule_version)
        if ruling.outcome == Outcome.ALLOW or (same and sorted(ruling.approver_roles) == request.approver_roles):
            return _keep(request, ruling)
        try:
            with transaction.atomic():
                return _deny(request, ruling) if ruling.outcome == Outcome.DENY else _replace(request, ruling)
        except TooLate:
            # Whatever moved the call away ends its request too.
            logger.info("%s waits no more; the new rules leave it alone", request.reference)
            return _keep(request, ruling)


def judge(request: ApprovalRequest) -> Ruling:
    """What the rules in force say to a request as it was put before people."""
    return policy.evaluate(
        tool=request.tool,
        arguments=arguments_of(request),
        facts=request.facts,
        assurance=request.ticket.assurance,
        sums=request.sums,
        provenance=request.provenance,
    )


def _keep(request: ApprovalRequest, ruling: Ruling) -> bool:
    ApprovalRequest.objects.filter(pk=request.pk).update(book_version=ruling.book_version)
    return False


def _deny(request: ApprovalRequest, ruling: Ruling) -> bool:
    if not _end(request, State.CANCELLED, decided_at=Now()):
        return False
    approval_decided.send(ApprovalRequest, request=request, decision=None)
    record("approvals.request.cancelled", request, actor=BY, data={"why": f"denied by {_named(ruling)}"})
    return True


def _replace(request: ApprovalRequest, ruling: Ruling) -> bool:
    if not _end(request, State.SUPERSEDED):
        return False
    record("approvals.request.superseded", request, actor=BY, data={"why": f"now {_named(ruling)}"})
    new = request_approval(_proposal(request), ruling, supersedes=request, edited_by=request.edited_by, because=BECAUSE)
    new.what_changed = [*new.what_changed, *_differences(request, new)]
    new.save(update_fields=["what_changed"])
    request_replaced.send(ApprovalRequest, old=request, new=new)
    return True


def _end(request: ApprovalRequest, state: str, **fields: Any) -> bool:
    # Race: the clock ended it between the scan and the lock; people wait for the ticket's lock.
    ended = ApprovalRequest.objects.filter(pk=request.pk, state=State.PENDING, expires_at__gt=Now()).update(
        state=state, **fields
    )
    if ended:
        request.state = state
    return bool(ended)


def _proposal(request: ApprovalRequest) -> Proposal:
    """The call as it was proposed: nobody reads facts or asks the model again."""
    return Proposal(
        call_id=request.call_id,
        tool=request.tool,
        ticket=request.ticket,
        arguments=request.arguments,
        bound_arguments=request.bound_arguments,
        values=arguments_of(request),
        facts=request.facts,
        subject=request.subject,
        action_key=request.action_key,
        stated_reason=request.stated_reason,
        customer_words=request.customer_words,
        provenance=request.provenance,
        requested_by=request.requested_by,
        requested_by_name=request.requested_by_name,
        sums=request.sums,
    )


def _differences(old: ApprovalRequest, new: ApprovalRequest) -> list[dict[str, Any]]:
    """What the new rules ask for that the old ones did not, for the card."""
    pairs = (
        ("rule", old.rule_name, new.rule_name),
        ("tier", old.tier, new.tier),
        ("approvers", ", ".join(old.approver_roles), ", ".join(new.approver_roles)),
    )
    return [{"field": field, "was": was, "now": now} for field, was, now in pairs if was != now]


def _named(ruling: Ruling) -> str:
    return f"rule {ruling.rule_id or '-'} v{ruling.rule_version} of rule book {ruling.book_version}"
