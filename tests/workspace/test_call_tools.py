"""People call tools from a ticket's page: through the same gate as agents, with a form that needs no script."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from agents import services
from agents.loop.runner import AgentRunner
from agents.models import KillSwitch, Run, ToolCall
from approvals.models import ApprovalRequest
from audit.models import AuditEntry
from supportagent.staff.models import User
from supportagent.tickets.models import Message, Ticket
from supportagent.tools.models import MCPServer, Tool, ToolGrant, ToolUserGrant
from tests.world import World

ORDER = {"tool": "store__get_order", "arg.order_id": "ORD-1042", "reason": "see the order"}
REFUND = {
    "tool": "store__issue_refund",
    "arg.order_id": "ORD-1042",
    "arg.amount_minor": "84.00",
    "arg.currency": "EUR",
    "reason": "arrived broken",
}


@pytest.fixture
def rosa(world: World, browser: Callable[[User], Client]) -> Client:
    return browser(world.rosa)


@pytest.fixture
def ana(world: World, browser: Callable[[User], Client]) -> Client:
    """The supervisor, in the roles that use tools as well."""
    world.ana.groups.add(*Group.objects.filter(name__in=["Support rep", "Billing specialist"]))
    return browser(world.ana)


def page(ticket: Ticket) -> str:
    return f"/console/tickets/{ticket.number}/"


def form(client: Client, ticket: Ticket, tool: str) -> dict[str, str]:
    """What stands hidden in the form: the tool and the key."""
    html = client.get(page(ticket), {"tool": tool}).content.decode()
    inside = html[html.index('id="tool-form"') :]
    return dict(re.findall(r'<input type="hidden" name="(tool|key)" value="([^"]*)">', inside))


def send(client: Client, ticket: Ticket, data: dict[str, str], **more: str) -> Any:
    return client.post(f"{page(ticket)}call/", {**data, **more})


def work() -> None:
    """What the workers do with everything that people asked for."""
    services.wake_effective()
    for run in Run.objects.exclude(caller=None).filter(state=Run.State.QUEUED):
        AgentRunner(run.pk).advance()


def call_of(answer: Any) -> ToolCall:
    assert answer.status_code == 302, answer.content.decode()
    found = re.search(r"call=([0-9a-f-]{36})", answer["Location"])
    assert found is not None
    return ToolCall.objects.get(pk=found[1])


def test_a_rep_reads_an_order_from_the_page_of_the_ticket(world: World, rosa: Client, ticket: Ticket) -> None:
    call = call_of(send(rosa, ticket, ORDER | form(rosa, ticket, "store__get_order")))
    underway = rosa.get(page(ticket), {"call": call.pk}).content.decode()
    assert "Under way" in underway
    work()
    html = rosa.get(page(ticket), {"call": call.pk}).content.decode()
    assert 'data-testid="tool-lines"' in html
    assert "EUR 84.00" in html
    assert "You called store__get_order" in html
    entry = AuditEntry.objects.get(run=str(call.run_id), action="agents.reads.finished")
    assert (entry.actor_type, entry.actor_id) == ("user", str(world.rosa.pk))


def test_a_refund_by_a_rep_waits_for_a_supervisor_and_happens_once(world: World, rosa: Client, ticket: Ticket) -> None:
    world.rosa.groups.add(Group.objects.get(name="Billing specialist"))
    call = call_of(send(rosa, ticket, REFUND | form(rosa, ticket, "store__issue_refund")))
    work()
    assert "waits for somebody else to decide" in rosa.get(page(ticket), {"call": call.pk}).content.decode()
    request = ApprovalRequest.objects.pending().get()
    assert (request.requested_by_name, request.amount_minor) == (world.rosa.display_name, 8400)
    world.approve(request)
    work()
    work()
    call.refresh_from_db()
    assert (call.state, world.refunds()) == ("SUCCEEDED", 1)
    ticket.refresh_from_db()
    assert ticket.state == Ticket.State.OPEN


def test_a_supervisor_cannot_approve_what_she_asked_for_on_the_page(world: World, ana: Client, ticket: Ticket) -> None:
    send(ana, ticket, REFUND | form(ana, ticket, "store__issue_refund"))
    work()
    request = ApprovalRequest.objects.pending().get()
    answer = ana.post(f"/console/approvals/{request.pk}/approve/", {"digest": request.digest})
    assert answer.status_code == 403
    assert "you asked for this yourself" in answer.content.decode()
    request.refresh_from_db()
    assert (request.state, world.refunds()) == ("PENDING", 0)


def test_without_a_grant_a_tool_is_neither_offered_nor_callable(world: World, rosa: Client, ticket: Ticket) -> None:
    assert "store__issue_refund" not in rosa.get(page(ticket)).content.decode()
    assert rosa.get(page(ticket), {"tool": "store__issue_refund"}).status_code == 404
    assert send(rosa, ticket, REFUND).status_code == 404
    assert not Run.objects.exclude(caller=None).exists()


def test_a_tool_that_only_the_house_calls_is_not_offered(world: World, rosa: Client, ticket: Ticket) -> None:
    facts = Tool.objects.get(qualified_name="store__order_facts")
    ToolUserGrant.objects.create(user=world.rosa, permission=_use(), content_object=facts)
    assert send(rosa, ticket, {**ORDER, "tool": facts.qualified_name}).status_code == 404


def test_who_has_no_tool_sees_no_panel(world: World, browser: Callable[[User], Client], ticket: Ticket) -> None:
    assert 'data-testid="tools"' not in browser(world.auditor).get(page(ticket)).content.decode()


def test_another_teams_ticket_does_not_exist(world: World, browser: Callable[[User], Client], ticket: Ticket) -> None:
    assert send(browser(world.piet), ticket, ORDER).status_code == 404


def test_an_argument_of_the_host_cannot_be_supplied(world: World, rosa: Client, ticket: Ticket) -> None:
    other = world.write("Something else", customer=type(world.customer).objects.get(reference="CUS-1002"))
    note = {"tool": "tickets__add_internal_note", "arg.body": "Looked at it", "arg.ticket": other.number}
    call = call_of(send(rosa, ticket, note, reason="for the file"))
    work()
    written = Message.objects.get(kind=Message.Kind.NOTE)
    assert (written.ticket, written.author_name) == (ticket, world.rosa.display_name)
    assert other.number not in call.bound_arguments


def test_the_kill_switch_stops_people_too(world: World, rosa: Client, ticket: Ticket) -> None:
    KillSwitch.objects.update(engaged=True)
    call = call_of(send(rosa, ticket, ORDER))
    work()
    assert "all effects are stopped" in rosa.get(page(ticket), {"call": call.pk}).content.decode()


def test_a_form_that_is_sent_twice_makes_one_call(rosa: Client, ticket: Ticket) -> None:
    data = ORDER | form(rosa, ticket, "store__get_order")
    assert call_of(send(rosa, ticket, data)) == call_of(send(rosa, ticket, data))


def test_a_form_that_is_sent_again_with_something_else_says_so(rosa: Client, ticket: Ticket) -> None:
    data = ORDER | form(rosa, ticket, "store__get_order")
    send(rosa, ticket, data)
    answer = send(rosa, ticket, data | {"arg.order_id": "ORD-1043"})
    assert answer.status_code == 409
    html = answer.content.decode()
    assert "sent already" in html
    assert 'value="ORD-1043"' in html
    assert data["key"] not in html


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"arg.order_id": "42"}, "does not match"),
        ({"arg.order_id": ""}, "This is needed."),
        ({"reason": ""}, "Say in one line"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_what_was_typed_is_kept(
    rosa: Client, ticket: Ticket, changes: dict[str, str], words: str
) -> None:
    answer = send(rosa, ticket, {**ORDER, "key": "a-key", **changes})
    html = answer.content.decode()
    assert answer.status_code == 422
    assert re.search(rf'class="field__error"[^>]*>[^<]*{re.escape(words)}', html)
    assert 'value="a-key"' in html
    assert f'value="{changes.get("reason", ORDER["reason"])}"' in html
    assert not Run.objects.exclude(caller=None).exists()


def test_a_customer_who_is_not_proved_is_not_served_by_tools_for_proved_ones(world: World, rosa: Client) -> None:
    claimed = world.write(assurance=Ticket.Assurance.CLAIMED)
    html = rosa.get(page(claimed)).content.decode()
    assert "knowledge__search_articles" in html
    assert "store__get_order" not in html
    assert send(rosa, claimed, ORDER).status_code == 404


def test_the_call_of_a_colleague_is_seen_and_its_result_is_not(
    world: World, rosa: Client, ana: Client, ticket: Ticket, browser: Callable[[User], Client]
) -> None:
    payments = {"tool": "store__list_payments", "arg.order_id": "ORD-1042", "reason": "how it was paid"}
    call = call_of(send(ana, ticket, payments))
    work()
    html = rosa.get(page(ticket)).content.decode()
    assert f"{world.ana.display_name} called store__list_payments" in html
    assert rosa.get(page(ticket), {"call": call.pk}).status_code == 404
    assert rosa.get(page(ticket), {"call": "nonsense"}).status_code == 404


def test_the_run_of_a_direct_call_says_who_called_what(world: World, ana: Client, ticket: Ticket) -> None:
    call = call_of(send(ana, ticket, ORDER))
    work()
    html = ana.get(f"/console/runs/{call.run_id}/").content.decode()
    assert f"{world.ana.display_name} called store__get_order (succeeded) without a model." in html
    assert "stated reason" in html
    assert world.ana.display_name in ana.get("/console/runs/").content.decode()


def test_every_kind_of_argument_is_typed_as_its_schema_says(world: World, rosa: Client, ticket: Ticket) -> None:
    _everything(world)
    html = rosa.get(page(ticket), {"tool": "crm__everything"}).content.decode()
    assert 'type="date"' in html
    data = {
        "tool": "crm__everything",
        "reason": "try it",
        "arg.name": "Ana",
        "arg.count": "3",
        "arg.rate": "7",
        "arg.urgent": "true",
        "arg.colour": '"red"',
        "arg.day": "2026-03-01",
        "arg.tags": "one\r\n\r\ntwo",
        "arg.more": '{"a": [1]}',
    }
    call = call_of(send(rosa, ticket, data))
    assert call.arguments == (
        '{"colour":"red","count":3,"day":"2026-03-01","more":{"a":[1]},"name":"Ana","rate":7,'
        '"tags":["one","two"],"urgent":true}'
    )
    for name, text in (("count", "three"), ("rate", "1.5"), ("more", "{"), ("more", "1, 2")):
        assert send(rosa, ticket, {**data, f"arg.{name}": text}).status_code == 422


def _use() -> Permission:
    return Permission.objects.get(content_type__app_label="tools", codename="use_tool")


def _everything(world: World) -> None:
    """An imported tool with an argument of every kind."""
    properties = {
        "name": {"type": "string"},
        "count": {"type": "integer"},
        "rate": {"type": "number"},
        "urgent": {"type": "boolean"},
        "colour": {"enum": ["red", "blue"]},
        "day": {"type": "string", "format": "date"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "more": {"type": "object"},
    }
    tool = Tool.objects.create(
        server=MCPServer.objects.create(name="crm", title="CRM", transport="http"),
        name="everything",
        qualified_name="crm__everything",
        description="Everything.",
        input_schema={"type": "object", "properties": properties, "additionalProperties": False},
        definition_hash="x",
        effect="READ",
    )
    ToolGrant.objects.create(group=Group.objects.get(name="Support rep"), permission=_use(), content_object=tool)
