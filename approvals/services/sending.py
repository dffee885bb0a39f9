"""The last question before an approved call leaves: is it still what was approved, by people who still may?"""

from datetime import datetime
from typing import Any

from approvals import binding
from approvals.access import all_may_still_decide
from approvals.models import ApprovalRequest
from approvals.policy import Ruling
from approvals.services.base import State
from approvals.services.requests import Proposal
from audit.clock import database_now


def obstacle_to_sending(
    request: ApprovalRequest,
    *,
    facts: dict[str, Any],
    ruling: Ruling,
    proposal: Proposal | None = None,
    now: datetime | None = None,
) -> str:
    """Why an approved call may not be sent as it was approved, in a few words; empty when it may.

    Compares the digest over fresh facts and the present definition, the rule, the clock (`now` by the database, read in
    this transaction) and the approvers' rights, and with `proposal` whether the call that would be sent is the one that
    was approved. Rules that meanwhile would let the call pass without a person are no obstacle: more care was taken
    than they ask for.
    """
    if request.state != State.APPROVED:
        return "it is not approved"
    if request.expires_at <= (now or database_now()):
        return "expired"
    if proposal is not None and not _same_call(request, proposal):
        return "the call is not the one that was approved"
    if binding.digest_of(request) != request.digest:
        return _what_became_of_the_record(request)
    if binding.digest_of(request, facts=facts, definition_hash=request.tool.definition_hash) != request.digest:
        return "the facts changed" if facts != request.facts else "the tool changed"
    if ruling.outcome != "allow" and ruling.key != ("approve", request.tier, request.rule_id, request.rule_version):
        return "the rules changed"
    if not all_may_still_decide(request):
        return "an approver lost the right to approve"
    return ""


def _same_call(request: ApprovalRequest, proposal: Proposal) -> bool:
    approved = (request.call_id, request.tool_id, request.ticket_id, request.arguments, request.bound_arguments)
    sent = (proposal.call_id, proposal.tool.pk, proposal.ticket.pk, proposal.arguments, proposal.bound_arguments)
    approved_about = (request.subject, request.action_key, request.requested_by_id)
    return (approved, approved_about) == (sent, (proposal.subject, proposal.action_key, proposal.requested_by.pk))


def _what_became_of_the_record(request: ApprovalRequest) -> str:
    if binding.is_of_earlier_version(request):
        return "it was approved before an update of this product"
    return "its record does not match what was approved"
