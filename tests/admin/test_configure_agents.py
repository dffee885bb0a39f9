"""Agents, budgets and the kill switch in the admin."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from agents.costs import budgets
from agents.models import Agent, Budget, KillSwitch
from supportagent.staff.models import Team, User
from supportagent.tools import access
from tests.admin.conftest import grants
from tests.world import World

INLINES = grants("agentgroupgrant_set") | grants("agentusergrant_set")


def form_of(world: World, **changes: Any) -> dict[str, Any]:
    form = {
        "name": "Billing desk",
        "slug": "billing-desk",
        "status": "draft",
        "team": str(Team.objects.get(slug="billing").pk),
        "goal": "Answer questions about invoices.",
        "success_criteria": "The customer has the invoice.",
        "instructions": "Be brief.",
        "autonomy": "draft",
        "min_confidence": "60",
        "max_turns": "8",
        "max_tool_calls": "8",
        "max_seconds": "60",
        "max_output_tokens": "512",
        "session_cap_micros": "0.25",
        "roles": [str(Group.objects.get(name="Support rep").pk)],
        **INLINES,
    }
    return {**form, **changes}


def test_a_new_agent_gets_an_account_of_its_own_with_the_rights_of_its_roles(world: World, root: Client) -> None:
    answer = root.post("/admin/agents/agent/add/", form_of(world))
    assert answer.status_code == 302, answer.context["errors"]
    agent = Agent.objects.get(slug="billing-desk")
    account = agent.service_user
    assert (account.username, account.kind, account.has_usable_password()) == ("agent-billing-desk", "service", False)
    assert agent.session_cap_micros == 250_000
    assert "store__get_order" in access.granted(account)
    assert list(Team.objects.visible_to(account)) == [agent.team]


def test_a_role_that_decides_is_not_offered_to_an_agent(world: World, root: Client) -> None:
    supervisor = Group.objects.get(name="Supervisor")
    answer = root.post("/admin/agents/agent/add/", form_of(world, roles=[str(supervisor.pk)]))
    assert "roles" in answer.context["adminform"].form.errors
    assert not User.objects.filter(username="agent-billing-desk").exists()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("slug", {"slug": "concierge"}),
        ("autonomy", {"autonomy": "boundless"}),
        ("min_confidence", {"min_confidence": "101"}),
        ("min_confidence", {"min_confidence": "-1"}),
        ("channels", {"channels": ["telepathy"]}),
        ("languages", {"languages": "en, <script>"}),
        ("languages", {"languages": "english"}),
        ("languages", {"languages": "e\x00n"}),
        ("receives_requests", {"receives_requests": "on"}),
        ("max_turns", {"max_turns": "0"}),
        ("session_cap_micros", {"session_cap_micros": "-1"}),
        ("session_cap_micros", {"session_cap_micros": "9" * 40}),
        ("session_cap_micros", {"session_cap_micros": "NaN"}),
        ("provider", {"provider": "os.system"}),
        ("__all__", {"input_price_micros": "1.5"}),
    ],
)
def test_a_mistake_is_named_at_its_field(world: World, root: Client, field: str, changes: dict[str, str]) -> None:
    answer = root.post("/admin/agents/agent/add/", form_of(world, **changes))
    assert answer.status_code == 200
    assert field in answer.context["adminform"].form.errors


def test_pausing_takes_a_reason_and_is_kept_in_the_history(world: World, client: Client) -> None:
    client.force_login(world.ana)
    page = f"/admin/agents/agent/{world.agent.pk}/pause/"
    assert client.post(page, {"_form_submitted": "on"}).status_code == 200
    assert Agent.objects.get().status == Agent.Status.LIVE
    answer = client.post(page, {"_form_submitted": "on", "reason": "Wrong tone"})
    assert answer.status_code == 302
    newest = world.agent.history.first()
    assert (newest.status, newest.history_change_reason, newest.history_user) == ("paused", "Wrong tone", world.ana)


def test_the_page_of_an_agent_lists_what_it_may_call(world: World, root: Client) -> None:
    body = root.get(f"/admin/agents/agent/{world.agent.pk}/change/").content.decode()
    assert "store__issue_refund" in body and "Billing specialist" in body
    assert "store__order_facts" not in body


def test_a_cap_below_what_is_reserved_is_accepted_and_stops_new_calls_only(world: World, root: Client) -> None:
    ticket = world.write()
    run = ticket.runs.get()
    held = budgets.reserve(run=run, amount=400_000, price_id="test")
    budget = Budget.objects.get(scope="ticket")
    page = f"/admin/agents/budget/{budget.pk}/change/"
    answer = root.post(page, {"cap": "0.10", "change_reason": "Too dear"})
    assert answer.status_code == 302, answer.context["errors"]
    with pytest.raises(budgets.BudgetDenied):
        budgets.reserve(run=run, amount=1, price_id="test")
    budgets.settle(held, charged=300_000)
    budget.refresh_from_db()
    assert (budget.cap, budget.reserved, budget.spent) == (100_000, 0, 300_000)


def test_saving_a_cap_does_not_undo_what_was_spent_meanwhile(world: World) -> None:
    """The form holds the row as it was read; only the cap is written."""
    from django.contrib import admin
    from django.test import RequestFactory

    budget = Budget.objects.filter(scope="agent").first()
    assert budget is not None
    Budget.objects.filter(pk=budget.pk).update(spent=777)
    budget.cap = 5_000_000
    request = RequestFactory().post("/")
    request.user = world.admin
    model_admin = admin.site.get_model_admin(Budget)
    form = model_admin.get_form(request, budget, change=True)({"cap": "5", "change_reason": "More"}, instance=budget)
    assert form.is_valid(), form.errors
    model_admin.save_model(request, form.save(commit=False), form, change=True)
    budget.refresh_from_db()
    assert (budget.cap, budget.spent) == (5_000_000, 777)


@pytest.mark.parametrize(
    "form",
    [
        {"scope": "agent", "subject": "nobody"},
        {"scope": "organisation", "subject": "concierge"},
        {"scope": "ticket", "subject": ""},
        {"scope": "customer", "subject": "CUS-9999"},
    ],
)
def test_a_budget_for_nobody_is_refused(world: World, root: Client, form: dict[str, str]) -> None:
    answer = root.post("/admin/agents/budget/add/", {**form, "period": "day", "cap": "1"})
    assert answer.status_code == 200
    assert "subject" in answer.context["adminform"].form.errors


def test_the_kill_switch_is_one_row_that_is_switched_with_a_reason(world: World, root: Client) -> None:
    page = "/admin/agents/killswitch/1/change/"
    assert root.get("/admin/agents/killswitch/").headers["Location"] == page
    assert "no agent of this installation calls a tool any more" in root.get(page).content.decode()
    assert root.post(page, {"engaged": "on"}).status_code == 200
    assert root.post(page, {"engaged": "on", "change_reason": "Wrong refunds"}).status_code == 302
    switch = KillSwitch.objects.get()
    assert (switch.engaged, switch.reason) == (True, "Wrong refunds")
    assert root.post("/admin/agents/killswitch/add/", {"engaged": "on"}).status_code == 403
    assert root.post(f"{page.replace('change', 'delete')}", {"post": "yes"}).status_code == 403


def test_channels_and_languages_are_kept_as_lists(world: World, root: Client) -> None:
    form = form_of(world, channels=["email", "widget"], languages=" en,de; pt-BR de ")
    assert root.post("/admin/agents/agent/add/", form).status_code == 302
    agent = Agent.objects.get(slug="billing-desk")
    assert (agent.channels, agent.languages) == (["email", "widget"], ["en", "de", "pt-BR"])
    body = root.get(f"/admin/agents/agent/{agent.pk}/change/").content.decode()
    assert 'value="en, de, pt-BR"' in body


def test_a_new_agent_begins_with_drafts(world: World, root: Client) -> None:
    answer = root.get("/admin/agents/agent/add/")
    assert answer.context["adminform"].form["autonomy"].value() == "draft"
