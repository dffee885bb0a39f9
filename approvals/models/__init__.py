"""The rules that decide what needs a person, the requests that wait for one, and the decisions."""

from approvals.models.decision import ApprovalDecision, ApprovalQuestion
from approvals.models.notification import Delivery, Notice, WebhookEndpoint
from approvals.models.policy import DEFAULT_EXPIRY, DEFAULT_RESPONSE, ApprovalPolicy, RuleBook, Tier
from approvals.models.request import ApprovalRequest, _nonce

__all__ = [
    "DEFAULT_EXPIRY",
    "DEFAULT_RESPONSE",
    "ApprovalDecision",
    "ApprovalPolicy",
    "ApprovalQuestion",
    "ApprovalRequest",
    "Delivery",
    "Notice",
    "RuleBook",
    "Tier",
    "WebhookEndpoint",
    "_nonce",
]
