"""Whose record an answer is about: the owner that it names must be the customer of the run. In doubt it is nobody's."""

from typing import Any

from agents.loop.refusal import CallRefused
from supportagent.grants.server import Outcome
from supportagent.tools import paths
from supportagent.tools.models import Tool

# The same words for a record of another customer and for none, so that nobody finds out which there are.
NO_SUCH_RECORD = ("not_found", "there is no such record of this customer")


def check(tool: Tool, answer: dict[str, Any], customer: str) -> None:
    """Refuse unless the answer proves that the record is this customer's, as the review of `tool` says.

    A tool without an owner path is a built-in one, or touches nobody's records; its answer may still name a customer.
    """
    if not tool.owner_path:
        if answer.get("customer", customer) != customer:
            raise CallRefused(*NO_SUCH_RECORD)
        return
    try:
        owners = paths.values(answer, tool.owner_path)
    except paths.Nowhere:
        raise CallRefused(*NO_SUCH_RECORD) from None
    if not customer or any(_reference(owner) != customer for owner in owners):
        raise CallRefused(*NO_SUCH_RECORD)


def only_own(tool: Tool, outcome: Outcome, customer: str) -> Outcome:
    """The answer of a read that names its owner itself, unless it is about somebody else."""
    if tool.writes or not tool.imported or not tool.owner_path or tool.facts_tool or not outcome.ok:
        return outcome
    try:
        check(tool, outcome.data, customer)
    except CallRefused as refusal:
        return Outcome.refused(refusal.code, refusal.message)
    return outcome


def _reference(owner: Any) -> str | None:
    """A customer's reference as a server writes it: text, or a whole number."""
    return str(owner) if isinstance(owner, str | int) and not isinstance(owner, bool) else None
