"""The ledger: one row per attempt, which says by itself what it cost, for whom, and of what."""

import time
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.costs import budgets
from agents.lease import Claim, claim, step
from agents.loop import thinking
from agents.models import Budget, InfrastructureCost, Price, Run, Spend
from agents.providers.base import (
    ModelReply,
    ModelRequest,
    ProviderGarbage,
    ProviderTimeout,
    ProviderUnavailable,
    Said,
    Usage,
)
from audit import log as audit_log
from supportagent.tickets.models import Ticket
from tests.world import World

STATE = Spend.State


class Played:
    """A provider that answers what it is told, attempt by attempt."""

    name, demo = "openai_responses", False

    def __init__(self, *outcomes: Usage | Exception | None) -> None:
        self.outcomes = list(outcomes)
        self.number = 0

    def complete(self, request: ModelRequest) -> ModelReply:
        outcome = self.outcomes.pop(0)
        self.number += 1
        if isinstance(outcome, Exception):
            raise outcome
        return ModelReply("Yes.", (), outcome, "", None, "stop", f"req_{self.number}", "gpt-5-mini-2025-08-07")


@pytest.fixture
def held(world: World, monkeypatch: pytest.MonkeyPatch) -> Claim:
    monkeypatch.setattr(thinking, "BACKOFF_SECONDS", 0)
    Price.objects.create(
        provider="openai_responses",
        model="gpt-5-mini",
        effective_from=timezone.now(),
        input_micros=250_000,
        cached_micros=25_000,
        output_micros=2_000_000,
        reasoning_micros=3_000_000,
    )
    world.script([{"text": "It was delivered."}])
    ticket = world.write()
    Ticket.objects.filter(pk=ticket.pk).update(category=Ticket.Category.PAYMENT)
    held = claim(ticket.runs.get().pk)
    assert held is not None
    return held


def asked(held: Claim, *outcomes: Usage | Exception | None) -> None:
    """One model call, which takes as many attempts as there are outcomes."""
    request = ModelRequest("gpt-5-mini", "", (Said("customer", "Hi"),), (), 1000, False, time.monotonic() + 60)
    played = Played(*outcomes)
    try:
        thought = thinking.think(held, held.run.its_agent, played, request)
    except thinking.ModelFailed:
        pass
    else:
        with audit_log.transaction():
            thinking.settle(thought)
    assert not played.outcomes


# 73 tokens at most: half of "Hi", 8 for the line, 64 for the request. 73 × 0.25 + 1,000 × 3 = 3,018.25 micro-units.
IN_FULL = 3_019


def test_twelve_attempts_add_up_to_the_micro_unit(held: Claim) -> None:
    asked(held, Usage(1000, 200, cached_tokens=400, reasoning_tokens=50))
    asked(held, ProviderUnavailable("busy", sent=False), Usage(1001, 1))
    garbage = ProviderGarbage("what?", usage=Usage(300, 40, cached_tokens=300))
    asked(held, ProviderUnavailable("cut", sent=True), garbage, Usage(10, 10, reasoning_tokens=10))
    asked(held, None)
    asked(held, ProviderTimeout("late"))
    asked(held, ProviderUnavailable("no", sent=False), ProviderUnavailable("no", sent=False), Usage(0, 0))
    asked(held, Usage(1, 0, cached_tokens=1))
    columns = ("state", "charged", "input_tokens", "cached_tokens", "output_tokens", "reasoning_tokens", "request_id")
    rows = list(Spend.objects.order_by("pk").values_list(*columns))
    assert rows == [
        (STATE.SETTLED, 610, 1000, 400, 200, 50, "req_1"),  # 600 × 0.25 + 400 × 0.025 + 150 × 2 + 50 × 3
        (STATE.RELEASED, 0, 0, 0, 0, 0, ""),
        (STATE.SETTLED, 253, 1001, 0, 1, 0, "req_2"),  # 252.25
        (STATE.FORFEITED, IN_FULL, 0, 0, 0, 0, ""),
        (STATE.SETTLED, 88, 300, 300, 40, 0, ""),  # 7.5 + 80
        (STATE.SETTLED, 33, 10, 0, 10, 10, "req_3"),  # 2.5 + 30
        (STATE.SETTLED, IN_FULL, 0, 0, 0, 0, "req_1"),
        (STATE.FORFEITED, IN_FULL, 0, 0, 0, 0, ""),
        (STATE.RELEASED, 0, 0, 0, 0, 0, ""),
        (STATE.RELEASED, 0, 0, 0, 0, 0, ""),
        (STATE.SETTLED, 0, 0, 0, 0, 0, "req_3"),
        (STATE.SETTLED, 1, 1, 1, 0, 0, "req_1"),  # 0.025
    ]
    assert set(Spend.objects.values_list("reserved", flat=True)) == {IN_FULL}
    spent = Budget.objects.get(scope=Budget.Scope.AGENT, period=Budget.Period.DAY)
    assert (spent.spent, spent.reserved) == (10_042, 0)
    run = Run.objects.get()
    assert (run.cost_micros, run.input_tokens, run.output_tokens) == (10_042, 2312, 251)
    assert budgets.drifts() == []


def test_a_row_says_by_itself_whom_and_what_it_was_for(held: Claim) -> None:
    asked(held, Usage(10, 10))
    Ticket.objects.update(category=Ticket.Category.OTHER)
    row = Spend.objects.get()
    assert (row.provider, row.model, row.agent) == ("openai_responses", "gpt-5-mini", held.run.its_agent.slug)
    assert (row.ticket, row.customer) == (held.run.ticket.number, "CUS-1001")
    assert (row.category, row.channel) == ("payment", "widget"), "as it was when the attempt began"
    price = Price.objects.get()
    assert row.price_id == f"book:{price.pk}/{price.history.get().history_id}@0=250000/25000/2000000/3000000"


def test_the_loop_fills_in_the_ledger_as_it_does_the_turn(world: World) -> None:
    usage = {"input_tokens": 900, "output_tokens": 30, "cached_tokens": 200, "reasoning_tokens": 10}
    world.script({"turns": [{"text": "It was delivered."}], "usage": usage})
    run = world.advance(world.write())
    spend, turn = run.spends.get(), run.model_calls.get()
    for name in (*usage, "request_id", "provider", "price_id"):
        assert getattr(spend, name) == getattr(turn, name), name
    assert (spend.charged, spend.input_tokens, spend.request_id) == (turn.cost_micros, 900, turn.request_id)


def test_what_the_ledger_keeps_costs_no_statement_of_its_own(held: Claim) -> None:
    postgresql = connection.vendor == "postgresql"  # SQLite cannot write two tables in one statement

    def reserve() -> Spend:
        with step(held) as current:
            with CaptureQueriesContext(connection) as captured:
                spend = budgets.reserve(run=current.run, amount=10, price_id="x", provider="p", model="m")
            assert len(captured) == (1 if postgresql else 2)
        return spend

    for close, tables in (
        (lambda spend: budgets.settle(spend, charged=5, usage=Usage(1, 2, 1, 1), request_id="r"), 3),
        (lambda spend: budgets.forfeit(spend, note="cut"), 3),
        (budgets.release, 2),
    ):
        spend = reserve()
        with audit_log.transaction(), CaptureQueriesContext(connection) as captured:
            close(spend)
        assert len(captured) == (1 if postgresql else tables)


def test_whoever_closes_an_attempt_first_writes_its_tokens(held: Claim) -> None:
    with step(held) as current:
        spend = budgets.reserve(run=current.run, amount=10, price_id="x")
    with audit_log.transaction():
        budgets.forfeit(spend, note="reservation expired")
        budgets.settle(spend, charged=5, usage=Usage(1, 2, 1, 1), request_id="r")
    spend.refresh_from_db()
    assert (spend.charged, spend.input_tokens, spend.request_id) == (10, 0, "")


def test_the_ledger_is_filtered_by_agent_model_and_day(held: Claim, world: World, client: Client) -> None:
    asked(held, Usage(10, 10))
    day = Spend.objects.get().created_at
    slug = held.run.its_agent.slug
    client.force_login(world.ana)
    for query, seen in (
        (f"agent={slug}", True),
        ("agent=nobody", False),
        ("model=gpt-5-mini", True),
        ("model=gpt-5", False),
        (f"created_at__year={day.year}&created_at__month={day.month}&created_at__day={day.day}", True),
        ("created_at__year=2019", False),
        (f"q={held.run.ticket.number}", True),
    ):
        answer = client.get(f"/admin/agents/spend/?{query}")
        assert answer.status_code == 200, query
        assert bool(answer.context["cl"].result_list) is seen, query


def test_who_the_customer_was_is_for_those_who_may_see_personal_data(held: Claim, world: World, client: Client) -> None:
    asked(held, Usage(10, 10))
    page = f"/admin/agents/spend/{Spend.objects.get().pk}/change/"
    for person, seen in ((world.ana, True), (world.auditor, False)):
        client.force_login(person)
        html = client.get(page).content.decode()
        assert "Price book, row" in html
        assert ("CUS-1001" in html) is seen


@pytest.fixture
def root(db: None, client: Client, settings: Any) -> Client:
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


COST = {"month": "2026-03-17", "note": "Machines", "amount_micros": "120.50"}


def test_what_the_machines_cost_is_entered_per_month_and_kept_apart(root: Client) -> None:
    assert root.post("/admin/agents/infrastructurecost/add/", COST).status_code == 302
    row = InfrastructureCost.objects.get()
    assert (str(row.month), row.amount_micros, row.history.count()) == ("2026-03-01", 120_500_000, 1)
    assert root.get(f"/admin/agents/infrastructurecost/{row.pk}/change/").status_code == 200
    assert "2026-03" in root.get("/admin/agents/infrastructurecost/").content.decode()
    assert not Spend.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"month": "2026-03-30"},
        {"month": "2026-13-01"},
        {"month": ""},
        {"note": "More", "amount_micros": "-1"},
        {"note": "More", "amount_micros": "many"},
        {"note": "x" * 201},
    ],
)
def test_a_cost_that_makes_no_sense_or_is_there_already_is_refused_in_words(
    root: Client, wrong: dict[str, str]
) -> None:
    root.post("/admin/agents/infrastructurecost/add/", COST)
    answer = root.post("/admin/agents/infrastructurecost/add/", COST | wrong)
    assert answer.status_code == 200
    assert answer.context["adminform"].errors
    assert InfrastructureCost.objects.count() == 1
