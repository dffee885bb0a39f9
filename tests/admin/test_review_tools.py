"""The review page of an imported tool: what is missing, and hostile words of a server shown as text."""

from typing import Any

import pytest
from django.test import Client

from supportagent.tools.models import MCPServer, Tool
from supportagent.tools.schema import imported_hash
from tests.admin.test_import_servers import bank, one_admin, page, read_reviewed, review, tool  # noqa: F401
from tests.mcp.bank import Bank
from tests.mcp.conftest import shared_bank  # noqa: F401

OWNED = {"ownership": "checked", "requires_verified": "on", "owner_path": "customer"}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ownership": ""}, "Say whose records it touches"),
        ({"ownership": "checked"}, "only for a customer whose identity is proved"),
        ({**OWNED, "owner_path": ""}, "Say where the answer names the owner"),
        ({**OWNED, "owner_path": "a..b"}, "is no path"),
        ({**OWNED, "facts_tool": ""}, "Name the read whose answer names the owner"),
        ({"ownership": "bound", "requires_verified": "on"}, "Bind the argument that takes"),
        ({"owner_path": "customer"}, "records have no owner"),
        ({"facts_paths": {"Status!": "state"}}, "small letters"),
        ({"facts_paths": {"status": ""}}, "is no path"),
        ({"facts_paths": ["state"]}, "Write names and paths"),
        ({"facts_paths": {"status": "s"}, "facts_tool": ""}, "Name the read that brings the facts"),
        ({"record_paths": {"order": "id"}, "masks": ["id"]}, "cannot be cut out"),
        ({"masks": {"a": 1}}, "Write a list of paths"),
        ({"masks": ["a..b"]}, "is no path"),
        ({"read_arguments": {"id": "nothing"}}, "has no argument nothing"),
        ({"read_arguments": [1]}, "Write names"),
        ({"bound_arguments": {"idempotency_key": {"const": 1.5}}}, "with a text, a whole number"),
        ({"bound_arguments": {"idempotency_key": {"value": 1}}}, "with a text, a whole number"),
        (
            {"bound_arguments": {"idempotency_key": "call", "currency": {"const": "euro"}}},
            "does not take this constant",
        ),
        ({"amount_unit": "major"}, "this argument is neither"),
        ({"fixed_currency": "EUR"}, "Either an argument says the currency"),
        ({"fixed_currency": "eur", "currency_argument": ""}, "Three capital letters"),
        ({"price_micros": "-1"}, "greater than or equal to 0"),
    ],
)
def test_answers_that_do_not_fit_together_are_refused_in_words(
    bank: MCPServer,  # noqa: F811
    root: Client,
    changes: dict[str, Any],
    words: str,
) -> None:
    read_reviewed(root)
    answer = root.post(page(tool("issue_refund")), review(**changes))
    assert answer.status_code == 200
    assert words in answer.context["adminform"].form.errors.as_text()
    assert not tool("issue_refund").enabled


def test_a_read_that_masks_the_owner_proves_nothing(bank: MCPServer, root: Client) -> None:  # noqa: F811
    read_reviewed(root)
    Tool.objects.filter(pk=tool("get_payment").pk).update(masks=["buyer"])
    answer = root.post(page(tool("issue_refund")), review(**{**OWNED, "owner_path": "buyer.id"}))
    assert "bank__get_payment masks it" in answer.context["adminform"].form.errors.as_text()


def test_hostile_words_of_a_server_are_shown_as_text(bank: MCPServer, root: Client) -> None:  # noqa: F811
    row = tool("issue_refund")
    evil = "<script>alert(1)</script> {{ 7 }} \u202eevil\u200b <img src=x onerror=alert(1)>"
    row.description = evil
    row.definition = {
        **row.definition,
        "title": evil,
        "description": evil,
        "annotations": {evil: evil},
        "inputSchema": {"type": "object", "properties": {"a<b>": {"type": "string", "description": evil}}},
    }
    row.input_schema, row.definition_hash = row.definition["inputSchema"], imported_hash(row.definition)
    row.save()
    body = root.get(page(row)).content.decode()
    assert "<script>alert(1)" not in body and "<img src=x" not in body
    assert "\u202e" not in body and "\u200b" not in body
    assert "[U+202E]evil[U+200B]" in body


@pytest.mark.parametrize(
    ("mode", "status", "words"),
    [
        ("list_huge", 422, "larger than"),
        ("list_loop", 422, "more than"),
        ("list_bad_gateway", 422, "HTTP 502"),
        ("list_long", 200, "longer than 4000 characters"),
        ("list_invisible", 200, "characters that nobody sees"),
        ("list_duplicate", 200, "two tools of that name"),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_a_listing_without_bounds_is_said_on_the_page_and_imports_nothing_of_it(
    root: Client,
    shared_bank: Bank,  # noqa: F811
    mode: str,
    status: int,
    words: str,
) -> None:
    row = MCPServer.objects.create(name="till", title="Till", transport="http", url=shared_bank.url)
    shared_bank.forget()
    shared_bank.fault(mode)
    answer = root.post(f"/admin/tools/mcpserver/{row.pk}/import/")
    shared_bank.fault("ok")
    assert answer.status_code == status
    assert words in answer.content.decode()
    assert not row.tools.filter(name="issue_refund").exists()


def test_a_server_is_asked_by_a_click_only(bank: MCPServer, root: Client) -> None:  # noqa: F811
    assert root.get(f"/admin/tools/mcpserver/{bank.pk}/import/").status_code == 405
    assert root.post("/admin/tools/mcpserver/99999/test/").status_code == 404
