"""How much of an order's money is where. One place computes it, for reads, facts and refunds alike."""

from dataclasses import dataclass

from django.db.models import QuerySet, Sum

from supportagent.prepared import first, prepared
from supportagent.store.models import Order, Payment, Refund


@dataclass(frozen=True)
class Balance:
    """Minor units of the order's currency. `payment` is the captured one, None when nothing was captured."""

    payment: Payment | None
    captured_minor: int
    refunded_minor: int
    status: str

    @property
    def remaining_minor(self) -> int:
        """Captured and not given back, whatever the order's status."""
        return self.captured_minor - self.refunded_minor

    @property
    def refundable_minor(self) -> int:
        """What a refund may take now: nothing before the order left (cancel it) or after it was cancelled."""
        return self.remaining_minor if self.status in Order.REFUNDABLE else 0


def balance_of(order: Order) -> Balance:
    """Two queries. Exact only while the caller holds the order's row lock; otherwise a snapshot."""
    payment = first(_captured(order.pk))
    refunded = first(_refunded(order.pk)) or 0
    return Balance(
        payment=payment,
        captured_minor=payment.amount_minor if payment else 0,
        refunded_minor=refunded,
        status=order.status,
    )


@prepared
def _captured(order_id: int) -> QuerySet[Payment]:
    return Payment.objects.filter(order=order_id, status=Payment.Status.CAPTURED)[:1]


@prepared
def _refunded(order_id: int) -> QuerySet[Refund, int]:
    refunds = Refund.objects.filter(order=order_id).order_by().values("order")
    return refunds.annotate(total=Sum("amount_minor")).values_list("total", flat=True)
