"""What a call costs its subject, and that everything together stays within what was captured."""

from typing import Any

from django.db.models import Sum

from agents.loop.refusal import CallRefused
from agents.models import EffectSubject, ToolCall
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


def check_sum(call: ToolCall, facts: dict[str, Any]) -> None:
    """Money on one subject: done + under way + unknown + this must stay within what was captured.

    Race: two runs refund one order at once. Writing the subject's row locks it, so the second sums the first.
    """
    if not _moves_money(call, facts):
        return
    captured, currency = _captured(facts)
    if call.amount_minor is None or not call.subject:
        raise CallRefused("amount_missing", "the call does not say what it gives back on what")
    if call.currency != currency:
        raise CallRefused("currency_mismatch", f"{call.subject} was paid in {currency}, not in {call.currency}")
    EffectSubject.objects.bulk_create(
        [EffectSubject(key=call.subject, currency=currency, captured_minor=captured)],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["captured_minor", "currency"],
    )
    counted = ToolCall.objects.filter(subject=call.subject, state__in=ToolCall.COUNTED).exclude(pk=call.pk)
    total = counted.aggregate(total=Sum("amount_minor"))["total"] or 0
    if total + call.amount_minor > captured:
        raise CallRefused(
            "above_captured",
            f"{total} of {captured} are paid back or under way; {call.amount_minor} more is too much",
        )


def _moves_money(call: ToolCall, facts: dict[str, Any]) -> bool:
    return call.tool is not None and call.tool.impact == Tool.Impact.MONEY and "captured_minor" in facts


def _captured(facts: dict[str, Any]) -> tuple[int, str]:
    captured, currency = facts["captured_minor"], facts.get("currency")
    if type(captured) is not int or not isinstance(currency, str) or len(currency) > 3:
        raise CallRefused("facts_unreadable", "the record does not say what was captured, or in which currency")
    return captured, currency
