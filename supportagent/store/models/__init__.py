"""The reference shop: what a real commerce backend behind the console would hold."""

from supportagent.store.models.accounts import Account
from supportagent.store.models.catalogue import Product
from supportagent.store.models.orders import Cancellation, Order, OrderItem
from supportagent.store.models.payments import Payment, Refund

__all__ = ["Account", "Cancellation", "Order", "OrderItem", "Payment", "Product", "Refund"]
