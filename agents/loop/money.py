"""What a call costs its subject, and that everything together stays within what was captured."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from agents.loop.refusal import CallRefused
from agents.models import ToolCall
from supportagent.tools.models import Tool


def settle_amount(call: ToolCall, facts: dict[str, Any]) -> None:
    """A call that names no amount, a cancellation, gives back all that is left. Raises CallRefused."""
    if not _moves_money(call, facts) or call.tool is None or call.tool.amount_argument:
        return
    captured, currency = _captured(facts)
    refunded = facts.get("refunded_minor")
    if type(refunded) is not int:
        raise CallRefused("facts_unreadable", "the record does not say what was paid back")
    call.amount_minor, call.currency = captured - refunded, currency


def captured(cases: Iterable[tuple[ToolCall, dict[str, Any]]]) -> dict[str, tuple[int, str]]:
    """What the facts say was captured on the subjects of these calls, where they move money and say it readably."""
    found = {}
    for call, facts in cases:
        if call.subject and _moves_money(call, facts):
            with suppress(CallRefused):
                found[call.subject] = _captured(facts)
    return found


def check_sum(call: ToolCall, facts: dict[str, Any], *, given_back: int) -> None:
    """Money on one subject: done + under way + unknown + this must stay within what was captured.

    `given_back` is what the other calls on the subject gave back, or may give back.
    """
    if not _moves_money(call, facts):
        return
    captured, currency = _captured(facts)
    if call.amount_minor is None or not call.subject:
        raise CallRefused("amount_missing", "the call does not say what it gives back on what")
    if call.currency != currency:
        raise CallRefused("currency_mismatch", f"{call.subject} was paid in {currency}, not in {call.currency}")
    if given_back + call.amount_minor > captured:
        raise CallRefused(
            "above_captured",
            f"{given_back} of {captured} are paid back or under way; {call.amount_minor} more is too much",
        )


def _moves_money(call: ToolCall, facts: dict[str, Any]) -> bool:
    return call.tool is not None and call.tool.impact == Tool.Impact.MONEY and "captured_minor" in facts


def _captured(facts: dict[str, Any]) -> tuple[int, str]:
    captured, currency = facts["captured_minor"], facts.get("currency")
    if type(captured) is not int or not isinstance(currency, str) or len(currency) > 3:
        raise CallRefused("facts_unreadable", "the record does not say what was captured, or in which currency")
    return captured, currency
