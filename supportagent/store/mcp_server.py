"""The shop's tools, the only door through which agents reach it. All are bound to the grant's customer."""

from collections.abc import Mapping
from typing import Any

from supportagent.grants.server import CallContext, DomainServer, Result
from supportagent.store import reads, services
from supportagent.store.balance import balance_of

server = DomainServer("store", title="Shop orders, payments and accounts")

ORDER_ID = {
    "type": "string",
    "pattern": "^ORD-[0-9]{4,8}$",
    "maxLength": 12,
    "description": "The order's id as the shop writes it, for example ORD-1042.",
}
ADDRESS = {
    "type": "object",
    "description": "The whole postal address; it replaces the one on file.",
    "properties": {
        "line1": {"type": "string", "minLength": 1, "maxLength": 120, "description": "Street and number."},
        "line2": {
            "type": "string",
            "maxLength": 120,
            "description": "Flat, floor, company; may be left out.",
        },
        "city": {"type": "string", "minLength": 1, "maxLength": 80},
        "postcode": {"type": "string", "pattern": "^[0-9A-Za-z][0-9A-Za-z -]{1,15}$", "maxLength": 16},
        "country": {
            "type": "string",
            "pattern": "^[A-Z]{2}$",
            "description": "ISO 3166 code, for example PT.",
        },
    },
    "required": ["line1", "city", "postcode", "country"],
    "additionalProperties": False,
}


def _schema(
    properties: Mapping[str, Any], *, required: tuple[str, ...] = (), at_least_one: bool = False
) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "object",
        "properties": dict(properties),
        "required": list(required),
        "additionalProperties": False,
    }
    return schema | ({"minProperties": 1} if at_least_one else {})


@server.tool(effect="READ", permission="store.view_account", schema=_schema({}), requires_verified=True)
def get_customer(call: CallContext) -> Result:
    """Read the contact details of the customer you are talking to: name, e-mail, phone, address, billing
    details.

    Takes no arguments: it is always the verified customer of this conversation. Details that your role may
    not see are left out and named under `withheld`. Use it before changing a detail, to see what is on file.
    """
    data = reads.customer(actor=call.actor, customer=call.customer)
    return Result(data, [f"account:{call.customer}"])


@server.tool(effect="READ", permission="store.view_order", schema=_schema({}), requires_verified=True)
def list_orders(call: CallContext) -> Result:
    """List this customer's orders, newest first, at most 20, with status, total and items.

    Use it when the customer names no order id, to find which order is meant. Amounts are integers in minor
    units (8400 EUR minor units = EUR 84.00). Status is one of paid (not shipped yet), shipped, delivered,
    returned, cancelled.
    """
    data = reads.orders(actor=call.actor, customer=call.customer)
    return Result(data, [f"order:{order['order_id']}" for order in data["orders"]])


@server.tool(
    effect="READ",
    permission="store.view_order",
    schema=_schema({"order_id": ORDER_ID}, required=("order_id",)),
    requires_verified=True,
)
def get_order(call: CallContext, *, order_id: str) -> Result:
    """Read one of this customer's orders: status, dates, carrier and tracking, items, money paid and
    refunded.

    `refundable_minor` is what issue_refund would accept at most right now; it is 0 for an order that was paid
    but not shipped (cancel_order is the way there) and for a cancelled one. A partly refunded order keeps its
    status and has `refunded_minor` above 0. Error not_found: this customer has no such order; do not guess
    ids.
    """
    data = reads.order(actor=call.actor, customer=call.customer, order_id=order_id)
    return Result(data, [f"order:{order_id}"])


@server.tool(
    effect="READ",
    permission="store.view_payment",
    schema=_schema({"order_id": ORDER_ID}),
    requires_verified=True,
)
def list_payments(call: CallContext, *, order_id: str | None = None) -> Result:
    """List payment attempts and refunds, newest first, of one order or, without order_id, of all the
    customer's.

    A payment is captured (the money was taken) or failed (it was not). A refund is issued (on its way to the
    bank) or settled (the bank confirmed it).
    """
    data = reads.payments(actor=call.actor, customer=call.customer, order_id=order_id)
    records = [f"payment:{payment['payment_id']}" for payment in data["payments"]]
    return Result(data, records + [f"refund:{refund['refund_id']}" for refund in data["refunds"]])


@server.tool(
    effect="READ",
    permission="store.view_invoice",
    schema=_schema({"order_id": ORDER_ID}, required=("order_id",)),
    requires_verified=True,
)
def get_invoice(call: CallContext, *, order_id: str) -> Result:
    """Read the invoice of one of this customer's orders: number, lines, net, VAT and total in minor units."""
    data = reads.invoice(actor=call.actor, customer=call.customer, order_id=order_id)
    return Result(data, [f"order:{order_id}", f"invoice:{data['invoice_number']}"])


@server.tool(
    effect="WRITE",
    permission="store.refund_order",
    schema=_schema(
        {
            "order_id": ORDER_ID,
            "amount_minor": {
                "type": "integer",
                "minimum": 1,
                "maximum": 100_000_000,
                "description": "Minor units of the order's currency: 8400 means 84.00.",
            },
            "currency": {"type": "string", "pattern": "^[A-Z]{3}$", "maxLength": 3},
        },
        required=("order_id", "amount_minor", "currency"),
    ),
    impact="money",
    reversible="no",
    requires_verified=True,
    facts="store__order_facts",
    subject="order_id",
    amount="amount_minor",
    currency="currency",
    check="store__order_facts",
)
def issue_refund(call: CallContext, *, order_id: str, amount_minor: int, currency: str) -> Result:
    """Give money back to the customer on the payment method the order was paid with. This cannot be undone.

    Read the order first and refund at most its `refundable_minor`, in its own currency. A person may have to
    approve; until the result says `issued`, no money has moved and you must not say that it has. Errors:
    currency_mismatch, above_refundable, not_refundable (not shipped yet, or cancelled), nothing_captured,
    not_found.
    """
    refund = services.refund_order(
        actor=call.actor,
        customer=call.customer,
        order_id=order_id,
        amount_minor=amount_minor,
        currency=currency,
        idempotency_key=call.key,
    )
    data = {
        "refund_id": refund.refund_id,
        "order_id": order_id,
        "amount_minor": refund.amount_minor,
        "currency": refund.currency,
        "refunded_minor": balance_of(refund.order).refunded_minor,
        "status": refund.status,
        "method": refund.payment.method,
    }
    return Result(data, [f"order:{order_id}", f"refund:{refund.refund_id}"])


@server.tool(
    effect="WRITE",
    permission="store.cancel_order",
    schema=_schema({"order_id": ORDER_ID}, required=("order_id",)),
    impact="money",
    reversible="no",
    requires_verified=True,
    facts="store__order_facts",
    subject="order_id",
    check="store__order_facts",
)
def cancel_order(call: CallContext, *, order_id: str) -> Result:
    """Cancel an order that is paid and has not been shipped, and refund all that was captured. Cannot be
    undone.

    Only for orders with status paid. Make sure which order the customer means, and that the whole order is
    meant: single items cannot be cancelled. Errors: already_shipped (offer a return instead),
    already_cancelled, not_found.
    """
    cancellation = services.cancel_order(
        actor=call.actor, customer=call.customer, order_id=order_id, idempotency_key=call.key
    )
    refund = cancellation.refund
    data = {
        "order_id": order_id,
        "status": cancellation.order.status,
        "refund_id": refund.refund_id if refund else None,
        "refunded_minor": refund.amount_minor if refund else 0,
        "currency": cancellation.order.currency,
    }
    return Result(data, [f"order:{order_id}", *([f"refund:{refund.refund_id}"] if refund else [])])


@server.tool(
    effect="WRITE",
    permission="store.change_account",
    schema=_schema(
        {
            "email": {
                "type": "string",
                "minLength": 6,
                "maxLength": 254,
                "pattern": r"^[^\s@]+@[^\s@]+\.[^\s@]+$",
            },
            "phone": {"type": "string", "maxLength": 26, "pattern": "^[+]?[0-9][0-9 ()./-]{5,24}$"},
            "address": ADDRESS,
        },
        at_least_one=True,
    ),
    impact="account",
    reversible="compensable",
    requires_verified=True,
    facts="store__account_facts",
    check="store__account_facts",
    destination=("email", "phone", "address"),
)
def update_account(
    call: CallContext,
    *,
    email: str | None = None,
    phone: str | None = None,
    address: dict[str, str] | None = None,
) -> Result:
    """Change the customer's e-mail, phone or postal address on file. Give only what shall change.

    Use exactly what the customer wrote; ask when it is incomplete. Orders that exist keep their own shipping
    address. A person may have to approve. `changed` names what really changed; it is empty when all was on
    file already. Error invalid_details says which detail cannot be accepted.
    """
    account, changed = services.update_account(
        actor=call.actor, customer=call.customer, email=email, phone=phone, address=address
    )
    data = {
        "reference": account.reference,
        "changed": changed,
        "email": account.email,
        "phone": account.phone,
        "address": account.address,
    }
    return Result(data, [f"account:{account.reference}"])


@server.tool(
    effect="WRITE",
    permission="store.change_billing",
    schema=_schema(
        {
            "name": {"type": "string", "minLength": 1, "maxLength": 120},
            "address": ADDRESS,
            "vat_id": {
                "type": "string",
                "maxLength": 16,
                "pattern": "^([A-Z]{2}[0-9A-Z+*]{2,14})?$",
                "description": "With the country's two letters, for example PT123456789; empty removes it.",
            },
        },
        at_least_one=True,
    ),
    impact="account",
    reversible="compensable",
    requires_verified=True,
    facts="store__account_facts",
    check="store__account_facts",
    destination=("address",),
)
def update_billing_details(
    call: CallContext,
    *,
    name: str | None = None,
    address: dict[str, str] | None = None,
    vat_id: str | None = None,
) -> Result:
    """Change the name, address or VAT id that future invoices carry. Give only what shall change.

    Invoices that were issued stay as they are. A person may have to approve. Error invalid_details says which
    detail cannot be accepted.
    """
    account, changed = services.update_billing(
        actor=call.actor, customer=call.customer, name=name, address=address, vat_id=vat_id
    )
    data = {"reference": account.reference, "changed": changed} | reads.billing(account)
    return Result(data, [f"account:{account.reference}"])


@server.tool(
    effect="READ",
    permission="store.view_order",
    schema=_schema({"order_id": ORDER_ID}, required=("order_id",)),
    requires_verified=True,
    host_only=True,
)
def order_facts(call: CallContext, *, order_id: str) -> Result:
    """The state of an order that a decision rests on: owner, status, revision, money. For the gate and the
    approver.
    """
    data = reads.order_facts(actor=call.actor, customer=call.customer, order_id=order_id)
    return Result(data, [f"order:{order_id}"])


@server.tool(effect="READ", permission="store.view_account", schema=_schema({}), requires_verified=True, host_only=True)
def account_facts(call: CallContext) -> Result:
    """The state of an account that a decision rests on: revision and every detail. For the gate and the
    approver.
    """
    data = reads.account_facts(actor=call.actor, customer=call.customer)
    return Result(data, [f"account:{call.customer}"])
