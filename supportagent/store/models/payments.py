from django.db import models

from supportagent.console.money import format_money
from supportagent.store.models.money import currency_constraint, positive_amount_constraint
from supportagent.store.models.orders import Order


class Payment(models.Model):
    """One attempt to pay an order. Failed attempts stay; at most one was captured."""

    class Status(models.TextChoices):
        CAPTURED = "captured", "Captured"
        FAILED = "failed", "Failed"

    payment_id = models.CharField(max_length=20, unique=True)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments")
    amount_minor = models.BigIntegerField("amount (minor units)")
    currency = models.CharField(max_length=3)
    method = models.CharField(max_length=40, help_text="As people see it, never a full number: card •4242")
    status = models.CharField(max_length=10, choices=Status, default=Status.CAPTURED)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            positive_amount_constraint("store_payment_amount_positive"),
            currency_constraint("store_payment_currency_iso"),
            models.UniqueConstraint(
                fields=["order"],
                condition=models.Q(status="captured"),
                name="store_payment_one_capture_per_order",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payment_id} ({format_money(self.amount_minor, self.currency)})"


class Refund(models.Model):
    """Money given back on the captured payment. The idempotency key makes a repeated call harmless."""

    class Status(models.TextChoices):
        ISSUED = "issued", "Issued, on its way to the customer's bank"
        SETTLED = "settled", "Settled by the bank"

    refund_id = models.CharField(max_length=20, unique=True)
    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="refunds")
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.BigIntegerField("amount (minor units)")
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=10, choices=Status, default=Status.ISSUED)
    idempotency_key = models.CharField(max_length=100, unique=True)
    issued_at = models.DateTimeField()
    issued_by_type = models.CharField(max_length=20)
    issued_by_id = models.CharField(max_length=64)

    class Meta:
        ordering = ["-issued_at", "-pk"]
        constraints = [
            positive_amount_constraint("store_refund_amount_positive"),
            currency_constraint("store_refund_currency_iso"),
        ]

    def __str__(self) -> str:
        return f"{self.refund_id} ({format_money(self.amount_minor, self.currency)})"
