"""The answer of the policy."""

from dataclasses import dataclass
from datetime import timedelta

from approvals.models import DEFAULT_EXPIRY, DEFAULT_RESPONSE

DEFAULT_UNDO_SECONDS = 8


@dataclass(frozen=True)
class Ruling:
    """What the policy says about one call, and by which version of which rule.

    `approver_roles` are names of roles; without any, every role that may approve the tool decides. `book_version` is
    the number of the rule book that was asked.
    """

    outcome: str
    tier: str
    rule_id: int | None
    rule_name: str
    rule_version: int
    expires_after: timedelta = DEFAULT_EXPIRY
    respond_within: timedelta = DEFAULT_RESPONSE
    undo_seconds: int = DEFAULT_UNDO_SECONDS
    approver_roles: tuple[str, ...] = ()
    book_version: int = 0

    @property
    def key(self) -> tuple[str, str, int | None, int]:
        """What must stay the same between the decision and the sending."""
        return (self.outcome, self.tier, self.rule_id, self.rule_version)
