"""What outside clients get from `/mcp`: the caller's tools, through the same gate, in both eras of the protocol."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import Group

from agents.mcp import served
from agents.models import Run, ToolCall
from approvals import services as approvals
from approvals.models import ApprovalPolicy, ApprovalRequest
from audit.models import AuditEntry
from supportagent.staff.models import User
from supportagent.tickets.models import Ticket
from supportagent.tools.models import Tool
from tests.mcp.served.conftest import CLIENTS, Connect, until
from tests.mcp.served.house import Worker
from tests.mcp.served.outside import Unknown
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

READ = {"order_id": "ORD-1042", "stated_reason": "see the order"}
REFUND = {"order_id": "ORD-1042", "amount_minor": 8400, "currency": "EUR", "stated_reason": "arrived broken"}
UNKNOWN = (-32602, "Unknown tool")


@pytest.mark.parametrize("kind", CLIENTS)
def test_a_client_lists_reads_is_refused_and_gets_an_approval_through(
    world: World, ticket: Ticket, biller: User, worker: Worker, connect: Connect, kind: str
) -> None:
    client = connect(biller, kind)
    tools = client.tools()
    assert {"store__get_order", "store__issue_refund", "supportagent__call_status"} <= tools.keys()

    read = client.call("store__get_order", {**READ, "ticket": ticket.number})
    assert (read.is_error, read.status, read.data["result"]["order_id"]) == (False, "done", "ORD-1042")
    assert '"ORD-1042"' in read.text, "also for a client that reads text only"

    for name in ("engineering__get_service_logs", "store__order_facts", "no_such_tool"):  # not granted, hidden, none
        with pytest.raises(Unknown) as unknown:
            client.call(name, {**READ, "ticket": ticket.number})
        assert unknown.value.args == UNKNOWN
    wrong = client.call("store__issue_refund", {**REFUND, "amount_minor": "8400", "ticket": ticket.number})
    assert (wrong.is_error, wrong.status, wrong.code) == (True, "refused", "invalid_arguments")

    held = client.call("store__issue_refund", {**REFUND, "ticket": ticket.number})
    assert (held.is_error, held.status) == (False, "waiting_for_approval")
    request = ApprovalRequest.objects.pending().get()
    assert held.data["reference"] == request.reference
    assert "result" not in held.data
    assert client.call("supportagent__call_status", {"call": held.data["call"]}).status == "waiting_for_approval"
    assert world.refunds() == 0

    world.approve(request)
    done = until(client, held.data["call"], "done")
    assert done.data["result"]["refunded_minor"] == 8400
    assert world.refunds() == 1
    run = Run.objects.get(tool_calls=held.data["call"])
    assert (run.caller, run.via) == (biller, "mcp")
    actors = set(AuditEntry.objects.filter(run=str(run.pk)).values_list("actor_type", "actor_id"))
    assert ("user", str(biller.pk)) in actors


def test_two_callers_see_and_call_what_their_own_roles_may(
    world: World, ticket: Ticket, worker: Worker, connect: Connect
) -> None:
    tech = User.objects.create_user("tech")
    tech.groups.add(Group.objects.get(name="Technical specialist"))
    rep, specialist = connect(world.rosa).tools(), connect(tech).tools()
    assert "store__get_order" in rep
    assert "engineering__get_service_logs" not in rep
    assert "engineering__get_service_logs" in specialist
    assert "store__get_order" not in specialist
    nobody = User.objects.create_user("nobody")
    assert connect(nobody).tools().keys() == {"supportagent__call_status"}, "who sees no ticket calls nothing"
    with pytest.raises(Unknown) as unknown:
        connect(nobody).call("supportagent__find_tickets", {})
    assert unknown.value.args == UNKNOWN


def test_an_offered_tool_asks_for_a_ticket_and_a_reason_and_for_nothing_that_the_host_fills_in(
    world: World, connect: Connect
) -> None:
    note = connect(world.rosa).tools()["tickets__add_internal_note"]
    schema = note["inputSchema"]
    assert list(schema["properties"]) == ["ticket", "stated_reason", "body"]
    assert schema["required"][:2] == ["ticket", "stated_reason"]
    assert schema["additionalProperties"] is False
    assert note["annotations"]["readOnlyHint"] is False


def test_a_ticket_out_of_view_is_as_unknown_as_none(
    world: World, ticket: Ticket, worker: Worker, connect: Connect
) -> None:
    world.piet.groups.add(Group.objects.get(name="Support rep"))
    partner = connect(world.piet)
    for number in (ticket.number, "T-999999", "", None, ["T-1"], 7):
        told = partner.call("store__get_order", {**READ, "ticket": number})
        assert (told.status, told.code, told.data["call"]) == ("refused", "unknown_ticket", None)
    assert not Run.objects.exclude(caller=None).exists()
    assert partner.call("supportagent__find_tickets", {}).data == {"tickets": [], "next": None}


def test_what_the_policy_denies_is_refused_with_its_code(
    world: World, ticket: Ticket, biller: User, worker: Worker, connect: Connect
) -> None:
    tool = Tool.objects.get(qualified_name="store__issue_refund")
    ApprovalPolicy.objects.create(order=0, name="No refunds", tool=tool, outcome=ApprovalPolicy.Outcome.DENY)
    told = connect(biller).call("store__issue_refund", {**REFUND, "ticket": ticket.number})
    if told.status == "under_way":
        told = until(connect(biller), told.data["call"], "refused")
    assert (told.is_error, told.status, told.code) == (True, "refused", "denied_by_policy")
    assert world.refunds() == 0


def test_a_rejected_call_is_told_as_refused(
    world: World, ticket: Ticket, biller: User, worker: Worker, connect: Connect
) -> None:
    client = connect(biller)
    held = client.call("store__issue_refund", {**REFUND, "ticket": ticket.number})
    request = ApprovalRequest.objects.pending().get()
    approvals.reject(
        request=request, by=world.ana, shown_digest=request.digest, reason_code="policy", customer_text="", reason="no"
    )
    assert until(client, held.data["call"], "refused").code == "rejected"
    assert world.refunds() == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 84.5},
        {"amount_minor": True},
        {"amount_minor": -1},
        {"amount_minor": 2**60},
        {"order_id": "#W1' OR 1=1"},
        {"order_id": ["ORD-1042"]},
        {"customer": "CUS-1002"},
        {"idempotency_key": "mine"},
        {"stated_reason": ""},
        {"stated_reason": None},
        {"stated_reason": "x" * 301},
        {"order_id": "x" * 70_000},
    ],
)
def test_arguments_that_are_not_as_the_schema_wants_them_reach_no_domain(
    world: World, ticket: Ticket, biller: User, connect: Connect, changes: dict[str, Any]
) -> None:
    told = connect(biller).call("store__issue_refund", {**REFUND, "ticket": ticket.number, **changes})
    assert (told.status, told.code, told.data["call"]) == ("refused", "invalid_arguments", None)
    assert not ToolCall.objects.exists()


def test_a_repeated_key_returns_the_first_call_and_refuses_another_one(
    world: World, ticket: Ticket, biller: User, worker: Worker, connect: Connect
) -> None:
    client, asked = connect(biller), {**REFUND, "ticket": ticket.number}
    first = client.call("store__issue_refund", asked, key="refund-1")
    again = client.call("store__issue_refund", asked, key="refund-1")
    assert (again.data["call"], again.data["reference"]) == (first.data["call"], first.data["reference"])
    other = client.call("store__issue_refund", {**asked, "amount_minor": 8399}, key="refund-1")
    assert (other.status, other.code) == ("refused", "key_reused")
    long = client.call("store__issue_refund", asked, key="x" * 300)
    assert (long.status, long.code) == ("refused", "invalid_key")
    assert ApprovalRequest.objects.count() == 1


def test_the_call_of_another_account_is_not_found(
    world: World, ticket: Ticket, biller: User, worker: Worker, connect: Connect
) -> None:
    read = connect(biller).call("store__get_order", {**READ, "ticket": ticket.number})
    for call in (read.data["call"], "00000000-0000-0000-0000-000000000000", "x", ""):
        told = connect(world.ana).call("supportagent__call_status", {"call": call})
        assert (told.status, told.code) == ("refused", "unknown_call")
    wrong = connect(world.ana).call("supportagent__call_status", {"call": 7})
    assert wrong.code == "invalid_arguments"


def test_a_call_that_no_worker_takes_is_told_as_under_way(
    world: World, ticket: Ticket, connect: Connect, settings: Any
) -> None:
    settings.MCP_WAIT_SECONDS = 0.2
    client = connect(world.rosa)
    told = client.call("store__get_order", {**READ, "ticket": ticket.number})
    assert (told.is_error, told.status) == (False, "under_way")
    with Worker():
        assert until(client, told.data["call"], "done").data["result"]["order_id"] == "ORD-1042"


def test_tickets_are_found_in_pages_by_customer_and_without_what_the_role_may_not_read(
    world: World, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.mcp.served.PAGE", 2)
    for number in range(3):
        ticket = world.write(f"Question {number}")
        Ticket.objects.filter(pk=ticket.pk).update(state="RESOLVED")
        Ticket.objects.create(
            number=f"T-90{number}", customer=world.customer, team=ticket.team, subject=f"Question {number}"
        )
    client = connect(world.rosa)
    first = client.call("supportagent__find_tickets", {}).data
    assert [ticket["number"] for ticket in first["tickets"]] == ["T-902", "T-901"]
    rest = client.call("supportagent__find_tickets", {"before": first["next"]}).data
    assert ([ticket["number"] for ticket in rest["tickets"]], rest["next"]) == (["T-900"], None)
    assert first["tickets"][0]["subject"] == "Question 2"
    assert client.call("supportagent__find_tickets", {"customer": "CUS-1002"}).data["tickets"] == []
    auditor = connect(world.auditor).call("supportagent__find_tickets", {}).data
    assert "subject" not in auditor["tickets"][0]
    assert client.call("supportagent__find_tickets", {"limit": 500}).code == "invalid_arguments"


def test_a_service_account_calls_with_its_own_rights(
    world: World, ticket: Ticket, worker: Worker, connect: Connect
) -> None:
    read = connect(world.agent.service_user).call("store__get_order", {**READ, "ticket": ticket.number})
    assert read.status == "done"


def test_a_foreign_tool_that_takes_a_ticket_itself_is_not_offered(
    world: World, ticket: Ticket, biller: User, connect: Connect
) -> None:
    Tool.objects.filter(qualified_name="store__get_order").update(
        input_schema={"type": "object", "properties": {"ticket": {"type": "string"}}}
    )
    assert "store__get_order" not in connect(biller).tools()
    with pytest.raises(Unknown):
        connect(biller).call("store__get_order", {**READ, "ticket": ticket.number})


def test_requests_at_the_same_time_do_not_wait_for_each_other(
    world: World, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = threading.Barrier(4, timeout=20)
    offer = served._offer

    def offer_when_all_are_here(caller: Any) -> Any:
        together.wait()
        return offer(caller)

    monkeypatch.setattr(served, "_offer", offer_when_all_are_here)
    client = connect(world.rosa)
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: client.ask("tools/list").status, range(4)))
    assert replies == [200] * 4
