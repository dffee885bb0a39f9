"""The verbs that move money. Each locks the order's row first, so sums are exact and refunds never race."""

import base64
import hashlib

from django.db.models import F, QuerySet
from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor
from supportagent.console.money import format_money
from supportagent.prepared import Change, change, first, insert, prepared
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, require
from supportagent.store.balance import Balance, balance_of
from supportagent.store.errors import CancellationRefused, KeyConflict, NotFound, RefundRefused
from supportagent.store.models import Cancellation, Order, Payment, Refund


def refund_order(
    *, actor: User, customer: str, order_id: str, amount_minor: int, currency: str, idempotency_key: str
) -> Refund:
    """Give money back on the order's captured payment.

    The same key with the same arguments returns the refund that exists. Raises NotFound, RefundRefused,
    KeyConflict, PermissionDenied.
    """
    with audit_log.transaction(savepoint=False):
        require(actor, Permission.REFUND_ORDER, strict=True)
        order = _locked_order(customer=customer, order_id=order_id)
        earlier = first(_refund_under(idempotency_key))
        if earlier:
            return _same(earlier, order=order, amount_minor=amount_minor, currency=currency)
        balance = balance_of(order)
        payment = _checked_payment(order, balance, amount_minor=amount_minor, currency=currency)
        refund = _issue(order, payment, balance, amount_minor=amount_minor, actor=actor, key=idempotency_key)
        _touch(order)
    return refund


def cancel_order(*, actor: User, customer: str, order_id: str, idempotency_key: str) -> Cancellation:
    """Cancel an order that was paid and has not left, and give back all that was captured.

    Raises NotFound, CancellationRefused, KeyConflict, PermissionDenied.
    """
    with audit_log.transaction():
        require(actor, Permission.CANCEL_ORDER, strict=True)
        order = _locked_order(customer=customer, order_id=order_id)
        earlier = Cancellation.objects.filter(idempotency_key=idempotency_key).select_related("order").first()
        if earlier:
            if earlier.order_id != order.pk:
                raise KeyConflict(idempotency_key)
            return earlier
        _check_cancellable(order)
        return _cancel(order, actor=actor, key=idempotency_key)


def _locked_order(*, customer: str, order_id: str) -> Order:
    """Race: two refunds read the same sum. The lock on the order lets the second see the first."""
    order = first(_order_for_update(customer, order_id)) if customer else None
    if order is None:
        raise NotFound(f"this customer has no order {order_id}")
    return order


@prepared
def _order_for_update(customer: str, order_id: str) -> QuerySet[Order]:
    orders = Order.objects.of_customer(customer).select_for_update(of=("self",)).select_related("account")
    return orders.filter(order_id=order_id).order_by()


@prepared
def _refund_under(key: str) -> QuerySet[Refund]:
    return Refund.objects.filter(idempotency_key=key).select_related("payment").order_by()


def _same(earlier: Refund, *, order: Order, amount_minor: int, currency: str) -> Refund:
    if (earlier.order_id, earlier.amount_minor, earlier.currency) != (order.pk, amount_minor, currency):
        raise KeyConflict(earlier.idempotency_key)
    return earlier


def _checked_payment(order: Order, balance: Balance, *, amount_minor: int, currency: str) -> Payment:
    """The captured payment to give back on; raises RefundRefused when this refund may not be."""
    if currency != order.currency:
        raise RefundRefused("currency_mismatch", f"{order} was paid in {order.currency}, not in {currency}")
    if amount_minor <= 0:
        raise RefundRefused("amount_not_positive", "a refund must be at least one minor unit")
    if balance.payment is None:
        raise RefundRefused("nothing_captured", f"no payment of {order} was captured")
    if order.status not in Order.REFUNDABLE:
        hint = "has not been shipped; cancel it instead" if order.status == Order.Status.PAID else "is cancelled"
        raise RefundRefused("not_refundable", f"{order} {hint}")
    if amount_minor > balance.refundable_minor:
        most, asked = (format_money(sum_, currency) for sum_ in (balance.refundable_minor, amount_minor))
        raise RefundRefused("above_refundable", f"{asked} was asked for; at most {most} can be refunded on {order}")
    return balance.payment


def _check_cancellable(order: Order) -> None:
    if order.status == Order.Status.CANCELLED:
        raise CancellationRefused("already_cancelled", f"{order} is already cancelled")
    if order.status != Order.Status.PAID:
        raise CancellationRefused(
            "already_shipped",
            f"{order} is {order.status}; only an order that has not been shipped can be cancelled",
        )


def _issue(order: Order, payment: Payment, balance: Balance, *, amount_minor: int, actor: User, key: str) -> Refund:
    by = Actor.of(actor)
    refund = Refund(
        refund_id=_refund_id(key),
        order=order,
        payment=payment,
        amount_minor=amount_minor,
        currency=order.currency,
        idempotency_key=key,
        issued_at=timezone.now(),
        issued_by_type=by.type,
        issued_by_id=by.id,
    )
    insert(refund)
    customer = order.account.reference
    audit_log.record(
        "store.refund.issued",
        target=("refund", refund.refund_id),
        actor=by,
        on_behalf_of=customer,
        data={
            "amount_minor": amount_minor,
            "currency": order.currency,
            "refunded_minor": balance.refunded_minor + amount_minor,
            "captured_minor": balance.captured_minor,
            "key": key,
        },
        refs=[("order", order.order_id), ("customer", customer), ("payment", payment.payment_id)],
        outcome="issued",
    )
    return refund


def _cancel(order: Order, *, actor: User, key: str) -> Cancellation:
    by, balance, customer = Actor.of(actor), balance_of(order), order.account.reference
    refund = None
    if balance.payment and balance.remaining_minor > 0:
        refund = _issue(order, balance.payment, balance, amount_minor=balance.remaining_minor, actor=actor, key=key)
    cancellation = Cancellation.objects.create(
        order=order,
        idempotency_key=key,
        refund=refund,
        cancelled_at=timezone.now(),
        cancelled_by_type=by.type,
        cancelled_by_id=by.id,
    )
    order.status = Order.Status.CANCELLED
    _touch(order)
    audit_log.record(
        "store.order.cancelled",
        target=("order", order.order_id),
        actor=by,
        on_behalf_of=customer,
        data={"refund_id": refund.refund_id if refund else "", "revision": order.revision, "key": key},
        refs=[("customer", customer), *([("refund", refund.refund_id)] if refund else [])],
        outcome="cancelled",
    )
    return cancellation


def _touch(order: Order) -> None:
    """Whoever approved something on the earlier revision has to look again."""
    _changed(order.pk, order.status)
    order.revision += 1


@prepared
def _changed(order_id: int, status: str) -> Change[Order]:
    return change(Order.objects.filter(pk=order_id), status=status, revision=F("revision") + 1)


def _refund_id(key: str) -> str:
    """Follows from the key, so that it needs no counter row and a repeated call names the same refund."""
    token = base64.b32encode(hashlib.sha256(key.encode()).digest()).decode()[:10]
    return f"RF-{token}"
