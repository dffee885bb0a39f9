"""Catalogue, accounts and orders as a shop would have them, each order with its audit entry."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from audit import log as audit_log
from audit.context import Actor
from supportagent.demo.seed_data.catalogue import PRODUCTS
from supportagent.demo.seed_data.orders import ORDERS, SeedOrder
from supportagent.demo.seed_data.people import CUSTOMERS, SAMPLE_CUSTOMERS, SeedCustomer
from supportagent.store.models import Account, Cancellation, Order, OrderItem, Payment, Product, Refund
from supportagent.store.state_checks import IMPORT_KEY_PREFIX

IMPORTER = Actor.system("seed")
BY_REFERENCE = {customer.reference: customer for customer in (*CUSTOMERS, *SAMPLE_CUSTOMERS)}
SETTLED_AFTER = 7  # days until the bank has confirmed a refund


def write_shop(now: datetime) -> int:
    """Write what is missing and return how many orders that was. Call inside `audit.transaction()`."""
    Product.objects.bulk_create([Product(**product._asdict()) for product in PRODUCTS], ignore_conflicts=True)
    write_accounts(CUSTOMERS, now)
    known = set(Order.objects.values_list("order_id", flat=True))
    missing = [seed for seed in ORDERS if seed.order_id not in known]
    write_orders(missing, now)
    return len(missing)


def write_accounts(customers: Iterable[SeedCustomer], now: datetime) -> None:
    """Write those that are missing."""
    Account.objects.bulk_create([_account(customer, now) for customer in customers], ignore_conflicts=True)


def shipped_at(seed: SeedOrder, now: datetime) -> datetime | None:
    return None if seed.status in ("paid", "cancelled") else placed_at(seed, now) + timedelta(days=1, hours=2)


def delivered_at(seed: SeedOrder, now: datetime) -> datetime | None:
    if seed.status not in ("delivered", "returned"):
        return None
    return placed_at(seed, now) + timedelta(days=3 + int(seed.order_id[-1]) % 3, hours=4)


def placed_at(seed: SeedOrder, now: datetime) -> datetime:
    """A minute of its own for every order, never in the future, the same for the same `now`."""
    minutes = int(seed.order_id.removeprefix("ORD-")) % 47
    return now - timedelta(days=seed.days_ago, hours=2, minutes=minutes)


def tracking_of(seed: SeedOrder) -> str:
    """Looks like a carrier's number and never changes for an order."""
    customer, number = BY_REFERENCE[seed.customer], int(seed.order_id.removeprefix("ORD-"))
    return f"{customer.carrier[:3].upper()}{number * 7919 % 10_000_000:07d}{customer.country}"


def order_total(seed: SeedOrder) -> int:
    prices = {product.sku: product.price_minor for product in PRODUCTS}
    return sum(prices[sku] * quantity for sku, quantity in seed.items) + seed.shipping_minor


def _account(customer: SeedCustomer, now: datetime) -> Account:
    address = {name: getattr(customer, name) for name in ("line1", "line2", "city", "postcode", "country")}
    return Account(
        reference=customer.reference,
        name=customer.name,
        email=customer.email,
        phone=customer.phone,
        billing_name=customer.billing_name,
        vat_id=customer.vat_id,
        created_at=now - timedelta(days=400),
        **{f"address_{part}": value for part, value in address.items()},
        **{f"billing_{part}": value for part, value in address.items()},
    )


def write_orders(seeds: list[SeedOrder], now: datetime) -> None:
    accounts = {account.reference: account for account in Account.objects.filter(reference__in=BY_REFERENCE)}
    products = {product.sku: product for product in Product.objects.all()}
    orders = Order.objects.bulk_create([_order(seed, accounts[seed.customer], now) for seed in seeds])
    pairs = list(zip(seeds, orders, strict=True))
    OrderItem.objects.bulk_create(
        [_item(order, products[sku], quantity) for seed, order in pairs for sku, quantity in seed.items]
    )
    Payment.objects.bulk_create([payment for seed, order in pairs for payment in _payments(seed, order)])
    captured = {payment.order_id: payment for payment in Payment.objects.filter(status="captured")}
    refunds = Refund.objects.bulk_create(
        [refund for seed, order in pairs for refund in _refunds(seed, order, captured[order.pk], now)]
    )
    refund_of = {refund.order_id: refund for refund in refunds}
    Cancellation.objects.bulk_create(
        [_cancellation(order, refund_of[order.pk]) for seed, order in pairs if seed.status == "cancelled"]
    )
    for seed, order in pairs:
        _record(seed, order)
    for refund in refunds:
        _record_refund(refund)


def _order(seed: SeedOrder, account: Account, now: datetime) -> Order:
    customer, shipped, delivered = BY_REFERENCE[seed.customer], shipped_at(seed, now), delivered_at(seed, now)
    return Order(
        order_id=seed.order_id,
        account=account,
        status=seed.status,
        revision=1 + len(seed.refunds) + bool(shipped) + bool(delivered) + (seed.status == "returned"),
        currency=customer.currency,
        shipping_minor=seed.shipping_minor,
        tax_percent=customer.tax_percent,
        placed_at=placed_at(seed, now),
        shipped_at=shipped,
        expected_on=None if seed.status == "cancelled" else (placed_at(seed, now) + timedelta(days=5)).date(),
        delivered_at=delivered,
        returned_at=delivered + timedelta(days=10) if delivered and seed.status == "returned" else None,
        carrier=customer.carrier if shipped else "",
        tracking=tracking_of(seed) if shipped else "",
        shipping_address=account.address,
    )


def _item(order: Order, product: Product, quantity: int) -> OrderItem:
    return OrderItem(
        order=order,
        product=product,
        sku=product.sku,
        name=product.name,
        quantity=quantity,
        unit_minor=product.price_minor,
    )


def _payments(seed: SeedOrder, order: Order) -> list[Payment]:
    number = seed.order_id.removeprefix("ORD-")
    shared = {"order": order, "amount_minor": order_total(seed), "currency": order.currency}
    captured = Payment(
        payment_id=f"PAY-{number}",
        method=BY_REFERENCE[seed.customer].method,
        created_at=order.placed_at,
        **shared,
    )
    if not seed.failed:
        return [captured]
    earlier = order.placed_at - timedelta(minutes=4)
    failed = Payment(
        payment_id=f"PAY-{number}-F",
        method=seed.failed,
        status=Payment.Status.FAILED,
        created_at=earlier,
        **shared,
    )
    return [failed, captured]


def _refunds(seed: SeedOrder, order: Order, payment: Payment, now: datetime) -> list[Refund]:
    number = seed.order_id.removeprefix("ORD-")
    return [
        Refund(
            refund_id=f"RF-{number}-{index}",
            order=order,
            payment=payment,
            amount_minor=amount,
            currency=order.currency,
            status=Refund.Status.SETTLED if days_ago > SETTLED_AFTER else Refund.Status.ISSUED,
            idempotency_key=f"{IMPORT_KEY_PREFIX}{number}.{index}",
            issued_at=max(now - timedelta(days=days_ago, hours=1), order.placed_at + timedelta(minutes=20)),
            issued_by_type=IMPORTER.type,
            issued_by_id=IMPORTER.id,
        )
        for index, (amount, days_ago) in enumerate(seed.refunds, start=1)
    ]


def _cancellation(order: Order, refund: Refund) -> Cancellation:
    return Cancellation(
        order=order,
        refund=refund,
        idempotency_key=refund.idempotency_key,
        cancelled_at=refund.issued_at,
        cancelled_by_type=IMPORTER.type,
        cancelled_by_id=IMPORTER.id,
    )


def _record(seed: SeedOrder, order: Order) -> None:
    audit_log.record(
        "store.order.imported",
        target=("order", order.order_id),
        actor=IMPORTER,
        on_behalf_of=seed.customer,
        data={"status": seed.status, "captured_minor": order_total(seed), "currency": order.currency},
        outcome="imported",
    )


def _record_refund(refund: Refund) -> None:
    audit_log.record(
        "store.refund.imported",
        target=("refund", refund.refund_id),
        actor=IMPORTER,
        on_behalf_of=refund.order.account.reference,
        data={"amount_minor": refund.amount_minor, "currency": refund.currency},
        refs=[("order", refund.order.order_id)],
        outcome="imported",
    )
