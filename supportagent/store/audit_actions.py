"""The shop's part of the audit vocabulary. Amounts and ids are kept; contact details only in the erasable
part.
"""

from audit.actions import register

register("store.refund.issued", "Money was given back on an order")
register("store.refund.imported", "A refund of the time before this installation was taken over")
register("store.order.cancelled", "An order was cancelled before it left")
register("store.order.imported", "An order of the time before this installation was taken over")
register("store.account.updated", "A customer's contact details were changed")
register("store.account.billing_updated", "A customer's billing details were changed")
register("store.shop.reset", "The shop's sample data was thrown away, to be written anew")
