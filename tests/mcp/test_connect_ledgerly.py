"""A server that is new to us, from the form that registers it to money that moved: through the admin's own pages."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client
from django.urls import reverse

from agents.mcp import oauth
from agents.models import ToolCall
from approvals import card
from approvals.models import ApprovalRequest
from audit.models import AuditEntry
from supportagent.staff.models import User
from supportagent.tools import schema
from supportagent.tools.models import MCPServer, Tool
from tests import database
from tests.changes.admins import Admin
from tests.mcp.ledgerly import CARD, CREDENTIAL, SECRET, Ledgerly
from tests.world import World, build_world, world_as_written

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = {"text": "I looked into it."}
FETCH = "ledgerly__fetchInvoice"
CREDIT = "ledgerly__createCreditNote"


@pytest.fixture
def desk(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ledgerly]:
    settings.INTERNAL_HOSTS = ["127.0.0.1"]
    settings.SECOND_ADMIN = False  # what a second admin has to say is tested with the changes
    monkeypatch.setenv(CREDENTIAL, SECRET)
    oauth._slots.clear()
    with Ledgerly(tmp_path) as started:
        yield started


@pytest.fixture
def world(settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


@pytest.fixture
def root(world: World) -> Admin:
    return superuser()


def superuser() -> Admin:
    user, client = User.objects.create_superuser("root"), Client()
    client.force_login(user)
    return Admin(user, client)


def ask(root: Admin, server: MCPServer, verb: str) -> Any:
    return root.client.post(reverse(f"admin:mcpserver_{verb}", args=[server.pk]))


def register(root: Admin, desk: Ledgerly, **changes: str) -> MCPServer:
    form = {"name": "ledgerly", "title": "Ledgerly", "transport": "http", "url": desk.url, **desk.oauth, **changes}
    answer = root.add(MCPServer, command="[]", enabled="on", oauth_client_auth="basic", **form)
    assert answer.status_code == 302, answer.context["errors"]  # type: ignore[attr-defined]
    return MCPServer.objects.get(name="ledgerly")


def tool(name: str) -> Tool:
    return Tool.objects.select_related("server").get(qualified_name=name)


def review(root: Admin, name: str, **answers: Any) -> None:
    """Open the page, answer, switch on, and grant it to the roles of the agent and of the supervisors."""
    grants: dict[str, str] = {"grants-TOTAL_FORMS": "2"}
    for number, (role, right) in enumerate((("Billing specialist", "use_tool"), ("Supervisor", "approve_tool"))):
        permission = Permission.objects.get(content_type__app_label="tools", codename=right)
        grants |= {
            f"grants-{number}-group": str(Group.objects.get(name=role).pk),
            f"grants-{number}-permission": str(permission.pk),
            f"grants-{number}-argument_rules": "{}",
        }
    answer = root.save(tool(name), without=("bound_arguments",), enabled="on", **grants, **answers)
    assert answer.status_code == 302, answer.context["errors"]  # type: ignore[attr-defined]


def review_read(root: Admin) -> None:
    review(
        root,
        FETCH,
        ownership="checked",
        requires_verified="on",
        owner_path="buyer.customerNo",
        result_path="data",
        masks='["buyer.card.number"]',
        record_paths='{"invoice": "invoice.number"}',
        **{"bound_arguments:tenant": "const", "bound_arguments:tenant:const": "shop-7"},
    )


def review_credit(root: Admin) -> None:
    review(
        root,
        CREDIT,
        ownership="checked",
        requires_verified="on",
        facts_tool=FETCH,
        owner_path="buyer.customerNo",
        facts_paths='{"status": "invoice.state", "captured_minor": "invoice.totals.gross", '
        '"refunded_minor": "invoice.totals.credited", "currency": "invoice.currency"}',
        subject_argument="invoiceNo",
        result_path="data",
        masks='["buyer"]',
        record_paths='{"credit": "creditNote.creditNo"}',
        check_tool=FETCH,
        price_micros="0.02",
        what_to_check="The credit notes of the invoice in Ledgerly.",
        **{
            "bound_arguments:tenant": "const",
            "bound_arguments:tenant:const": "shop-7",
            "bound_arguments:clientToken": "call",
        },
    )


@pytest.fixture
def connected(desk: Ledgerly, settings: Any, tmp_path: Path) -> World:
    """A world in which the server is connected: through the pages once, and then at the address of each new process."""

    def through_the_pages() -> None:
        build_world(settings, tmp_path)
        root = superuser()
        ask(root, register(root, desk), "import")
        review_read(root)
        review_credit(root)

    database.write_once(through_the_pages, "ledgerly connected")
    MCPServer.objects.filter(name="ledgerly").update(url=desk.url, **desk.oauth)
    return world_as_written(settings, tmp_path)


def credit(total: Any = 1250, invoice: str = "INV-9001", **more: Any) -> dict[str, Any]:
    arguments = {"invoiceNo": invoice, "total": total, "currencyCode": "EUR", "stated_reason": "it arrived broken"}
    return {"calls": [{"name": CREDIT, "arguments": arguments | more}]}


def fetch(invoice: str = "INV-9001") -> dict[str, Any]:
    return {"calls": [{"name": FETCH, "arguments": {"invoiceNo": invoice, "stated_reason": "see the invoice"}}]}


def test_a_server_is_tested_and_imported_from_its_page(world: World, root: Admin, desk: Ledgerly) -> None:
    server = register(root, desk)
    said = ask(root, server, "test").content.decode()
    assert "It answered as ledgerly 2.4, protocol 2025-06-18." in said
    assert "It offers 5 tools; 0 of them are imported." in said
    assert not server.tools.exists()
    said = ask(root, server, "import").content.decode()
    assert "5 new, 0 changed, 0 gone, 0 not imported." in said and CREDIT in said
    assert not server.tools.filter(enabled=True).exists()
    [actor] = set(AuditEntry.objects.filter(action="tools.tool.pinned", target_id=CREDIT).values_list("actor_id"))
    assert actor == (str(root.user.pk),)
    listed = root.client.get("/admin/tools/tool/").content.decode()
    assert "Off, hidden: not reviewed" in listed


def test_a_server_that_cannot_be_asked_is_said_in_words(world: World, root: Admin, desk: Ledgerly) -> None:
    server = register(root, desk, oauth_client_id="somebody")
    answer = ask(root, server, "import")
    assert answer.status_code == 422
    said = answer.content.decode()
    assert "the token endpoint refused us with HTTP 401: invalid_client" in said
    assert SECRET not in said and "Traceback" not in said


def test_a_review_page_says_what_is_missing_and_what_is_only_claimed(world: World, root: Admin, desk: Ledgerly) -> None:
    ask(root, register(root, desk), "import")
    answer = root.client.get(f"/admin/tools/tool/{tool(CREDIT).pk}/change/")
    page = answer.context["review"]
    assert not page.reviewed
    assert "Say whose records it touches, and what proves it." in [each.sentence for each in page.missing]
    initial = answer.context["adminform"].form.initial
    assert (initial["tool_class"], initial["impact"], initial["amount_unit"]) == ("keyed", "money", "major")
    assert initial["bound_arguments"] == {"clientToken": "call"}
    assert "Suggested by the server’s own words: check it." in answer.content.decode()
    assert not tool(CREDIT).bound_arguments, "a suggestion is nobody's answer"
    review_read(root)
    review_credit(root)
    page = root.client.get(f"/admin/tools/tool/{tool(CREDIT).pk}/change/").context["review"]
    assert page.reviewed and page.missing == [] and page.suggested == []


def test_the_model_sees_neither_what_the_host_writes_nor_a_decimal(connected: World, desk: Ledgerly) -> None:
    offered = schema.offered_schema(tool(CREDIT))
    assert set(offered["properties"]) == {"stated_reason", "invoiceNo", "total", "currencyCode", "memo"}
    assert offered["properties"]["total"]["type"] == "integer"


def test_an_approved_credit_moves_money_once_with_everything_the_host_adds(connected: World, desk: Ledgerly) -> None:
    connected.script([fetch(), credit(), TEXT, TEXT])
    ticket = connected.write("Please give me 12.50 back on INV-9001.")
    connected.advance(ticket)
    read = connected.call(FETCH)
    assert read.state == "SUCCEEDED" and read.records == ["invoice:INV-9001"]
    assert CARD not in str(read.result) and "meta" not in read.result
    request = ApprovalRequest.objects.pending().get()
    shown = card.card_of(request)
    assert {line.label: line.value for line in shown.facts} == {
        "Status": "paid",
        "Captured": "EUR 84.00",
        "Refunded": "EUR 0.00",
        "Currency": "EUR",
    }
    assert ("Total", "EUR 12.50") in [(line.label, line.value) for line in shown.arguments]
    connected.approve(request)
    connected.advance(ticket)
    call = connected.call(CREDIT)
    assert (call.state, call.amount_minor, call.currency) == ("SUCCEEDED", 1250, "EUR")
    assert call.price_micros == 20_000 and call.records == ["credit:CN-1"]
    assert call.evidence["differs"] == [] and "buyer" not in call.result
    [made] = desk.lines("credit")
    assert (made["total"], made["clientToken"]) == (12.5, str(call.pk))
    sent = [line["arguments"] for line in desk.lines("call") if line["tool"] == "createCreditNote"]
    assert sent[0]["tenant"] == "shop-7"
    assert AuditEntry.objects.filter(action="agents.tool_call.succeeded", references__ref_type="credit").exists()


def test_a_record_of_another_customer_is_neither_shown_nor_changed(connected: World, desk: Ledgerly) -> None:
    connected.script([fetch("INV-9002"), credit(100, "INV-9002"), TEXT, TEXT])
    connected.advance(connected.write("Credit INV-9002, please."))
    read, write = connected.call(FETCH), connected.call(CREDIT)
    assert (read.state, read.code) == ("FAILED", "not_found")
    assert (write.state, write.code) == ("REFUSED", "not_found")
    assert "CUS-1002" not in f"{read.result} {write.result}"
    assert desk.lines("credit") == [] and not ApprovalRequest.objects.exists()


def test_a_record_without_an_owner_is_nobodys(connected: World, desk: Ledgerly) -> None:
    Tool.objects.filter(qualified_name__in=[FETCH, CREDIT]).update(owner_path="buyer.owner")
    connected.script([fetch(), credit(), TEXT, TEXT])
    connected.advance(connected.write())
    assert (connected.call(FETCH).code, connected.call(CREDIT).code) == ("not_found", "not_found")
    assert desk.lines("credit") == []


@pytest.mark.parametrize("total", [12.5, "12.50", 0, -5, True])
def test_an_amount_that_is_no_whole_number_of_minor_units_is_refused(
    connected: World, desk: Ledgerly, total: Any
) -> None:
    connected.script([credit(total), TEXT, TEXT])
    connected.advance(connected.write())
    call = ToolCall.objects.get(name=CREDIT)
    assert (call.state, call.code) == ("REFUSED", "invalid_arguments")


def test_more_than_was_paid_is_refused_before_anybody_is_asked(connected: World, desk: Ledgerly) -> None:
    connected.script([credit(8401), TEXT, TEXT])
    ticket = connected.write()
    connected.advance(ticket)
    for request in ApprovalRequest.objects.pending():
        connected.approve(request)
        connected.advance(ticket)
    assert connected.call(CREDIT).code == "above_captured"
    assert desk.lines("credit") == []


def test_a_constant_that_the_model_tries_to_set_refuses_the_call(connected: World, desk: Ledgerly) -> None:
    connected.script([credit(tenant="shop-8"), TEXT, TEXT])
    connected.advance(connected.write())
    assert connected.call(CREDIT).code == "invalid_arguments"
    assert desk.lines("call") == []


def test_another_unit_after_the_approval_stops_the_call(connected: World, desk: Ledgerly) -> None:
    connected.script([credit(), TEXT, TEXT])
    ticket = connected.write()
    connected.advance(ticket)
    connected.approve(ApprovalRequest.objects.pending().get())
    Tool.objects.filter(qualified_name=CREDIT).update(amount_unit="minor", facts_paths={})
    connected.advance(ticket)
    assert desk.lines("credit") == [], "1250 minor units must not become 1250 euros"


def test_a_control_tool_stays_hidden_by_leaving_it_off(connected: World, desk: Ledgerly) -> None:
    connected.script([{"calls": [{"name": "ledgerly__resetSandbox", "arguments": {"stated_reason": "try"}}]}, TEXT])
    connected.advance(connected.write())
    assert ToolCall.objects.get(name="ledgerly__resetSandbox").code == "unknown_tool"
    assert desk.lines("reset") == []
