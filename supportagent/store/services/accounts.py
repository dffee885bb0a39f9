"""The verbs that change who a customer is to the shop."""

from collections.abc import Mapping
from typing import Any

from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, require
from supportagent.store import validation
from supportagent.store.errors import InvalidDetails, NotFound
from supportagent.store.models import Account
from supportagent.store.models.accounts import ADDRESS_PARTS, Address


def update_account(
    *,
    actor: User,
    customer: str,
    email: str | None = None,
    phone: str | None = None,
    address: Mapping[str, str] | None = None,
) -> tuple[Account, list[str]]:
    """Change contact details; what is None stays. Returns the account and the names of what really changed.

    Raises NotFound, InvalidDetails (also when nothing is given), PermissionDenied.
    """
    with audit_log.transaction():
        require(actor, Permission.CHANGE_ACCOUNT)
        account = _locked_account(customer)
        wanted: dict[str, Any] = {}
        if email is not None:
            wanted["email"] = _free_email(validation.email_address(email), account=account)
        if phone is not None:
            wanted["phone"] = validation.phone_number(phone)
        if address is not None:
            wanted |= _columns("address", validation.postal_address(address, field="address"))
        changed = _apply(account, wanted, actor=actor, action="store.account.updated")
    return account, changed


def update_billing(
    *,
    actor: User,
    customer: str,
    name: str | None = None,
    address: Mapping[str, str] | None = None,
    vat_id: str | None = None,
) -> tuple[Account, list[str]]:
    """Change what future invoices say; issued ones stay as they are. Same contract as update_account."""
    with audit_log.transaction():
        require(actor, Permission.CHANGE_BILLING)
        account = _locked_account(customer)
        wanted: dict[str, Any] = {}
        if name is not None:
            wanted["billing_name"] = validation.person_or_company(name, field="name")
        if address is not None:
            wanted |= _columns("billing", validation.postal_address(address, field="address"))
        if vat_id is not None:
            wanted["vat_id"] = validation.vat_number(vat_id)
        changed = _apply(account, wanted, actor=actor, action="store.account.billing_updated")
    return account, changed


def _locked_account(customer: str) -> Account:
    account = Account.objects.select_for_update().filter(reference=customer).first() if customer else None
    if account is None:
        raise NotFound("this customer has no account with the shop")
    return account


def _free_email(email: str, *, account: Account) -> str:
    """One address, one account. The answer does not say that somebody else has it."""
    if Account.objects.filter(email__iexact=email).exclude(pk=account.pk).exists():
        raise InvalidDetails("email cannot be used for this account")
    return email


def _columns(prefix: str, address: Address) -> dict[str, str]:
    return {f"{prefix}_{part}": address[part] for part in ADDRESS_PARTS}


def _apply(account: Account, wanted: Mapping[str, Any], *, actor: User, action: str) -> list[str]:
    """Write what differs (public names are returned), raise the revision once, and record field names in the
    leaf, values beside it.
    """
    if not wanted:
        raise InvalidDetails("nothing to change was given")
    before = {field: getattr(account, field) for field in wanted if getattr(account, field) != wanted[field]}
    if not before:
        return []
    for field in before:
        setattr(account, field, wanted[field])
    account.revision += 1
    account.save(update_fields=[*before, "revision"])
    audit_log.record(
        action,
        target=("account", account.reference),
        actor=Actor.of(actor),
        on_behalf_of=account.reference,
        data={"fields": sorted(before), "revision": account.revision},
        refs=[("customer", account.reference)],
        outcome="changed",
        private={"before": before, "after": {field: wanted[field] for field in before}},
        subject=account.reference,
    )
    return sorted({_public_name(field) for field in before})


def _public_name(column: str) -> str:
    """The five columns of an address are one thing to the reader."""
    if column.partition("_")[2] in ADDRESS_PARTS:
        return "address"
    return "name" if column == "billing_name" else column
