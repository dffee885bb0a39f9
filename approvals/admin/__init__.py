"""Approval rules to configure, to try and to look over; requests and decisions to look up; notifications."""

from approvals.admin import ledgers, notifications
from approvals.admin.rules import ApprovalPolicyAdmin

__all__ = ["ApprovalPolicyAdmin", "ledgers", "notifications"]
