from django.db import models

from supportagent.store.models.accounts import Account
from supportagent.store.models.catalogue import Product
from supportagent.store.models.money import currency_constraint, positive_amount_constraint


class OrderQuerySet(models.QuerySet["Order"]):
    def of_customer(self, reference: str) -> "OrderQuerySet":
        """Only this customer's orders; an empty reference (nobody verified) owns nothing."""
        return self.filter(account__reference=reference) if reference else self.none()


class Order(models.Model):
    """One purchase. `revision` rises with every change of status or money."""

    class Status(models.TextChoices):
        PAID = "paid", "Paid, not shipped yet"
        SHIPPED = "shipped", "Shipped"
        DELIVERED = "delivered", "Delivered"
        RETURNED = "returned", "Returned"
        CANCELLED = "cancelled", "Cancelled"

    # A paid order that has not left is cancelled as a whole; money goes back singly only after it left.
    REFUNDABLE = (Status.SHIPPED, Status.DELIVERED, Status.RETURNED)

    order_id = models.CharField(max_length=12, unique=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="orders")
    status = models.CharField(max_length=10, choices=Status, default=Status.PAID, db_index=True)
    revision = models.PositiveIntegerField(default=1)
    currency = models.CharField(max_length=3)
    shipping_minor = models.PositiveBigIntegerField("shipping (minor units)", default=0)
    tax_percent = models.PositiveSmallIntegerField("VAT in the price (%)", default=23)
    placed_at = models.DateTimeField()
    shipped_at = models.DateTimeField(null=True, blank=True)
    expected_on = models.DateField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    returned_at = models.DateTimeField(null=True, blank=True)
    carrier = models.CharField(max_length=40, blank=True)
    tracking = models.CharField(max_length=40, blank=True)
    shipping_address = models.JSONField(
        default=dict, help_text="As it was when the order was placed: line1, line2, city, postcode, country"
    )

    objects = OrderQuerySet.as_manager()

    class Meta:
        ordering = ["-placed_at", "-pk"]
        permissions = [
            ("refund_order", "Can give an order's money back"),
            ("cancel_order", "Can cancel an order that has not left"),
            ("view_invoice", "Can read an order's invoice"),
        ]
        indexes = [models.Index(fields=["account", "-placed_at"], name="store_order_account_placed")]
        constraints = [
            currency_constraint("store_order_currency_iso"),
            models.CheckConstraint(condition=models.Q(tax_percent__lte=99), name="store_order_tax_below_hundred"),
        ]

    def __str__(self) -> str:
        return self.order_id


class OrderItem(models.Model):
    """A line of an order, with the name and price it was sold at."""

    order = models.ForeignKey(Order, on_delete=models.CASCADE, related_name="items")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="+")
    sku = models.CharField("SKU", max_length=32)
    name = models.CharField(max_length=120)
    quantity = models.PositiveSmallIntegerField()
    unit_minor = models.BigIntegerField("unit price (minor units)")

    class Meta:
        ordering = ["pk"]
        constraints = [
            positive_amount_constraint("store_item_quantity_positive", field="quantity"),
            positive_amount_constraint("store_item_price_positive", field="unit_minor"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.name}"


class Cancellation(models.Model):
    """That an order was cancelled: when, by whom, under which idempotency key."""

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="cancellation")
    idempotency_key = models.CharField(max_length=100, unique=True)
    refund = models.OneToOneField(
        "store.Refund", on_delete=models.PROTECT, null=True, blank=True, related_name="cancellation"
    )
    cancelled_at = models.DateTimeField()
    cancelled_by_type = models.CharField(max_length=20)
    cancelled_by_id = models.CharField(max_length=64)

    class Meta:
        ordering = ["-cancelled_at"]

    def __str__(self) -> str:
        return f"Cancellation of {self.order}"
