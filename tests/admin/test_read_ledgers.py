"""Ledgers in the admin: to read, by team; nobody writes in them."""

import uuid

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.models import Budget, HandOff, ModelCall, Run, RunEvent, Spend, ToolCall
from approvals.models import ApprovalPolicy, ApprovalRequest
from supportagent.grants.models import Receipt
from supportagent.staff.models import User
from supportagent.tickets.models import Ticket
from tests.world import World, team

LEDGERS = (
    "agents.run",
    "agents.runevent",
    "agents.handoff",
    "agents.modelcall",
    "agents.toolcall",
    "agents.effectsubject",
    "agents.spend",
    "approvals.approvalrequest",
    "approvals.approvaldecision",
    "grants.receipt",
)
BY_TEAM = tuple(label for label in LEDGERS if label not in ("agents.effectsubject", "grants.receipt"))
LISTS = (*LEDGERS, "agents.budget", "agents.agent", "approvals.approvalpolicy", "tools.tool", "tools.mcpserver")


@pytest.fixture
def done(world: World) -> World:
    """A refund that was asked for, approved and carried out: a row in every ledger."""
    request = world.held_refund()
    world.approve(request)
    run = world.advance(request.ticket)
    HandOff.objects.create(from_run=run, to_run=_another(run), reason="money", summary="s", brief={}, after_seq=1)
    return world


def _another(run: Run) -> Run:
    return Run.objects.create(ticket=run.ticket, agent=run.agent, state="COMPLETED", assurance=run.assurance)


def address(label: str) -> str:
    return f"/admin/{label.replace('.', '/')}/"


@pytest.mark.parametrize("label", LEDGERS)
def test_not_even_a_superuser_writes_in_a_ledger(done: World, root: Client, label: str) -> None:
    row = apps.get_model(label)._default_manager.first()
    assert row is not None
    page = f"{address(label)}{row.pk}/"
    assert root.get(f"{page}change/").status_code == 200
    assert root.post(f"{page}change/", {"state": "COMPLETED"}).status_code == 403
    assert root.post(f"{page}delete/", {"post": "yes"}).status_code == 403
    assert root.post(f"{address(label)}add/", {}).status_code == 403
    form = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    root.post(address(label), form)
    assert apps.get_model(label)._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("label", BY_TEAM)
def test_a_supervisor_of_another_team_finds_nothing_in_a_ledger(done: World, client: Client, label: str) -> None:
    row = apps.get_model(label)._default_manager.first()
    assert row is not None
    for person, seen in ((done.ana, True), (done.piet, False)):
        client.force_login(person)
        assert bool(client.get(address(label)).context["cl"].result_list) is seen
        assert client.get(f"{address(label)}{row.pk}/change/").status_code == (200 if seen else 302)


def test_what_the_customer_wrote_is_shown_to_those_who_may_see_personal_data(done: World, client: Client) -> None:
    page = f"/admin/agents/toolcall/{done.call().pk}/change/"
    for person, seen in ((done.ana, True), (done.auditor, False)):
        client.force_login(person)
        assert ("arrived broken" in client.get(page).content.decode()) is seen


@pytest.mark.slow
@pytest.mark.parametrize("label", LISTS)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(done: World, root: Client, label: str) -> None:
    root.get(address(label))
    few = _queries(root, address(label))
    _copy_many(label)
    assert _queries(root, address(label)) == few


def _queries(client: Client, page: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(page).status_code == 200
    return len(captured)


def _copy_many(label: str) -> None:
    """Twenty more rows like the first, different where they must be."""
    model = apps.get_model(label)
    first = model._default_manager.first()
    for number in range(20):
        first.pk = uuid.uuid4() if model in (Run, ToolCall) else None
        first._state.adding = True
        for name, value in _different(model, number).items():
            setattr(first, name, value)
        first.save(force_insert=True)


def _different(model: type, number: int) -> dict[str, object]:
    if model.__name__ == "Agent":
        account = User.objects.create_user(f"agent-{number}", kind="service")
        return {"slug": f"a{number}", "service_user": account, "receives_requests": False}
    if model is HandOff:
        first = HandOff.objects.earliest("pk").from_run
        return {"from_run": _another(first), "to_run": _another(first)}
    if model.__name__ == "ApprovalDecision":
        return {"decided_by": User.objects.create_user(f"decider-{number}")}
    return {
        RunEvent: {"seq": 1000 + number},
        ModelCall: {"turn": 1000 + number},
        ToolCall: {"turn": 1000 + number},
        Budget: {"subject": f"s{number}"},
        Receipt: {"key": f"key-{number}"},
        ApprovalRequest: {"call_id": uuid.uuid4()},
    }.get(model, {"key": f"order:{number}", "name": f"n{number}", "qualified_name": f"q{number}"})


def test_every_model_of_agents_approvals_tools_and_grants_is_in_the_admin() -> None:
    # Guardian's tables, routes and levels are inlines on their object's page, a resolution stands on its call's, a
    # notice with its mails, a comparison on its agent's; a server's health and an alert have pages of their own, and
    # the sums that are worked out from other rows are what the pages about cost and measures show.
    inline = {"toolgrant", "toolusergrant", "agentgroupgrant", "agentusergrant", "resolution", "notice"}
    inline |= {"serverhealth", "serverminute", "handoffroute", "categoryautonomy", "costalert", "comparison"}
    inline |= {"interaction", "rollupmark", "spendhour"}
    models = {
        model
        for app in ("agents", "approvals", "tools", "grants")
        for model in apps.get_app_config(app).get_models()
        if not model._meta.model_name.startswith("historical") and model._meta.model_name not in inline
    }
    assert models <= set(admin.site._registry)
    assert {Spend, Run, ApprovalPolicy} <= models and Ticket not in models and team
