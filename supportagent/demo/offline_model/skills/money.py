"""Giving money back, cancelling, returning, exchanging: what a person approves before it happens."""

from __future__ import annotations

import re
from typing import Any

from .. import entities
from ..context import Aim, Moment
from ..desk import CannotHelp, Desk
from ..phrases import day, items_text, money, phrase, plain
from ..transcript import Call
from .knowledge import article_text
from .orders import Order, find_order, line_sum, named_part, status_text
from .refusals import not_done

REFUND = "store__issue_refund"
CANCEL = "store__cancel_order"


def refund(desk: Desk, moment: Moment, aim: Aim) -> str:
    """Ask for a refund of what the customer names, at most what the shop says is refundable."""
    order = find_order(desk, moment, aim, careful=True)
    if int(order.get("refundable_minor") or 0) <= 0:
        return _no_refund(order, moment)
    amount, currency = _sum_to_refund(order, moment, aim)
    _need(desk, REFUND)
    earlier = [c for c in desk.find_calls(REFUND, order_id=order["order_id"]) if c.waiting and not c.fresh]
    if earlier:
        return _still_waiting(earlier[-1])
    waiting = _reference_in_our_words(desk, str(order["order_id"]))
    if waiting:
        return f"A refund for order {order['order_id']} is still with a colleague for approval, reference {waiting}."
    call = desk.request(
        REFUND,
        f"the customer asks for {money(amount, currency)} back on {order['order_id']}; "
        f"{money(order['refundable_minor'], currency)} is refundable",
        order_id=order["order_id"],
        amount_minor=amount,
        currency=currency,
    )
    if call.waiting:
        text = phrase("refund_waiting", moment.language, **_refund_facts(order, amount), reference=call.reference)
        return f"{_asked_too_much(order, moment, aim)}{text}"
    return refund_result(desk, call, moment.language)


def refund_result(desk: Desk, call: Call, language: str) -> str:
    """How a refund call ended, in the customer's words; date and method come from the shop's own records."""
    order_id = str(call.data.get("order_id") or call.arguments.get("order_id") or "")
    amount = call.data.get("amount_minor") or call.arguments.get("amount_minor")
    facts = {
        "sum": money(amount, call.data.get("currency") or call.arguments.get("currency")),
        "order": order_id,
    }
    if not call.done:
        return not_done(call, phrase("refund_refused", language, **facts), language)
    method = plain(call.data.get("method"), 40)
    when = _issued_on(desk, order_id, call.data.get("refund_id"), language)
    return phrase(
        "refund_done",
        language,
        **facts,
        when=phrase("on_date", language, date=when) if when else "",
        method=phrase("to_method", language, method=method) if method else "",
    )


def cancel(desk: Desk, moment: Moment, aim: Aim) -> str:
    """Ask for an order to be cancelled while it has not been shipped."""
    order = find_order(desk, moment, aim, careful=True)
    status, order_id = order.get("status"), str(order["order_id"])
    if status == "cancelled":
        return status_text(order, moment.language)
    if status != "paid":
        text = f"{status_text(order, moment.language, tracked=False)} So it can no longer be cancelled."
        if int(order.get("refundable_minor") or 0) > 0:
            text += f" You can send it back. {_offer_refund(order)}"
        return text
    if not aim.confirmed and named_part(order, f"{aim.text} {aim.background}"):
        offer = phrase(
            "offer_cancel",
            moment.language,
            order=order_id,
            sum=money(order.get("captured_minor"), order.get("currency")),
        )
        return f"Single items cannot be cancelled, only all of order {order_id} ({items_text(order)}). {offer}"
    _need(desk, CANCEL)
    call = desk.request(CANCEL, f"the customer wants {order_id} cancelled; it has not been shipped", order_id=order_id)
    if call.waiting:
        return (
            f"I have asked for order {order_id} ({items_text(order)}) to be cancelled. A colleague has to approve it "
            f"first, so nothing has changed yet. Your reference is {call.reference}; I will write here as soon "
            "as there is a decision."
        )
    return cancel_result(call)


def cancel_result(call: Call) -> str:
    """How a cancellation call ended."""
    order_id = str(call.data.get("order_id") or call.arguments.get("order_id") or "")
    if not call.done:
        return not_done(call, f"The cancellation of order {order_id} was not approved: it stays as it is.", "en")
    refunded = int(call.data.get("refunded_minor") or 0)
    currency = call.data.get("currency")
    back = f" {money(refunded, currency)} was refunded." if refunded and currency else ""
    return f"Order {order_id} was cancelled.{back}"


def undo_cancel(desk: Desk, moment: Moment, aim: Aim) -> str:
    """A cancelled order cannot be brought back with these tools."""
    raise CannotHelp(
        "out_of_policy",
        "the customer wants a cancelled order back",
        "I cannot bring a cancelled order back myself.",
    )


def return_items(desk: Desk, moment: Moment, aim: Aim) -> str:
    """What the shop's policy says about returns, and an offer to ask for the money of the order that is meant."""
    order = find_order(desk, moment, aim, careful=True)
    policy = article_text(desk, "return policy send back", about=("return",))
    if int(order.get("refundable_minor") or 0) <= 0:
        return _no_refund(order, moment)
    return " ".join(
        part for part in (status_text(order, "en", tracked=False), policy, _offer_refund(order, aim.text)) if part
    )


def exchange(desk: Desk, moment: Moment, aim: Aim) -> str:
    """Exchanges need a person: say what the policy says and which order it is about, then hand over."""
    order = find_order(desk, moment, aim, careful=True)
    policy = article_text(desk, "exchange policy size", about=("exchange",))
    raise CannotHelp(
        "cannot_resolve",
        f"the customer wants to change or exchange items of {order['order_id']} ({items_text(order)})",
        " ".join(part for part in (f"You mean order {order['order_id']} ({items_text(order)}).", policy,
                                   "I cannot arrange an exchange myself.") if part),
    )  # fmt: skip


def _need(desk: Desk, tool: str) -> None:
    if not desk.offers(tool):
        wish = tool.partition("__")[2].replace("_", " ")
        raise CannotHelp("cannot_resolve", f"{wish} is needed, which this agent has no tool for")


def _no_refund(order: Order, moment: Moment) -> str:
    currency = order.get("currency")
    if order.get("status") == "paid":
        offer = phrase(
            "offer_cancel",
            moment.language,
            order=order["order_id"],
            sum=money(order.get("captured_minor"), currency),
        )
        return f"{status_text(order, moment.language)} {offer}"
    return phrase(
        "nothing_left",
        moment.language,
        order=order["order_id"],
        items=items_text(order),
        refunded=money(order.get("refunded_minor"), currency),
        captured=money(order.get("captured_minor"), currency),
    )


def _sum_to_refund(order: Order, moment: Moment, aim: Aim) -> tuple[int, str]:
    """The sum asked for: named by the customer, offered by us before, that of the named items, or all that is left.
    Never more than the refundable sum; a sum in a foreign currency is not converted, the items decide."""
    most, currency = int(order["refundable_minor"]), str(order["currency"])
    offered = entities.named_sum(aim.background) if aim.confirmed else None
    named = entities.named_sum(aim.text) or offered
    if named and named[1] == currency and named[0] > 0:
        return min(named[0], most), currency
    lines = named_part(order, f"{aim.text} {aim.background}")
    return (min(line_sum(lines), most) if lines else most), currency


def _asked_too_much(order: Order, moment: Moment, aim: Aim) -> str:
    named = entities.named_sum(aim.text)
    most, currency = int(order["refundable_minor"]), str(order["currency"])
    if moment.language != "en" or named is None or named[1] != currency or named[0] <= most:
        return ""
    return f"The most that can be refunded on this order is {money(most, currency)}. "


def _offer_refund(order: Order, text: str = "") -> str:
    lines, most = named_part(order, text), int(order["refundable_minor"])
    amount = min(line_sum(lines), most) if lines else most
    return f"Shall I ask for a refund of {money(amount, order.get('currency'))} for order {order['order_id']}?"


def _refund_facts(order: Order, amount: int) -> dict[str, Any]:
    return {"sum": money(amount, order["currency"]), "order": order["order_id"], "items": items_text(order)}


def _still_waiting(call: Call) -> str:
    amount = money(call.arguments.get("amount_minor"), call.arguments.get("currency"))
    return (
        f"The refund of {amount} for order {call.arguments['order_id']} is still with a colleague for approval, "
        f"reference {call.reference}. No money has moved yet."
    )


def _reference_in_our_words(desk: Desk, order_id: str) -> str:
    """The reference of a refund that we said is waiting, when nothing later told how it ended. Calls of an earlier
    run may be missing from the transcript, our words are not."""
    reference = ""
    for words in desk.transcript.ours:
        found = re.search(r"\bR-\d+\b", words)
        if order_id in words:
            reference = found.group(0) if found else ""
    return reference


def _issued_on(desk: Desk, order_id: str, refund_id: Any, language: str) -> str:
    if not refund_id or not order_id or not desk.offers("store__list_payments"):
        return ""
    try:
        data = desk.read("store__list_payments", f"read back the refund {refund_id}", order_id=order_id)
    except CannotHelp:
        return ""
    found = [r for r in data.get("refunds") or () if r.get("refund_id") == refund_id]
    return day(found[0].get("issued_on"), language) if found else ""
