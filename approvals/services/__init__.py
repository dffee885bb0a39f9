"""The approval protocol: request, approve, reject, edit, ask, undo, assign, escalate, supersede, cancel, expire.

Every verb locks the ticket first, then changes the request by a conditional UPDATE that names the digest and the
state it expects, and audits in the same transaction. The race it closes: two supervisors deciding at once,
or one deciding while the clock, the agent or a taker-over ends the request.
"""

from approvals.services.base import outcome_of
from approvals.services.bulk import BulkRow, approve_many, check_together
from approvals.services.decisions import approve, reject
from approvals.services.edits import check_may_edit, edit, editable, may_edit
from approvals.services.expiry import expire_due
from approvals.services.questions import answer, ask, may_answer
from approvals.services.requests import Proposal, cancel_for_calls, request_approval, supersede
from approvals.services.routing import assign, escalate
from approvals.services.sending import obstacle_to_sending
from approvals.services.undo import is_undoable, undo

__all__ = [
    "BulkRow",
    "Proposal",
    "answer",
    "approve",
    "approve_many",
    "ask",
    "assign",
    "cancel_for_calls",
    "check_may_edit",
    "check_together",
    "edit",
    "editable",
    "escalate",
    "expire_due",
    "is_undoable",
    "may_answer",
    "may_edit",
    "obstacle_to_sending",
    "outcome_of",
    "reject",
    "request_approval",
    "supersede",
    "undo",
]
