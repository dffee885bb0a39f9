"""What a call costs its subject, and that everything together stays within what was captured."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum

from agents.loop.refusal import CallRefused
from agents.models import EffectSubject, ToolCall
from supportagent.prepared import Change, change, first, prepared
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

    Race: two runs refund one order at once. The caller has locked the subject's row, so the second sums the first.
    """
    if not _moves_money(call, facts):
        return
    captured, currency = _captured(facts)
    if call.amount_minor is None or not call.subject:
        raise CallRefused("amount_missing", "the call does not say what it gives back on what")
    if call.currency != currency:
        raise CallRefused("currency_mismatch", f"{call.subject} was paid in {currency}, not in {call.currency}")
    _note_captured(call.subject, captured, currency)
    total = first(_under_way(call.subject, call.pk)) or 0
    if total + call.amount_minor > captured:
        raise CallRefused(
            "above_captured",
            f"{total} of {captured} are paid back or under way; {call.amount_minor} more is too much",
        )


@prepared
def _note_captured(subject: str, captured: int, currency: str) -> Change[EffectSubject]:
    return change(EffectSubject.objects.filter(key=subject), captured_minor=captured, currency=currency)


@prepared
def _under_way(subject: str, call_id: UUID) -> QuerySet[ToolCall, int | None]:
    """What the other calls on a subject gave back, or may give back."""
    counted = ToolCall.objects.filter(subject=subject, state__in=ToolCall.COUNTED).exclude(pk=call_id)
    return counted.order_by().values("subject").annotate(total=Sum("amount_minor")).values_list("total", flat=True)


def _moves_money(call: ToolCall, facts: dict[str, Any]) -> bool:
    return call.tool is not None and call.tool.impact == Tool.Impact.MONEY and "captured_minor" in facts


def _captured(facts: dict[str, Any]) -> tuple[int, str]:
    captured, currency = facts["captured_minor"], facts.get("currency")
    if type(captured) is not int or not isinstance(currency, str) or len(currency) > 3:
        raise CallRefused("facts_unreadable", "the record does not say what was captured, or in which currency")
    return captured, currency
