"""A new installation begins with one agent in draft mode on one workflow; a page leads through what it takes."""

import re
from typing import Any

import pytest

from agents import connection, starting
from agents.costs import budgets
from agents.models import Agent, Budget, Run
from agents.providers import base
from audit.models import AuditEntry
from supportagent.staff.models import Team, User
from supportagent.start import steps
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Customer
from supportagent.tools import access
from supportagent.tools.models import ToolGrant
from supportagent.widget.models import WidgetApp
from tests.changes.admins import Admin, proposed

from .conftest import admin

PAGE = "/console/start/"
AGENT = {"name": "Mira", "category": "order_status"}
BUDGET = {"daily": "5", "monthly": "100"}


def states(who: Admin) -> list[str]:
    body = who.client.get(PAGE).content.decode()
    return re.findall(r'data-testid="step-\d"><span class="dot"></span>(\w+)<', body)


def post(who: Admin, step: str, **fields: str) -> Any:
    return who.client.post(f"{PAGE}{step}/", fields)


def write() -> Any:
    customer = Customer.objects.get_or_create(reference="CUS-1001")[0]
    return tickets.receive_message(customer=customer, body="Where is my order?", client_message_id="m1")[0].ticket


def test_the_page_leads_from_nothing_to_an_agent_that_works(alone: Admin) -> None:
    assert states(alone) == ["open"] * 5
    assert post(alone, "provider").status_code == 302
    assert states(alone) == ["done", "open", "open", "open", "open"]
    assert post(alone, "agent", **AGENT).status_code == 302
    assert states(alone) == ["done", "done", "open", "open", "open"]
    assert post(alone, "tools").status_code == 302
    assert post(alone, "budget", **BUDGET).status_code == 302
    assert states(alone) == ["done", "done", "done", "done", "open"]
    assert b"First steps</span>" in alone.client.get("/console/runs/").content
    WidgetApp.objects.create(app_id="shop", name="Shop", team=Team.objects.get(), allowed_origins=[])
    assert states(alone) == ["done"] * 5
    assert (
        b"data-app-id=&quot;shop" in alone.client.get(PAGE).content
        or b'data-app-id="shop"' in alone.client.get(PAGE).content
    )
    assert not steps.is_missing()
    assert b"First steps</span>" not in alone.client.get("/console/runs/").content


def test_the_first_agent_drafts_on_one_workflow_and_gets_the_requests(alone: Admin) -> None:
    post(alone, "agent", **AGENT)
    agent = Agent.objects.get()
    assert (agent.slug, agent.status, agent.autonomy, agent.receives_requests) == ("mira", "live", "draft", True)
    assert agent.team == Team.objects.get(slug="support"), "an installation without a team gets one"
    assert [(each.category, each.level) for each in agent.autonomy_by_category.all()] == [("order_status", "draft")]
    assert "one kind only: order status" in agent.instructions
    account = agent.service_user
    assert (account.username, account.kind, account.has_usable_password()) == ("agent-mira", "service", False)
    assert list(account.groups.values_list("name", flat=True)) == ["Front desk"]
    entry = AuditEntry.objects.get(action="agents.agent.made")
    assert (entry.actor_id, entry.target_id) == (str(alone.user.pk), "mira")


def test_until_it_has_a_budget_customers_reach_a_person_and_then_the_agent(alone: Admin) -> None:
    post(alone, "agent", **AGENT)
    post(alone, "tools")
    ticket = write()
    assert not Run.objects.exists() and ticket.hand_overs.get().reason_code == "budget"
    post(alone, "budget", **BUDGET)
    caps = dict(Budget.objects.filter(scope="agent").values_list("period", "cap"))
    assert caps == {"day": 5_000_000, "month": 100_000_000}
    assert budgets.ids_for(agent=Agent.objects.get(), ticket=ticket)


def test_the_first_tools_look_up_sort_and_hand_over_and_change_no_record(alone: Admin) -> None:
    post(alone, "agent", **AGENT)
    account = Agent.objects.get().service_user
    assert access.granted(account) == {}
    post(alone, "tools")
    granted = access.granted(account)
    assert {"store__get_order", "tickets__escalate_to_human"} <= granted.keys() <= set(starting.FIRST_TOOLS)
    assert {each.tool.effect for name, each in granted.items() if name.startswith("store__")} == {"READ"}
    before = ToolGrant.objects.count()
    post(alone, "tools")
    assert ToolGrant.objects.count() == before


def test_there_is_one_first_agent_and_one_first_budget(alone: Admin) -> None:
    post(alone, "agent", **AGENT)
    again = post(alone, "agent", name="Second")
    assert again.status_code == 422 and b"There is an agent already" in again.content
    post(alone, "budget", **BUDGET)
    again = post(alone, "budget", daily="900", monthly="9000")
    assert again.status_code == 422 and b"has a budget already" in again.content
    assert (Agent.objects.count(), Budget.objects.count()) == (1, 2)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": ""},
        {"name": "\u200b\u200b"},
        {"name": "x" * 81},
        {"name": "Mira", "category": "weather"},
        {"name": "Mira", "team": "99999"},
        {"name": "Mira", "team": "x"},
        {"name": "Mira\x00", "category": "other"},
    ],
)
def test_what_cannot_be_an_agent_is_named_at_its_field(alone: Admin, fields: dict[str, str]) -> None:
    answer = post(alone, "agent", **fields)
    assert answer.status_code == 422 and b"field__error" in answer.content
    assert not Agent.objects.exists()


def test_a_name_without_letters_of_an_address_still_makes_an_agent(alone: Admin) -> None:
    post(alone, "agent", name="東京", category="")
    assert Agent.objects.get().slug == "front-desk"


def test_a_name_whose_account_is_taken_is_refused_in_words(alone: Admin) -> None:
    User.objects.create_user("agent-mira", kind="service")
    answer = post(alone, "agent", **AGENT)
    assert answer.status_code == 422 and b"Choose another name" in answer.content


@pytest.mark.parametrize(
    ("daily", "monthly"), [("", ""), ("0", "10"), ("-1", "10"), ("10", "5"), ("NaN", "1"), ("9" * 40, "9" * 40)]
)
def test_a_budget_that_is_none_is_refused(alone: Admin, daily: str, monthly: str) -> None:
    post(alone, "agent", **AGENT)
    assert post(alone, "budget", daily=daily, monthly=monthly).status_code == 422
    assert not Budget.objects.exists()


def test_a_budget_before_the_agent_goes_back_to_the_page(alone: Admin) -> None:
    assert post(alone, "budget", **BUDGET).status_code == 302 and not Budget.objects.exists()


@pytest.mark.parametrize("step", ["agent", "tools"])
def test_without_the_roles_of_the_code_a_step_says_what_to_run(alone: Admin, step: str) -> None:
    alone.user.is_superuser = True
    alone.user.save()
    starting.Group.objects.filter(name="Front desk").delete()
    answer = alone.client.post(f"{PAGE}{step}/", AGENT, follow=True)
    assert answer.status_code in (200, 422) and b"sync_roles" in answer.content


def test_what_makes_an_agent_work_waits_for_the_second_admin(olga: Admin) -> None:
    otto = admin("otto")
    fields = {**AGENT, "reason_for_second_admin": "we begin"}
    assert post(olga, "agent", **AGENT).status_code == 200, "it asks why"
    assert post(olga, "agent", **fields).status_code == 302
    assert not Agent.objects.exists() and not User.objects.filter(kind="service").exists()
    assert otto.put_in_force(proposed()).status_code == 302
    assert Agent.objects.get().name == "Mira"
    for step, more in (("tools", {}), ("budget", BUDGET)):
        assert post(olga, step, reason_for_second_admin="we begin", **more).status_code == 302
        assert otto.put_in_force(proposed()).status_code == 302
    assert access.granted(Agent.objects.get().service_user) and Budget.objects.count() == 2


def test_a_test_of_the_connection_shows_how_long_it_took_and_is_in_the_trail(alone: Admin) -> None:
    body = alone.client.post(f"{PAGE}provider/", follow=True).content.decode()
    assert re.search(r"The model answered in \d+ ms", body)
    entry = AuditEntry.objects.get(action="agents.provider.tested")
    assert (entry.target_id, entry.outcome) == ("scripted", "ok")


@pytest.mark.parametrize(
    "error",
    [base.ProviderMisconfigured, base.ProviderTimeout, base.ProviderUnavailable, base.ProviderGarbage],
)
def test_a_failed_test_is_said_in_our_words_and_never_with_what_the_vendor_wrote(
    alone: Admin, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    class Broken:
        def complete(self, request: Any) -> Any:
            assert request.deadline > 0 and request.max_output_tokens <= 64 and request.tools == ()
            raise error("Incorrect API key provided: sk-secret-1234", sent=False)

    monkeypatch.setattr(connection, "get_provider", Broken)
    body = alone.client.post(f"{PAGE}provider/", follow=True).content.decode()
    assert "The model did not answer" in body and "sk-secret" not in body
    assert states(alone)[0] == "open"
    assert "sk-secret" not in str(AuditEntry.objects.get(action="agents.provider.tested").__dict__)


def test_a_provider_that_does_not_exist_is_no_error_page(alone: Admin, settings: Any) -> None:
    settings.DEFAULT_MODEL_PROVIDER = "nobody"
    assert b"did not answer" in alone.client.post(f"{PAGE}provider/", follow=True).content


def test_a_later_failure_opens_the_step_again(alone: Admin, settings: Any) -> None:
    post(alone, "provider")
    settings.SCRIPTED_MODEL_FILE = "/nowhere.json"
    post(alone, "provider")
    assert states(alone)[0] == "open"


@pytest.mark.parametrize("role", ["Supervisor", "Auditor", "Support rep", "Front desk"])
def test_only_who_configures_agents_takes_the_steps(role: str) -> None:
    person = admin("person", role)
    assert person.client.get(PAGE).status_code == 403
    for step in ("provider", "agent", "tools", "budget"):
        assert post(person, step, **AGENT, **BUDGET).status_code == 403
    assert b"First steps</span>" not in person.client.get("/console/explain/").content


def test_a_verb_asks_for_the_right_itself() -> None:
    person = admin("person", "Supervisor").user
    with pytest.raises(starting.PermissionDenied):
        starting.make_first_agent(name="Mira", team=None, category="", by=person)
    with pytest.raises(starting.PermissionDenied):
        starting.grant_first_tools(by=person)


def test_the_menu_asks_once_whether_something_is_missing(alone: Admin, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert steps.is_missing()
