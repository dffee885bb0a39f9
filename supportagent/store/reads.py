"""What the shop tells about a customer: plain data for tools, cut to what the actor's role may see.

Every function takes the customer whom the caller is bound to, and never finds another customer's record.
Instants are given as dates (UTC): nobody needs the second, and a date is the same in every test run.
Fields a role may not see are left out and named in `withheld`, so that a reader knows they exist.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

from django.db.models import Count, QuerySet

from supportagent.prepared import first, prepared
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, has, require
from supportagent.store.balance import balance_of
from supportagent.store.errors import NotFound
from supportagent.store.models import Account, Order, OrderItem, Payment, Refund

MAX_ORDERS = 20
MAX_PAYMENTS = 50
Data = dict[str, Any]


def customer(*, actor: User, customer: str) -> Data:
    require(actor, Permission.VIEW_ACCOUNT)
    account = find_account(customer)
    contact = {"email": account.email, "phone": account.phone, "address": account.address}
    data = _with(
        {"reference": account.reference, "name": account.name},
        contact,
        allowed=has(actor, Permission.VIEW_PII),
    )
    return _with(data, billing(account), allowed=has(actor, Permission.VIEW_PAYMENT))


def orders(*, actor: User, customer: str) -> Data:
    """Newest first, at most 20."""
    require(actor, Permission.VIEW_ORDER)
    found = orders_of(customer).prefetch_related("items")[:MAX_ORDERS]
    return {"orders": [_summary(order) for order in found]}


def order(*, actor: User, customer: str, order_id: str) -> Data:
    require(actor, Permission.VIEW_ORDER)
    found = find_order(customer, order_id)
    balance = balance_of(found)
    data = _summary(found) | {
        "revision": found.revision,
        "shipped_on": day(found.shipped_at),
        "delivered_on": day(found.delivered_at),
        "returned_on": day(found.returned_at),
        "expected_on": day(found.expected_on),
        "carrier": found.carrier,
        "tracking": found.tracking,
        "shipping_minor": found.shipping_minor,
        "captured_minor": balance.captured_minor,
        "refunded_minor": balance.refunded_minor,
        "refundable_minor": balance.refundable_minor,
        "shipping_address": found.shipping_address,
    }
    method = {"payment_method": balance.payment.method if balance.payment else ""}
    return _with(data, method, allowed=has(actor, Permission.VIEW_PAYMENT))


def payments(*, actor: User, customer: str, order_id: str | None = None) -> Data:
    """Attempts to pay and refunds, newest first, of one order or of all of the customer's."""
    require(actor, Permission.VIEW_PAYMENT)
    of = [find_order(customer, order_id)] if order_id else orders_of(customer)
    paid = Payment.objects.filter(order__in=of).select_related("order")[:MAX_PAYMENTS]
    given_back = Refund.objects.filter(order__in=of).select_related("order")[:MAX_PAYMENTS]
    return {
        "payments": [_payment(payment) for payment in paid],
        "refunds": [_refund(refund) for refund in given_back],
    }


def invoice(*, actor: User, customer: str, order_id: str) -> Data:
    """Prices contain VAT, so the tax is taken out of the total, rounded half up to the minor unit."""
    require(actor, Permission.VIEW_INVOICE)
    found = find_order(customer, order_id)
    lines = [{**_item(item), "line_minor": item.quantity * item.unit_minor} for item in found.items.all()]
    total = total_minor(found, found.items.all())
    tax = (2 * total * found.tax_percent + 100 + found.tax_percent) // (2 * (100 + found.tax_percent))
    return {
        "invoice_number": f"INV-{found.order_id.removeprefix('ORD-')}",
        "order_id": found.order_id,
        "issued_on": day(found.placed_at),
        "currency": found.currency,
        "lines": lines,
        "shipping_minor": found.shipping_minor,
        "tax_percent": found.tax_percent,
        "net_minor": total - tax,
        "tax_minor": tax,
        "total_minor": total,
    }


def order_facts(*, actor: User, customer: str, order_id: str) -> Data:
    """What a decision about this order rests on. Goes to the approver's card, never to the model."""
    require(actor, Permission.VIEW_ORDER)
    found = find_order(customer, order_id)
    balance = balance_of(found)
    return {
        "order_id": found.order_id,
        "customer": customer,
        "status": found.status,
        "revision": found.revision,
        "currency": found.currency,
        "captured_minor": balance.captured_minor,
        "refunded_minor": balance.refunded_minor,
        "refundable_minor": balance.refundable_minor,
        "payment_method": balance.payment.method if balance.payment else "",
        "prior_refunds": first(_refunds_to(customer)) or 0,
    }


def account_facts(*, actor: User, customer: str) -> Data:
    """What a decision about this account rests on. Goes to the approver's card, never to the model."""
    require(actor, Permission.VIEW_ACCOUNT)
    account = find_account(customer)
    return {
        "reference": account.reference,
        "revision": account.revision,
        "email": account.email,
        "phone": account.phone,
        "address": account.address,
    } | billing(account)


def find_account(reference: str) -> Account:
    account = first(_account(reference)) if reference else None
    if account is None:
        raise NotFound("this customer has no account with the shop")
    return account


def orders_of(reference: str) -> QuerySet[Order]:
    return Order.objects.of_customer(reference)


def find_order(reference: str, order_id: str) -> Order:
    found = first(_order(reference, order_id)) if reference else None
    if found is None:
        raise NotFound(f"this customer has no order {order_id}")
    return found


@prepared
def _account(reference: str) -> QuerySet[Account]:
    return Account.objects.filter(reference=reference).order_by()


@prepared
def _order(reference: str, order_id: str) -> QuerySet[Order]:
    return Order.objects.of_customer(reference).filter(order_id=order_id).order_by()


@prepared
def _refunds_to(reference: str) -> QuerySet[Refund, int]:
    refunds = Refund.objects.filter(order__account__reference=reference).order_by().values("order__account")
    return refunds.annotate(number=Count("pk")).values_list("number", flat=True)


def billing(account: Account) -> Data:
    details = {"name": account.billing_name, "address": account.billing_address, "vat_id": account.vat_id}
    return {"billing": details}


def total_minor(order: Order, items: Iterable[OrderItem]) -> int:
    return sum(item.quantity * item.unit_minor for item in items) + order.shipping_minor


def day(moment: datetime | date | None) -> str | None:
    if isinstance(moment, datetime):
        moment = moment.date()
    return moment.isoformat() if moment else None


def _summary(order: Order) -> Data:
    items = list(order.items.all())
    return {
        "order_id": order.order_id,
        "placed_on": day(order.placed_at),
        "status": order.status,
        "currency": order.currency,
        "total_minor": total_minor(order, items),
        "items": [_item(item) for item in items],
    }


def _item(item: OrderItem) -> Data:
    return {"sku": item.sku, "name": item.name, "quantity": item.quantity, "unit_minor": item.unit_minor}


def _payment(payment: Payment) -> Data:
    return {
        "payment_id": payment.payment_id,
        "order_id": payment.order.order_id,
        "amount_minor": payment.amount_minor,
        "currency": payment.currency,
        "method": payment.method,
        "status": payment.status,
        "captured_on": day(payment.created_at) if payment.status == Payment.Status.CAPTURED else None,
    }


def _refund(refund: Refund) -> Data:
    return {
        "refund_id": refund.refund_id,
        "order_id": refund.order.order_id,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "status": refund.status,
        "issued_on": day(refund.issued_at),
    }


def _with(data: Data, sensitive: Data, *, allowed: bool) -> Data:
    if allowed:
        return data | sensitive
    return data | {"withheld": sorted([*data.get("withheld", []), *sensitive])}
