"""What was paid and how, and invoices. Changing how an order is paid is for a person."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..context import Aim, Moment
from ..desk import CannotHelp, Desk
from ..phrases import day, items_text, money, phrase, plain
from .knowledge import article_text
from .orders import find_order


def payment_question(desk: Desk, moment: Moment, aim: Aim) -> str:
    """Which payments are on record for the order that is meant; a double charge goes to a person."""
    low = aim.text.lower()
    if re.search(r"\b(?:gift card|store credit|voucher|coupon|promo|discount)\b", low):
        return _gift_card(desk, low)
    order = find_order(desk, moment, aim, careful=False)
    order_id = str(order["order_id"])
    data = desk.read("store__list_payments", f"see what was paid for {order_id}", order_id=order_id)
    captured = [p for p in data.get("payments") or () if p.get("status") == "captured"]
    if re.search(r"\b(?:twice|double|two times|again)\b", low) and len(captured) > 1:
        raise CannotHelp(
            "out_of_policy",
            f"{order_id} shows {len(captured)} captured payments",
            _payments(order_id, captured),
        )
    text = f"Order {order_id} ({items_text(order)}): {_payments(order_id, captured)}"
    refunds = data.get("refunds") or ()
    if refunds:
        text += " " + " ".join(_refund(refund) for refund in refunds[:3])
    if re.search(r"\b(?:twice|double|overcharg|wrong|too much)", low):
        text += f" {phrase('offer_person')}"
    return text


def payment_method(desk: Desk, moment: Moment, aim: Aim) -> str:
    """Splitting a payment or paying with something else after the fact."""
    raise CannotHelp(
        "cannot_resolve",
        "the customer wants to pay an order in another way",
        "I cannot change how an order is paid myself.",
    )


def invoice(desk: Desk, moment: Moment, aim: Aim) -> str:
    """The figures of an order's invoice."""
    order = find_order(desk, moment, aim, careful=False)
    data = desk.read("store__get_invoice", f"read the invoice of {order['order_id']}", order_id=order["order_id"])
    if not data:
        raise CannotHelp("cannot_resolve", f"no invoice found for {order['order_id']}")
    currency = data.get("currency")
    return (
        f"The invoice for order {order['order_id']} is {plain(data.get('invoice_number'), 40)}: "
        f"{money(data.get('net_minor'), currency)} net, {money(data.get('tax_minor'), currency)} tax, "
        f"{money(data.get('total_minor'), currency)} in total."
    )


def _gift_card(desk: Desk, text: str) -> str:
    answer = article_text(desk, "gift card balance voucher", about=("gift", "voucher"))
    raise CannotHelp(
        "cannot_resolve",
        "a question on gift cards or vouchers, which no tool reads",
        " ".join(part for part in (answer, "I cannot look into gift cards or vouchers myself.") if part),
    )


def _payments(order_id: str, captured: Sequence[Mapping[str, Any]]) -> str:
    if not captured:
        return "no payment was taken."
    paid = [
        f"{money(p.get('amount_minor'), p.get('currency'))} by {plain(p.get('method'), 40)}"
        f" on {day(p.get('captured_on'))}"
        for p in captured[:4]
    ]
    return f"{len(captured)} payment{'s' if len(captured) > 1 else ''} on record: {'; '.join(paid)}."


def _refund(refund: Mapping[str, Any]) -> str:
    return (
        f"{money(refund.get('amount_minor'), refund.get('currency'))} was refunded on {day(refund.get('issued_on'))}."
    )
