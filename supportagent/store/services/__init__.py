"""The shop's verbs. Each is one durable transaction that checks the actor's permission, locks, acts and
records.
"""

from supportagent.store.services.accounts import update_account, update_billing
from supportagent.store.services.money import cancel_order, refund_order

__all__ = ["cancel_order", "refund_order", "update_account", "update_billing"]
