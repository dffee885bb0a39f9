"""Imported servers and the review of their tools in the admin."""

import json
from typing import Any

import pytest
from django.test import Client

from supportagent.tools.models import MCPServer, Tool
from supportagent.tools.schema import imported_hash
from tests.admin.conftest import grants
from tests.mcp import faulty_desk
from tests.world import World


@pytest.fixture(autouse=True)
def one_admin(settings: Any) -> None:
    settings.SECOND_ADMIN = False  # what a second admin has to say is tested with the changes
    settings.INTERNAL_HOSTS = ["127.0.0.1"]


@pytest.fixture
def bank(world: World) -> MCPServer:
    """A server with its tools as an import leaves them."""
    server = MCPServer.objects.create(name="bank", title="Bank", transport="http", url="http://127.0.0.1:9/mcp")
    for declared in faulty_desk.tools():
        definition = {"title": "", "outputSchema": {}, "annotations": {}, **declared}
        Tool.objects.create(
            server=server,
            name=declared["name"],
            qualified_name=f"bank__{declared['name']}",
            description=declared["description"],
            input_schema=declared["inputSchema"],
            definition=definition,
            definition_hash=imported_hash(definition),
            effect="WRITE",
            impact="account",
            reversible="no",
            tool_class="opaque",
            enabled=False,
        )
    return server


def tool(name: str) -> Tool:
    return Tool.objects.select_related("server").get(qualified_name=f"bank__{name}")


def page(row: Tool | MCPServer) -> str:
    return f"/admin/tools/{row._meta.model_name}/{row.pk}/change/"


def review(**changes: Any) -> dict[str, str]:
    """The form of a tool, filled in as for a keyed refund."""
    form = {
        "enabled": "on",
        "tool_class": "keyed",
        "impact": "money",
        "reversible": "no",
        "ownership": "nobody",
        "owner_path": "",
        "facts_paths": "{}",
        "read_arguments": "{}",
        "result_path": "",
        "record_paths": "{}",
        "masks": "[]",
        "amount_unit": "minor",
        "fixed_currency": "",
        "price_micros": "0",
        "facts_tool": "bank__get_payment",
        "check_tool": "",
        "check_fields": "[]",
        "subject_argument": "payment_id",
        "amount_argument": "amount_minor",
        "currency_argument": "currency",
        "destination_arguments": "[]",
        "bound_arguments": '{"idempotency_key": "call"}',
        "timeout_seconds": "30",
        "reconcile_tool": "",
        "reconcile_when": "[]",
        "what_to_check": "The list of refunds at the bank, by the reference.",
        "change_reason": "Read it",
    }
    plain = {name: value if isinstance(value, str) else json.dumps(value) for name, value in changes.items()}
    return {**form, **grants("grants"), **grants("user_grants"), **plain}


def read_reviewed(root: Client) -> None:
    answer = root.post(
        page(tool("get_payment")),
        review(
            tool_class="read",
            impact="none",
            reversible="yes",
            facts_tool="",
            subject_argument="",
            amount_argument="",
            currency_argument="",
            bound_arguments="{}",
            what_to_check="",
        ),
    )
    assert answer.status_code == 302, answer.context["errors"]


def test_the_form_of_a_new_server_shows_an_empty_list_of_words_and_no_null(root: Client) -> None:
    form = root.get("/admin/tools/mcpserver/add/").context["adminform"].form
    assert form["command"].value() == "[]"


def test_a_review_puts_a_tool_to_work(bank: MCPServer, root: Client) -> None:
    read_reviewed(root)
    answer = root.post(page(tool("issue_refund")), review())
    assert answer.status_code == 302, answer.context["errors"]
    refund, read = tool("issue_refund"), tool("get_payment")
    assert (refund.enabled, refund.tool_class, refund.writes) == (True, "keyed", True)
    assert refund.bound_arguments == {"idempotency_key": "call"}
    assert (read.tool_class, read.writes) == ("read", False)


CONDITION = {"path": "after.refunds", "op": "contains", "with": {"reference": "arguments.reference"}}
BOUND = {"reference": "call"}


def test_a_reconcilable_tool_has_its_read_and_its_conditions(bank: MCPServer, root: Client) -> None:
    read_reviewed(root)
    form = review(
        tool_class="reconcilable",
        reconcile_tool="bank__get_payment",
        reconcile_when=[CONDITION],
        bound_arguments=BOUND,
    )
    answer = root.post(page(tool("refund_payment")), form)
    assert answer.status_code == 302, answer.context["errors"]
    assert tool("refund_payment").reconcile_when == [CONDITION]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bound_arguments": {}}, "needs its key"),
        ({"bound_arguments": {"idempotency_key": "clock"}}, "is unknown; one of ticket"),
        ({"bound_arguments": {"key": "call"}}, "has no argument key"),
        ({"bound_arguments": ["idempotency_key"]}, "Write an object"),
        ({"destination_arguments": ["iban"]}, "has no argument iban"),
        ({"destination_arguments": {"iban": 1}}, "Write a list of names"),
        ({"destination_arguments": [1]}, "Write a list of names"),
        ({"what_to_check": " "}, "Say what a person looks at"),
        ({"tool_class": "opaque", "impact": "none", "what_to_check": ""}, "Say what a person looks at"),
        ({"tool_class": ""}, "tool_class"),
        ({"tool_class": "read"}, "A read has no impact"),
        ({"tool_class": "reconcilable"}, "needs the read that shows"),
        ({"tool_class": "reconcilable", "reconcile_tool": "bank__get_payment"}, "needs the conditions"),
        ({"tool_class": "reconcilable", "reconcile_when": [{"path": "after.x", "op": "like"}]}, "is unknown"),
        ({"tool_class": "reconcilable", "reconcile_when": [CONDITION]}, "has no argument reference"),
        ({"facts_tool": "bank__nothing"}, "There is no tool bank__nothing"),
        ({"facts_tool": "bank__refund_payment"}, "is no read"),
        ({"facts_tool": "store__order_facts"}, "needs order_id"),
        ({"check_fields": ["refund"]}, "has no field refund"),
        ({"check_fields": "{"}, "Enter a valid JSON"),
        ({"subject_argument": "payment"}, "has no argument payment"),
        ({"amount_argument": "currency"}, "this argument is none"),
        ({"currency_argument": ""}, "An amount needs a currency"),
        ({"timeout_seconds": "0"}, "Between 1 and 120"),
        ({"timeout_seconds": "121"}, "Between 1 and 120"),
        ({"impact": ""}, "impact"),
        ({"reversible": "maybe"}, "reversible"),
    ],
)
def test_a_review_that_does_not_fit_together_is_refused_in_words(
    bank: MCPServer, root: Client, changes: dict[str, Any], words: str
) -> None:
    read_reviewed(root)
    answer = root.post(page(tool("issue_refund")), review(**changes))
    assert answer.status_code == 200
    form = answer.context["adminform"].form
    assert words in f"{form.errors.as_text()} {list(form.errors)}"
    assert not tool("issue_refund").enabled


def test_a_tool_can_be_switched_off_whatever_is_wrong_with_it(bank: MCPServer, root: Client) -> None:
    broken = tool("issue_refund")
    Tool.objects.filter(pk=broken.pk).update(enabled=True, facts_tool="gone__tool", what_to_check="")
    form = review(tool_class="opaque", impact="account", facts_tool="gone__tool", what_to_check="", ownership="")
    form |= {"subject_argument": "", "amount_argument": "", "currency_argument": "", "bound_arguments": "{}"}
    del form["enabled"]
    answer = root.post(page(broken), form)
    assert answer.status_code == 302, answer.context["errors"]
    assert not tool("issue_refund").enabled


def test_what_the_server_says_cannot_be_edited(bank: MCPServer, root: Client) -> None:
    read_reviewed(root)
    before = tool("issue_refund")
    changes = {"description": "Nice", "input_schema": "{}", "definition_hash": "0" * 64, "effect": "READ", "name": "x"}
    assert root.post(page(before), review(**changes)).status_code == 302
    after = tool("issue_refund")
    for field in ("description", "input_schema", "definition_hash", "effect", "name", "qualified_name"):
        assert getattr(after, field) == getattr(before, field)


def test_a_changed_definition_is_shown_beside_the_switch(bank: MCPServer, root: Client) -> None:
    row = tool("issue_refund")
    row.definition = {**row.definition, "description": "Pay everybody back."}
    row.definition_hash = imported_hash(row.definition)
    row.save()
    body = root.get(page(row)).content.decode()
    assert '<span class="contrast__sign">before</span><p>Pay <del>money' in body
    assert '<span class="contrast__sign">now</span><p>Pay <ins>everybody' in body


def test_a_built_in_tool_is_read_only(world: World, root: Client) -> None:
    builtin = Tool.objects.get(qualified_name="store__issue_refund")
    assert root.post(page(builtin), review(impact="none", tool_class="read")).status_code == 302
    builtin.refresh_from_db()
    assert (builtin.impact, builtin.tool_class, builtin.effect) == ("money", "", "WRITE")


# -- servers --------------------------------------------------------------------------------------------------------


def server(**changes: Any) -> dict[str, str]:
    form = {
        "name": "psp",
        "title": "Payment provider",
        "enabled": "on",
        "transport": "http",
        "url": "https://mcp.example.com/mcp",
        "command": "[]",
        "credential": "MCP_PSP",
        "oauth_token_url": "",
        "oauth_client_id": "",
        "oauth_client_auth": "basic",
    }
    return {**form, **changes}


def test_an_admin_adds_a_server_that_is_reached_by_http(world: World, root: Client) -> None:
    answer = root.post("/admin/tools/mcpserver/add/", server())
    assert answer.status_code == 302, answer.context["errors"]
    row = MCPServer.objects.get(name="psp")
    assert (row.transport, row.url, row.credential, row.trusted_for_errors) == (
        "http",
        "https://mcp.example.com/mcp",
        "MCP_PSP",
        False,
    )


def test_an_admin_adds_a_server_that_is_a_program_and_its_command_is_kept_word_by_word(
    world: World, root: Client
) -> None:
    command = ["/usr/bin/bank-mcp", "--name", "a b; rm -rf $HOME | cat `id`"]
    form = server(transport="stdio", url="", command=json.dumps(command))
    assert root.post("/admin/tools/mcpserver/add/", form).status_code == 302
    row = MCPServer.objects.get(name="psp")
    assert row.command == command
    body = root.get(page(row)).content.decode()
    assert "a b; rm -rf $HOME | cat `id`" in body


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "http://169.254.169.254/mcp"}, "Only https is allowed"),
        ({"url": "https://169.254.169.254/mcp"}, "inside our own network"),
        ({"url": "https://[::ffff:10.0.0.1]/mcp"}, "inside our own network"),
        ({"url": "file:///etc/passwd"}, "Write a whole address"),
        ({"url": "https://user:pw@mcp.example.com"}, "user name or a password"),
        ({"url": ""}, "Write a whole address"),
        ({"transport": "builtin"}, "valid choice"),
        ({"transport": "stdio", "url": ""}, "Write the program"),
        ({"transport": "stdio", "command": '["x"]'}, "Only a server that is reached by HTTP"),
        ({"command": '["x"]'}, "Only a server that is a process"),
        ({"transport": "stdio", "url": "", "command": '"rm -rf /"'}, "Write a list of texts"),
        ({"transport": "stdio", "url": "", "command": '["x", 1]'}, "Write a list of texts"),
        ({"transport": "stdio", "url": "", "command": json.dumps(["x"] * 41)}, "At most 40 words"),
        ({"credential": "SUPPORTAGENT_SECRET_KEY"}, "begins with MCP_"),
        ({"credential": "s3cret"}, "begins with MCP_"),
        ({"name": "store"}, "built-in server"),
        ({"name": "a__b"}, "double underscore"),
    ],
)
def test_a_server_that_must_not_be_reached_is_refused_in_words(
    world: World, root: Client, changes: dict[str, str], words: str
) -> None:
    answer = root.post("/admin/tools/mcpserver/add/", server(**changes))
    assert answer.status_code == 200
    assert words in answer.context["adminform"].form.errors.as_text()
    assert not MCPServer.objects.filter(title="Payment provider").exists()


def test_programs_can_be_forbidden_altogether(world: World, root: Client, settings: Any) -> None:
    settings.MCP_STDIO = False
    answer = root.post("/admin/tools/mcpserver/add/", server(transport="stdio", url="", command='["x"]'))
    assert "SUPPORTAGENT_MCP_STDIO is off" in answer.context["adminform"].form.errors.as_text()


def test_a_server_on_an_allowed_host_of_our_own_network_is_accepted(world: World, root: Client, settings: Any) -> None:
    settings.INTERNAL_HOSTS = ["bank:8080"]
    assert root.post("/admin/tools/mcpserver/add/", server(url="http://bank:8080/mcp")).status_code == 302


def test_a_server_that_moves_switches_its_tools_off(bank: MCPServer, root: Client) -> None:
    Tool.objects.filter(server=bank).update(enabled=True)
    form = server(url="http://127.0.0.1:9/mcp", credential="", title="The bank") | {"change_reason": "New name"}
    assert root.post(page(bank), form).status_code == 302
    assert Tool.objects.filter(server=bank, enabled=True).count() == 3, "a new title changes nothing"
    assert root.post(page(bank), form | {"url": "http://127.0.0.1:10/mcp"}).status_code == 302
    assert not Tool.objects.filter(server=bank, enabled=True).exists()
    bank.refresh_from_db()
    assert (bank.name, bank.transport) == ("bank", "http"), "chosen once"


def test_a_built_in_server_has_no_address_to_edit(world: World, root: Client) -> None:
    row = MCPServer.objects.get(name="store")
    form = server(url="https://mcp.example.com/mcp", transport="http") | {"change_reason": "x"}
    assert root.post(page(row), form).status_code == 302
    row.refresh_from_db()
    assert (row.transport, row.url, row.credential) == ("builtin", "", "")


def test_a_program_that_stays_the_same_keeps_its_tools_on(bank: MCPServer, root: Client) -> None:
    command = ["/usr/bin/bank-mcp", "--eu"]
    MCPServer.objects.filter(pk=bank.pk).update(transport="stdio", url="", command=command)
    Tool.objects.filter(server=bank).update(enabled=True)
    form = server(command=json.dumps(command), credential="", title="The bank") | {"change_reason": "New name"}
    assert root.post(page(bank), form).status_code == 302
    assert Tool.objects.filter(server=bank, enabled=True).count() == 3
    assert root.post(page(bank), form | {"command": '["/usr/bin/bank-mcp"]'}).status_code == 302
    assert not Tool.objects.filter(server=bank, enabled=True).exists()
