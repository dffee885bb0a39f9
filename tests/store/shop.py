"""A small shop for tests: Ana and Ben, and orders made to measure."""

from datetime import UTC, datetime, timedelta

from supportagent.store.models import Account, Order, OrderItem, Payment, Product

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
ADDRESS = {
    "line1": "Rua das Flores 12",
    "line2": "",
    "city": "Lisboa",
    "postcode": "1200-195",
    "country": "PT",
}


def make_account(reference: str, name: str) -> Account:
    first, last = name.lower().split()
    columns = {f"{prefix}_{part}": value for prefix in ("address", "billing") for part, value in ADDRESS.items()}
    return Account.objects.create(
        reference=reference,
        name=name,
        email=f"{first}.{last}@example.com",
        phone="+351 910 000 101",
        billing_name=name,
        created_at=NOW,
        **columns,
    )


def make_order(
    account: Account,
    order_id: str = "ORD-1042",
    *,
    status: str = "delivered",
    currency: str = "EUR",
    captured: bool = True,
) -> Order:
    """An order of 84.00 (two sets at 42.00), captured on one card unless told otherwise."""
    product, _ = Product.objects.get_or_create(
        sku="COF-TIDE", defaults={"name": "Tide set", "category": "coffee", "price_minor": 4200}
    )
    order = Order.objects.create(
        order_id=order_id,
        account=account,
        status=status,
        currency=currency,
        tax_percent=20,
        placed_at=NOW,
        shipped_at=None if status in ("paid", "cancelled") else NOW + timedelta(days=1),
        shipping_address=ADDRESS,
    )
    OrderItem.objects.create(
        order=order, product=product, sku=product.sku, name=product.name, quantity=2, unit_minor=4200
    )
    Payment.objects.create(
        payment_id=f"PAY-{order_id[4:]}",
        order=order,
        amount_minor=8400,
        currency=currency,
        method="card •4242",
        status="captured" if captured else "failed",
        created_at=NOW,
    )
    return order
