"""What audit_verify asks of the shop: no money without an entry."""

from collections.abc import Iterator

from audit.verification import register_state_check
from supportagent.store.models import Cancellation, Refund

# Rows from before this installation carry such a key, and an import entry in place of the verb's own.
IMPORT_KEY_PREFIX = "import."
Expected = tuple[str, str, str, str]


def refunds() -> Iterator[Expected]:
    for refund_id, key in Refund.objects.values_list("refund_id", "idempotency_key").iterator():
        action = "store.refund.imported" if key.startswith(IMPORT_KEY_PREFIX) else "store.refund.issued"
        yield f"refund {refund_id}", "refund", refund_id, action


def cancellations() -> Iterator[Expected]:
    rows = Cancellation.objects.values_list("order__order_id", "idempotency_key")
    for order_id, key in rows.iterator():
        action = "store.order.imported" if key.startswith(IMPORT_KEY_PREFIX) else "store.order.cancelled"
        yield f"cancelled order {order_id}", "order", order_id, action


def register() -> None:
    register_state_check("store.refunds", refunds)
    register_state_check("store.cancellations", cancellations)
