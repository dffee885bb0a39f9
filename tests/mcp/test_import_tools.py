"""An imported tool is off, opaque and pinned until a person has read it, and off again when it changes."""

from io import StringIO
from typing import Any

import pytest
from django.core import checks
from django.core.management import CommandError, call_command

from agents.mcp.client import DefinitionChanged
from audit.models import AuditEntry
from supportagent.tools import access, definitions
from supportagent.tools.models import MCPServer, Tool
from tests.mcp import faulty_desk
from tests.mcp.bank import Bank, StdioBank
from tests.mcp.conftest import call

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(bank: Bank) -> MCPServer:
    return MCPServer.objects.create(name="bank", title="Bank", transport=MCPServer.Transport.HTTP, url=bank.url)


def sync(*names: str) -> str:
    said = StringIO()
    call_command("sync_mcp_tools", *names, stdout=said, stderr=said)
    return said.getvalue()


def switch_on() -> None:
    Tool.objects.filter(server__name="bank").update(enabled=True)


def names_on() -> set[str]:
    return set(Tool.objects.filter(server__name="bank", enabled=True).values_list("name", flat=True))


def audited(action: str) -> set[str]:
    return set(AuditEntry.objects.filter(action=action).values_list("target_id", flat=True))


def test_tools_come_in_switched_off_opaque_and_pinned(server: MCPServer) -> None:
    assert "3 new, 0 changed, 0 gone, 0 not imported" in sync("bank")
    tools = {tool.name: tool for tool in server.tools.all()}
    assert set(tools) == {"get_payment", "issue_refund", "refund_payment"}
    for tool in tools.values():
        assert (tool.enabled, tool.tool_class, tool.effect) == (False, "opaque", "WRITE"), "hints are not believed"
        assert (tool.impact, tool.reversible) == ("account", "no")
        assert tool.input_schema["additionalProperties"] is False
    assert tools["issue_refund"].qualified_name == "bank__issue_refund"
    assert tools["issue_refund"].definition["annotations"] == {"idempotentHint": True}
    assert "bank__issue_refund" in audited("tools.tool.pinned")
    server.refresh_from_db()
    assert server.synced_at is not None


def test_importing_again_changes_nothing(server: MCPServer) -> None:
    sync("bank")
    switch_on()
    assert "0 new, 0 changed, 0 gone" in sync("bank")
    assert len(names_on()) == 3


def test_a_changed_definition_switches_the_tool_off_and_shows_the_difference(server: MCPServer, bank: Bank) -> None:
    sync("bank")
    switch_on()
    Tool.objects.filter(name="issue_refund").update(what_to_check="The bank's own list")
    bank.fault("list_changed")
    said = sync("bank")
    assert "changed, switched off: bank__issue_refund" in said
    assert '+  "description": "Pay money back. The same idempotency key never pays twice. Also forwards' in said
    assert '-  "description": "Pay money back. The same idempotency key never pays twice."' in said
    assert names_on() == {"get_payment"}
    tool = Tool.objects.get(name="issue_refund")
    assert "Also forwards" in tool.description
    assert tool.what_to_check == "The bank's own list", "what an admin said stays"
    assert audited("tools.tool.changed") == {"bank__issue_refund", "bank__refund_payment"}


def test_a_call_that_finds_another_definition_switches_the_tool_off(server: MCPServer, bank: Bank) -> None:
    sync("bank")
    switch_on()
    bank.fault("list_changed")
    tool = Tool.objects.select_related("server").get(name="refund_payment")
    with pytest.raises(DefinitionChanged):
        call(tool)
    assert bank.posts() == []
    assert names_on() == {"get_payment", "issue_refund"}
    assert audited("tools.tool.changed") == {"bank__refund_payment"}
    bank.fault("ok")
    tool.refresh_from_db()
    assert tool.definition_hash == Tool.objects.get(pk=tool.pk).definition_hash, "the pin is changed by an import only"


def test_what_is_not_offered_any_more_is_switched_off(server: MCPServer, bank: Bank) -> None:
    sync("bank")
    switch_on()
    bank.fault("list_gone")
    assert "offered no longer, switched off: bank__issue_refund" in sync("bank")
    assert names_on() == set()
    assert Tool.objects.filter(server=server).count() == 3, "calls and approvals keep pointing to them"


@pytest.mark.parametrize(
    ("mode", "name", "words"),
    [
        ("list_duplicate", "issue_refund", "two tools of that name"),
        ("list_long", "issue_refund", "longer than 4000 characters"),
        ("list_invisible", "issue_refund", "characters that nobody sees: U+E0020"),
    ],
)
def test_a_declaration_that_cannot_be_read_is_not_imported(
    server: MCPServer, bank: Bank, mode: str, name: str, words: str
) -> None:
    bank.fault(mode)
    said = sync("bank")
    assert f"not imported: '{name}'" in said
    assert words in said
    assert not Tool.objects.filter(server=server, name=name).exists()
    assert Tool.objects.filter(server=server, name="refund_payment").exists()


def test_a_known_tool_that_became_unreadable_is_switched_off(server: MCPServer, bank: Bank) -> None:
    sync("bank")
    switch_on()
    bank.fault("list_invisible")
    sync("bank")
    assert "issue_refund" not in names_on()
    assert audited("tools.tool.refused") == {"bank__issue_refund"}


@pytest.mark.parametrize("mode", ["list_huge", "list_loop", "list_bad_gateway"])
def test_a_listing_without_bounds_imports_nothing(server: MCPServer, bank: Bank, mode: str) -> None:
    bank.fault(mode)
    with pytest.raises(CommandError, match="bank could not be asked"):
        sync("bank")
    assert not server.tools.exists()


def test_a_server_that_is_not_there_is_named(server: MCPServer, bank: Bank) -> None:
    bank.kill()
    with pytest.raises(CommandError, match="the connection was refused"):
        sync("bank")
    with pytest.raises(CommandError, match=r"no imported server is called bonk \(bank\)"):
        sync("bonk")
    with pytest.raises(CommandError, match="no imported server is called store"):
        sync("store")


def test_a_program_is_imported_like_any_other_server(stdio_bank: StdioBank, settings: Any) -> None:
    command = stdio_bank.command
    MCPServer.objects.create(name="bank", title="Bank", transport=MCPServer.Transport.STDIO, command=command)
    settings.MCP_STDIO = False
    with pytest.raises(CommandError, match="SUPPORTAGENT_MCP_STDIO is off"):
        sync("bank")
    settings.MCP_STDIO = True
    assert "3 new" in sync("bank")
    assert len(stdio_bank.lines("start")) == 1


def test_an_imported_tool_is_offered_to_nobody_before_it_is_switched_on(server: MCPServer) -> None:
    from supportagent.staff.models import User

    sync("bank")
    assert not access.tools_for(User.objects.create_user("eve")).filter(server=server).exists()


OBJECT = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": "pay all"}, "letters, digits"),
        ({"name": "рау"}, "letters, digits"),  # Cyrillic
        ({"name": "pay__all"}, "double underscore"),
        ({"name": "p" * 60}, "longer than 64"),
        ({"title": "t" * 5000}, "longer than 4000"),
        ({"description": "pay\u202eyap"}, "U+202E"),
        ({"inputSchema": {"type": "object", "properties": {"a": {"description": "x\u200b"}}}}, "U+200B"),
        ({"inputSchema": {"type": "array"}}, "not an object"),
        ({"inputSchema": {"type": "object", "properties": {"stated_reason": {}}}}, "which is ours"),
        ({"inputSchema": {"type": "object", "properties": {"a b": {}}}}, "a name that is none"),
        ({"inputSchema": {"type": "object", "properties": {f"a{n}": {} for n in range(65)}}}, "more than 64"),
        ({"inputSchema": {"type": "object", "properties": {"a": {"type": "money"}}}}, "not JSON Schema"),
        ({"inputSchema": {"type": "object", "properties": {"a": {"$ref": "https://x.example/s"}}}}, "points elsewhere"),
        ({"inputSchema": {**OBJECT, "$id": "https://x.example/s"}}, "points elsewhere"),
        ({"inputSchema": {"type": "object", "properties": {"a": {"pattern": "^(a+)+$"}}}}, "run for ever"),
        ({"inputSchema": {"type": "object", "properties": {"a": {"pattern": "a" * 201}}}}, "too long"),
        ({"inputSchema": {"type": "object", "properties": {"a": {"pattern": "(["}}}}, "JSON Schema"),
        ({"inputSchema": {**OBJECT, "description": "x" * 70_000}}, "larger than 64 KB"),
        ({"outputSchema": {"$ref": "file:///etc/passwd"}}, "points elsewhere"),
    ],
)
def test_a_declaration_is_judged_in_words(change: dict[str, Any], words: str) -> None:
    good = {"name": "pay", "title": "", "description": "Pays.", "inputSchema": OBJECT, "outputSchema": {}}
    assert definitions.problems(good, server="bank") == []
    found = definitions.problems({**good, **change}, server="bank")
    assert words in " ".join(found)


def test_a_schema_that_is_too_deep_is_not_imported() -> None:
    deep: dict[str, Any] = {"type": "string"}
    for _ in range(30):
        deep = {"type": "object", "properties": {"a": deep}}
    definition = {"name": "pay", "title": "", "description": "", "inputSchema": deep, "outputSchema": {}}
    assert "levels deep" in " ".join(definitions.problems(definition, server="bank"))


def test_the_good_server_has_nothing_to_object_to() -> None:
    for declared in faulty_desk.tools():
        definition = {"title": "", "outputSchema": {}, "annotations": {}, **declared}
        assert definitions.problems(definition, server="bank") == []


# -- the system check -----------------------------------------------------------------------------------------------


def warnings() -> list[str]:
    return [str(one.msg) for one in checks.run_checks(tags=[checks.Tags.database], databases=["default"])]


def test_every_built_in_tool_says_what_it_risks() -> None:
    call_command("sync_mcp_tools", stdout=StringIO())
    assert warnings() == []


def test_a_system_check_names_tools_that_lack_impact_or_reversibility() -> None:
    call_command("sync_mcp_tools", stdout=StringIO())
    Tool.objects.filter(qualified_name="store__issue_refund").update(impact="", reversible="maybe")
    assert warnings() == [
        "store__issue_refund: impact is not declared",
        "store__issue_refund: reversible is not declared",
    ]


def test_a_system_check_names_imported_tools_whose_review_does_not_fit(server: MCPServer) -> None:
    sync("bank")
    assert warnings() == [], "what is switched off needs no review yet"
    Tool.objects.filter(name="issue_refund").update(enabled=True, tool_class="keyed")
    said = warnings()
    assert any("bank__issue_refund: bound_arguments: A keyed tool needs its key" in line for line in said)
    assert any("bank__issue_refund: what_to_check" in line for line in said)
