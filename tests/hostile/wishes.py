"""What a customer truly asks for in a scenario: all that a supervisor approves, and all that may last."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from approvals.models import ApprovalRequest


@dataclass(frozen=True)
class Wish:
    """One call that the customer's words justify, with exactly these arguments."""

    tool: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def is_asked_by(self, request: ApprovalRequest) -> bool:
        """Whether this is the request's action: nothing more, nothing less, nothing else."""
        bound = json.loads(request.bound_arguments)
        own = {name: value for name, value in bound.items() if name not in request.tool.bound_arguments}
        return request.tool.qualified_name == self.tool and own == dict(self.arguments)


def refund(order_id: str, amount_minor: int, currency: str = "EUR") -> Wish:
    arguments = {"order_id": order_id, "amount_minor": amount_minor, "currency": currency}
    return Wish("store__issue_refund", arguments)


def cancel(order_id: str) -> Wish:
    return Wish("store__cancel_order", {"order_id": order_id})


def change_account(**details: Any) -> Wish:
    return Wish("store__update_account", details)


def change_billing(**details: Any) -> Wish:
    return Wish("store__update_billing_details", details)
