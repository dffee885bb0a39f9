"""Whether what a reply states about orders and money stands in the database."""

from __future__ import annotations

import re
from collections.abc import Iterable

from supportagent.store import reads
from supportagent.store.balance import balance_of
from supportagent.store.models import Order, Payment, Refund

_ORDER = re.compile(r"\bORD-\d{4,8}\b")
_SUM = re.compile(r"\b([A-Z]{3}) (\d+)\.(\d{2})\b")
_NOT_FOUND = re.compile(r"cannot find an order (ORD-\d{4,8})")
_STATED_STATUS: dict[str, str] = {
    "has not left us yet": Order.Status.PAID,
    "is on its way": Order.Status.SHIPPED,
    "was delivered on": Order.Status.DELIVERED,
    "shows as returned": Order.Status.RETURNED,
    "shows as cancelled": Order.Status.CANCELLED,
}
_LISTED = re.compile(r"^\d+\. (ORD-\d{4,8}), [^,:]+, (\w+):", re.M)


def wrong_facts(reply: str, customer: str) -> list[str]:
    """One line for each order, status or sum in a reply that is not the customer's own in the shop's records."""
    orders = {order.order_id: order for order in Order.objects.of_customer(customer).prefetch_related("items")}
    missing = set(_NOT_FOUND.findall(reply))
    named = set(_ORDER.findall(reply)) - missing
    wrong = [f"{order_id} is not an order of this customer" for order_id in sorted(named - set(orders))]
    wrong += [f"{order_id} exists, but the reply denies it" for order_id in sorted(missing & set(orders))]
    wrong += [
        f"{order_id} is {orders[order_id].status}, not {status}"
        for order_id, status in _stated_statuses(reply)
        if order_id in orders and orders[order_id].status != status
    ]
    known = _sums(orders.values())
    return wrong + [f"{code} {whole}.{cents} stands in no record" for code, whole, cents in _SUM.findall(reply)
                    if (code, int(whole) * 100 + int(cents)) not in known]  # fmt: skip


def _stated_statuses(reply: str) -> Iterable[tuple[str, str]]:
    yield from _LISTED.findall(reply)
    for sentence in re.split(r"(?<=[.!?])\s+|\n", reply):
        found = _ORDER.search(sentence)
        for words, status in _STATED_STATUS.items():
            if found and words in sentence:
                yield found.group(), status


def _sums(orders: Iterable[Order]) -> set[tuple[str, int]]:
    """Every sum that may be said about these orders: totals, lines, payments, refunds and what is left."""
    known: set[tuple[str, int]] = set()
    for order in orders:
        balance = balance_of(order)
        items = list(order.items.all())
        sums = [
            reads.total_minor(order, items),
            balance.captured_minor,
            balance.refunded_minor,
            balance.refundable_minor,
        ]
        sums += [item.quantity * item.unit_minor for item in items]
        sums += Payment.objects.filter(order=order).values_list("amount_minor", flat=True)
        sums += Refund.objects.filter(order=order).values_list("amount_minor", flat=True)
        sums += _invoice_sums(order, items)
        known |= {(order.currency, amount) for amount in sums}
    return known


def _invoice_sums(order: Order, items: list) -> list[int]:
    """Net and tax, as an invoice splits the total of prices that contain VAT."""
    total = reads.total_minor(order, items)
    tax = (2 * total * order.tax_percent + 100 + order.tax_percent) // (2 * (100 + order.tax_percent))
    return [total - tax, tax]
