"""Contact and billing details change as a whole, checked, with the old value kept where it can be erased."""

import pytest

from audit.models import AuditEntry
from supportagent.staff.models import User
from supportagent.store.mcp_server import server
from supportagent.store.models import Account
from tests.store.door import call

NEW_ADDRESS = {"line1": "Rua do Sol 3", "city": "Porto", "postcode": "4000-527", "country": "PT"}


def test_a_new_email_is_stored_and_the_revision_rises(billing: User, ana: Account) -> None:
    outcome = call(server, "update_account", {"email": "ana@new.example"}, actor=billing)
    assert outcome.data["changed"] == ["email"]
    assert outcome.data["email"] == "ana@new.example"
    ana.refresh_from_db()
    assert (ana.email, ana.revision) == ("ana@new.example", 2)


def test_the_audit_leaf_names_the_field_and_never_the_value(billing: User, ana: Account) -> None:
    call(server, "update_account", {"email": "secret@new.example"}, actor=billing)
    entry = AuditEntry.objects.get(action="store.account.updated")
    assert b'"email"' in bytes(entry.leaf)
    assert b"secret" not in bytes(entry.leaf)
    assert b"ana.martins" not in bytes(entry.leaf)


def test_a_new_address_replaces_the_whole_old_one(billing: User, ana: Account) -> None:
    Account.objects.update(address_line2="2.º esq.")
    outcome = call(server, "update_account", {"address": NEW_ADDRESS}, actor=billing)
    assert outcome.data["changed"] == ["address"]
    assert outcome.data["address"] == NEW_ADDRESS | {"line2": ""}


def test_what_is_on_file_already_changes_nothing(billing: User, ana: Account) -> None:
    outcome = call(server, "update_account", {"email": ana.email, "phone": ana.phone}, actor=billing)
    assert outcome.data["changed"] == []
    ana.refresh_from_db()
    assert ana.revision == 1
    assert not AuditEntry.objects.filter(action="store.account.updated").exists()


def test_an_email_that_another_account_has_is_refused_without_naming_it(
    billing: User, ana: Account, ben: Account
) -> None:
    outcome = call(server, "update_account", {"email": "BEN.okafor@example.com"}, actor=billing)
    assert outcome.code == "invalid_details"
    assert "Ben" not in str(outcome.data) and "CUS-1002" not in str(outcome.data)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"email": ""},
        {"email": "no-at.example"},
        {"email": "ana@ex ample.com"},
        {"email": "ana@example.com\n"},
        {"email": "an\u0430@example.com"},
        {"email": "ana\u202e@example.com"},
        {"email": f"{'a' * 250}@example.com"},
        {"email": None},
        {"email": ["ana@example.com"]},
        {"phone": "call me"},
        {"phone": "١٢٣٤٥٦٧"},
        {"address": "Rua do Sol 3, Porto"},
        {"address": {"line1": "Rua do Sol 3"}},
        {"address": NEW_ADDRESS | {"country": "Portugal"}},
        {"address": NEW_ADDRESS | {"line1": "<b>Rua</b>"}},
        {"address": NEW_ADDRESS | {"line1": "Rua\u200bdo Sol"}},
        {"address": NEW_ADDRESS | {"planet": "Earth"}},
        {"revision": 7},
        {"customer": "CUS-1002", "email": "ana@new.example"},
    ],
)
def test_a_detail_that_cannot_be_right_is_refused(billing: User, ana: Account, arguments: dict[str, object]) -> None:
    outcome = call(server, "update_account", arguments, actor=billing)
    assert outcome.code in ("invalid_arguments", "invalid_details")
    ana.refresh_from_db()
    assert (ana.email, ana.revision) == ("ana.martins@example.com", 1)


def test_billing_details_change_apart_from_the_contact_details(billing: User, ana: Account) -> None:
    arguments = {"name": "Martins Lda", "address": NEW_ADDRESS, "vat_id": "PT123456789"}
    outcome = call(server, "update_billing_details", arguments, actor=billing)
    assert outcome.data["changed"] == ["address", "name", "vat_id"]
    assert outcome.data["billing"] == {
        "name": "Martins Lda",
        "address": NEW_ADDRESS | {"line2": ""},
        "vat_id": "PT123456789",
    }
    ana.refresh_from_db()
    assert ana.address["city"] == "Lisboa"


def test_a_vat_id_can_be_removed_and_a_wrong_one_is_refused(billing: User, ana: Account) -> None:
    assert call(server, "update_billing_details", {"vat_id": "123"}, actor=billing).code == "invalid_arguments"
    call(server, "update_billing_details", {"vat_id": "PT123456789"}, actor=billing)
    assert call(server, "update_billing_details", {"vat_id": ""}, actor=billing).data["changed"] == ["vat_id"]


def test_a_support_rep_may_change_neither(rep: User, ana: Account) -> None:
    assert call(server, "update_account", {"phone": "+351 910 999"}, actor=rep).code == "permission_denied"
    assert call(server, "update_billing_details", {"name": "X"}, actor=rep).code == "permission_denied"
