"""Changes of contact and billing details: extracted from the customer's words, approved by a person."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .. import entities
from ..context import ASK_ADDRESS, ASK_BILLING, ASK_CONTACT, ASK_EMAIL, ASK_PHONE, Aim, Moment
from ..desk import AskCustomer, CannotHelp, Desk
from ..phrases import phrase, plain
from ..transcript import Call
from .orders import address_text, find_order, status_text
from .refusals import not_done

UPDATE = "store__update_account"
UPDATE_BILLING = "store__update_billing_details"


def change_contact(desk: Desk, moment: Moment, aim: Aim) -> str:
    """Change e-mail or phone to the value that the customer gave; ask for it when there is none."""
    words = f"{aim.background} {aim.text}".lower()
    changes: dict[str, Any] = {}
    if re.search(r"e-?mail", words):
        email = entities.new_email(aim.text) or (aim.background and entities.new_email(aim.background))
        if not email:
            raise AskCustomer(ASK_EMAIL)
        changes["email"] = email
    if re.search(r"\b(?:phone|mobile|telephone)\b", words):
        phone = entities.new_phone(aim.text) or (aim.background and entities.new_phone(aim.background))
        if not phone and not changes:
            raise AskCustomer(ASK_PHONE)
        changes |= {"phone": phone} if phone else {}
    return _update(desk, UPDATE, changes, ASK_CONTACT)


def change_address(desk: Desk, moment: Moment, aim: Aim) -> str:
    """Change the account's postal address; the country on file stands in when none was named."""
    on_file = _on_file(desk, "address")
    new = entities.address(aim.text, on_file=on_file)
    if new is None and aim.background:
        new = entities.address(aim.background, on_file=on_file)
    return _update(desk, UPDATE, {"address": new} if new else {}, ASK_ADDRESS)


def change_order_address(desk: Desk, moment: Moment, aim: Aim) -> str:
    """No tool changes the address of an order that exists: a person does, while it has not left."""
    order = find_order(desk, moment, aim, careful=True)
    if order.get("status") != "paid":
        return (
            f"{status_text(order, moment.language)} Its delivery address can no longer be changed. "
            f"{phrase('offer_person', moment.language)}"
        )
    raise CannotHelp(
        "cannot_resolve",
        f"the customer wants another delivery address for {order['order_id']}, which has not been shipped",
        f"Order {order['order_id']} has not been shipped yet, but I cannot change its delivery address myself.",
    )


def change_billing(desk: Desk, moment: Moment, aim: Aim) -> str:
    """Change what future invoices carry."""
    changes: dict[str, Any] = {}
    for text in (aim.text, aim.background):
        if vat := entities.vat_id(text):
            changes.setdefault("vat_id", vat)
        if name := entities.company_name(text):
            changes.setdefault("name", name)
    if "address" in f"{aim.background} {aim.text}".lower():
        new = entities.address(aim.text, on_file=_on_file(desk, "billing"))
        changes |= {"address": new} if new else {}
    return _update(desk, UPDATE_BILLING, changes, ASK_BILLING)


def update_result(call: Call) -> str:
    """How a change of details ended; values come from the tool's answer."""
    if not call.done:
        return not_done(call, "The change of your details was not approved; everything stays as it is.", "en")
    changed = call.data.get("changed")
    if isinstance(changed, list) and not changed:
        return "Your account already holds exactly these details, so nothing had to change."
    return f"Your account was updated: {_values(call.arguments)}."


def _update(desk: Desk, tool: str, changes: Mapping[str, Any], question: str) -> str:
    """Ask for the change; raises AskCustomer with `question` when the customer has not said what to change to."""
    if not changes:
        raise AskCustomer(question)
    if not desk.offers(tool) and desk.offers_any("store__"):
        raise CannotHelp("cannot_resolve", f"the customer wants to change: {', '.join(sorted(changes))}")
    names = ", ".join(sorted(changes)).replace("vat_id", "VAT number")
    call = desk.request(tool, f"the customer gave a new {names} to put on file", **changes)
    if call.error == "invalid_details":
        return f"Our shop does not accept this {names}. Could you check how it is written and send it again?"
    if call.waiting:
        return (
            f"I have asked for this change: {_values(changes)}. For your safety a colleague has to approve it first, "
            f"so nothing has changed yet. Your reference is {call.reference}; I will write here when it is decided."
        )
    return update_result(call)


def _values(changes: Mapping[str, Any]) -> str:
    labels = {
        "email": "e-mail",
        "phone": "phone",
        "address": "address",
        "name": "billing name",
        "vat_id": "VAT number",
    }
    return ", ".join(
        f"{labels.get(key, key)} {address_text(value) if isinstance(value, Mapping) else plain(value, 254)}"
        for key, value in sorted(changes.items())
    )


def _on_file(desk: Desk, kind: str) -> Mapping[str, str]:
    """The customer's postal ("address") or billing address, else the postal one; {} where the role may not see it."""
    customer = desk.recall("store__get_customer", "see which address is on file before changing it")
    billing = customer.get("billing") if kind == "billing" else None
    found = billing.get("address") if isinstance(billing, Mapping) else None
    address = found or customer.get("address")
    return address if isinstance(address, Mapping) else {}
