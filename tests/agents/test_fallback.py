"""Near a cap a run goes on with the cheaper model that an admin chose, and stays with it."""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from agents.costs import budgets
from agents.loop import fallback
from agents.models import Budget, Price, Run, RunEvent, Spend
from supportagent.tickets.models import Customer, HandOver, Ticket
from tests.admin.test_configure_agents import form_of
from tests.world import READ_ORDER, REFUND_STORY, World, configure_agent

ANSWER = {"text": "It was delivered."}


@pytest.fixture
def dear(world: World) -> World:
    """The world's agent with a model that costs ten times as much as its cheaper one."""
    for model, price in (("dear", 4_000_000), ("cheap", 400_000)):
        Price.objects.create(
            provider="scripted", model=model, effective_from=timezone.now(), input_micros=price, output_micros=price
        )
    configure_agent(model="dear", fallback_model="cheap", fallback_at=80, max_cost_micros=10**9)
    Budget.objects.update(cap=10**9)
    world.agent.refresh_from_db()
    return world


def ask(world: World, *turns: dict[str, Any]) -> Ticket:
    """A customer's first message: every ticket and its cap are new."""
    world.script([*turns, ANSWER])
    customer = Customer.objects.create(reference=f"CUS-{Customer.objects.count() + 5000}", name="New")
    return world.write("Where is ORD-1042?", customer=customer)


def cap(ticket: Ticket, **values: int) -> None:
    Budget.objects.filter(scope=Budget.Scope.TICKET, subject=ticket.number).update(**values)


def models(run: Run) -> list[str]:
    return list(run.spends.order_by("pk").values_list("model", flat=True))


def worst_case(dear: World) -> int:
    """What the dear model reserves for the first call of these stories."""
    return dear.advance(ask(dear)).spends.get().reserved


def test_far_from_every_cap_the_usual_model_is_asked(dear: World) -> None:
    run = dear.advance(ask(dear))
    assert (models(run), run.fallback_model) == (["dear"], "")


@pytest.mark.parametrize("of", ["ticket", "run"])
def test_from_its_share_of_a_cap_on_a_run_goes_on_with_the_cheaper_model_and_says_so(
    dear: World, client: Client, of: str
) -> None:
    most = worst_case(dear)
    if of == "run":  # the first call takes less than 80 %, what it cost and the second take more
        configure_agent(max_cost_micros=most * 130 // 100)
    ticket = ask(dear, {"calls": [READ_ORDER]})
    if of == "ticket":
        cap(ticket, cap=most * 130 // 100)
    run = dear.advance(ticket)
    assert (run.state, run.fallback_model, models(run)) == (Run.State.COMPLETED, "cheap", ["dear", "cheap"])
    assert run.spends.order_by("pk")[1].price_id.startswith(f"book:{Price.objects.get(model='cheap').pk}/")
    assert "cheaper model cheap" in RunEvent.objects.get(run=run, title__startswith="Goes on").title
    client.force_login(dear.ana)
    assert "went on with cheap" in client.get(reverse("agents:run", args=[run.pk])).content.decode()


def test_a_run_stays_with_the_cheaper_model_when_there_is_money_again(dear: World) -> None:
    dear.script(REFUND_STORY)
    ticket = dear.write()
    cap(ticket, cap=10**9, spent=9 * 10**8)
    dear.advance(ticket)
    cap(ticket, spent=0)
    dear.approve(ticket.approval_requests.get())
    run = dear.advance(ticket)
    assert (run.state, set(models(run))) == (Run.State.COMPLETED, {"cheap"})
    assert RunEvent.objects.filter(run=run, title__startswith="Goes on").count() == 1


def test_where_only_the_cheaper_model_fits_it_is_asked_and_where_neither_does_a_person_is(dear: World) -> None:
    most = worst_case(dear)
    configure_agent(fallback_at=100)
    ticket = ask(dear)
    cap(ticket, cap=most - 1)
    assert models(dear.advance(ticket)) == ["cheap"]
    ticket = ask(dear)
    cap(ticket, cap=most // 20)
    run = dear.advance(ticket)
    assert (run.ended_because, run.fallback_model, models(run)) == (HandOver.Reason.BUDGET, "", [])


def test_what_was_reserved_after_the_caps_were_read_makes_it_the_cheaper_model_too(
    dear: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dead worker's reservation is seen when the next is made, not when the run's own cost is looked at."""
    most = worst_case(dear)
    configure_agent(max_cost_micros=most * 150 // 100)
    ticket = ask(dear)
    monkeypatch.setenv("FAILPOINT", "reserved:exhaust")
    dear.advance(ticket)
    monkeypatch.delenv("FAILPOINT")
    run = dear.advance(ticket)
    assert (run.state, models(run)) == (Run.State.COMPLETED, ["dear", "cheap"])


def test_looking_at_the_caps_takes_one_statement_and_only_where_there_is_a_cheaper_model(dear: World) -> None:
    run = dear.advance(ask(dear))
    with CaptureQueriesContext(connection) as looking:
        assert not fallback.is_near(run, dear.agent, 1)
    assert len(looking) == 1

    def statements() -> int:
        ticket = ask(dear)
        with CaptureQueriesContext(connection) as captured:
            dear.advance(ticket)
        return len(captured)

    statements()
    with_one = statements()
    configure_agent(fallback_model="")
    assert statements() == with_one - 1


def test_a_cheaper_model_without_a_price_is_refused_in_the_form_and_hands_over_at_work(
    dear: World, settings: Any, client: Client
) -> None:
    settings.NOMINAL_PRICES = {}
    settings.SECOND_ADMIN = False
    client.force_login(get_user_model().objects.create_superuser("root"))
    for model, problem in (("nobody-sells-this", "No price is known"), ("dear", "model already")):
        page = client.post("/admin/agents/agent/add/", form_of(dear, model="dear", fallback_model=model))
        assert problem in str(page.context["adminform"].form.errors["fallback_model"])
    good = form_of(dear, model="dear", fallback_model="cheap", max_cost_micros="0.25", max_tokens="", fallback_at="70")
    made = client.post("/admin/agents/agent/add/", good)
    assert made.status_code == 302, made.context["errors"]
    made = type(dear.agent).objects.get(slug="billing-desk")
    assert (made.fallback_model, made.fallback_at, made.max_cost_micros, made.max_tokens) == (
        "cheap",
        70,
        250_000,
        400_000,
    )
    configure_agent_of(dear, fallback_model="nobody-sells-this")
    ticket = ask(dear)
    cap(ticket, spent=10**9)
    run = dear.advance(ticket)
    assert run.ended_because == HandOver.Reason.FAILURE
    assert "No price is known for the model 'nobody-sells-this'" in HandOver.objects.get(ticket=ticket).summary
    assert not Spend.objects.filter(run=run).exists() and budgets.drifts() == []


def configure_agent_of(world: World, **fields: Any) -> None:
    for name, value in fields.items():
        setattr(world.agent, name, value)
    world.agent.save()
