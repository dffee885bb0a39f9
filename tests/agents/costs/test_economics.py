"""Thirty attempts of model calls, priced tools and people's minutes, worked out by hand, equal the report exactly."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.costs import budgets, interactions
from agents.costs.economics import NO_BASELINE, NOT_PRICED, economics
from agents.lease import Claim, claim
from agents.loop import thinking
from agents.models import HumanBaseline, HumanRate, InfrastructureCost, Interaction, Price, Run, Spend, ToolCall
from agents.providers.base import ProviderGarbage, ProviderTimeout, ProviderUnavailable, Usage
from audit import log as audit_log
from supportagent.periods import Period
from supportagent.staff.models import User
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Customer, Ticket, WorkPeriod
from supportagent.tools.models import Tool
from tests.agents.test_ledger import IN_FULL, asked
from tests.world import World

DAY = timedelta(days=1)
WEEK = Period(datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 14, tzinfo=UTC))


def begun(world: World, number: int) -> Claim:
    customer = Customer.objects.create(reference=f"CUS-{number}")
    held = claim(world.write(customer=customer).runs.get().pk)
    assert held is not None
    return held


def ended(ticket: Ticket, by: User, category: str, at: datetime) -> None:
    tickets.close(ticket=ticket, by=by, outcome="by_ai")
    Ticket.objects.filter(pk=ticket.pk).update(category=category, resolved_at=at, created_at=at - DAY)


def worked(ticket: Ticket, by: User, seconds: int) -> None:
    at = WEEK.start
    WorkPeriod.objects.create(ticket=ticket, user=by, started_at=at, seen_at=at, ended_at=at, seconds=seconds)


@pytest.fixture
def week(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Four conversations, A to D. Per token: input 0.25, cached 0.025, output 2, reasoning 3 micro-units."""
    monkeypatch.setattr(thinking, "BACKOFF_SECONDS", 0)
    Price.objects.create(
        provider="openai_responses",
        model="gpt-5-mini",
        input_micros=250_000,
        cached_micros=25_000,
        output_micros=2_000_000,
        reasoning_micros=3_000_000,
    )
    HumanRate.objects.create(effective_from=datetime(2026, 1, 1, tzinfo=UTC), hourly_micros=36_500_000)
    HumanRate.objects.create(effective_from=WEEK.start + DAY, hourly_micros=41_000_000, decision_seconds=45)
    HumanBaseline.objects.create(category="payment", minutes="5.5")  # 330 seconds
    HumanBaseline.objects.create(category="technical", minutes="10.25")  # 615 seconds
    InfrastructureCost.objects.create(month="2026-03-01", amount_micros=620_000_000)

    a = begun(world, 1)
    asked(a, Usage(1000, 200, cached_tokens=400, reasoning_tokens=50))  # 150 + 10 + 300 + 150 = 610
    asked(a, ProviderUnavailable("busy", sent=False), Usage(1001, 1))  # released; 250.25 + 2 -> 253
    garbage = ProviderGarbage("what?", usage=Usage(300, 40, cached_tokens=300))  # 7.5 + 80 -> 88
    cut = ProviderUnavailable("cut", sent=True)  # a stream that was cut: charged in full, 3,019
    asked(a, cut, garbage, Usage(10, 10, reasoning_tokens=10))  # 2.5 + 30 -> 33
    asked(a, None)  # nobody counted it: 3,019
    asked(a, ProviderTimeout("late"))  # 3,019
    asked(a, ProviderUnavailable("no", sent=False), ProviderUnavailable("no", sent=False), Usage(0, 0))  # 0, 0, 0
    asked(a, Usage(1, 0, cached_tokens=1))  # 0.025 -> 1
    # A: 12 attempts, 9 of them sent, 610 + 253 + 3,019 + 88 + 33 + 3,019 + 3,019 + 0 + 1 = 10,042

    b = begun(world, 2)
    asked(b, Usage(2000, 100))  # 500 + 200 = 700
    asked(b, Usage(2001, 100, cached_tokens=2001))  # 50.025 + 200 -> 251
    asked(b, Usage(4, 1, reasoning_tokens=1))  # 1 + 3 = 4
    asked(b, Usage(3, 0))  # 0.75 -> 1
    asked(b, ProviderTimeout("late"))  # 3,019
    usage = Usage(800, 400, cached_tokens=300, reasoning_tokens=100)  # 125 + 7.5 + 600 + 300 -> 1,033
    asked(b, ProviderUnavailable("busy", sent=False), usage)
    asked(b, None)  # 3,019
    asked(b, cut, Usage(100, 100))  # 3,019; 25 + 200 = 225
    # B: 10 attempts, 9 sent, 700 + 251 + 4 + 1 + 3,019 + 1,033 + 3,019 + 3,019 + 225 = 11,271
    calls = {"run": b.run, "turn": 1, "provider_call_id": "x", "name": "paid__look_up", "tool": Tool.objects.first()}
    for index, (price, is_carried_out) in enumerate([(1_500, True), (1_500, True), (9_999, False)]):
        call = ToolCall.objects.create(**calls, index=index, sent_at=WEEK.start, price_micros=price)
        with audit_log.transaction():
            budgets.reserve_call(call, price)
            budgets.settle_call(call, charge=is_carried_out)
    # B: two priced tool calls that were carried out, 3,000; the third certainly was not, and is given back

    c = begun(world, 3)
    asked(c, Usage(6000, 700))  # 1,500 + 1,400 = 2,900
    asked(c, Usage(10_000, 900, cached_tokens=10_000, reasoning_tokens=900))  # 250 + 2,700 = 2,950
    asked(c, Usage(1, 1))  # 0.25 + 2 -> 3
    asked(c, ProviderGarbage("what?", usage=Usage(40, 4)), Usage(40, 4))  # 18, 18
    asked(c, ProviderUnavailable("no", sent=False), ProviderUnavailable("no", sent=False), Usage(0, 1))  # 0, 0, 2
    # C: 8 attempts, 6 sent, 2,900 + 2,950 + 3 + 18 + 18 + 2 = 5,891
    assert Spend.objects.filter(kind=Spend.Kind.MODEL).count() == 30
    assert IN_FULL == 3_019
    Run.objects.filter(pk__in=[a.run.pk, b.run.pk, c.run.pk]).update(state="COMPLETED", turns=1)

    # A: a person who does not hold the ticket agrees to an answer: a decision.
    draft = tickets.save_draft(ticket=a.run.ticket, body="Yes.", actor=world.agent.service_user, kind="approve")
    tickets.approve_draft(draft=draft, by=world.ana)
    d = tickets.take_over(ticket=world.write(customer=Customer.objects.create(reference="CUS-4")), by=world.rosa)
    worked(b.run.ticket, world.rosa, 754)
    worked(d, world.rosa, 1234)
    ended(a.run.ticket, world.ana, "payment", WEEK.start + DAY / 2)
    ended(b.run.ticket, world.ana, "technical", WEEK.start + DAY)  # the moment from which the second rate counts
    ended(c.run.ticket, world.ana, "order_status", WEEK.start + 2 * DAY)
    ended(d, world.rosa, "payment", WEEK.start + 3 * DAY)
    WorkPeriod.objects.exclude(started_at=WEEK.start).update(seconds=0)  # that this test itself took
    world.write(customer=Customer.objects.create(reference="CUS-5"))  # not ended: not counted
    interactions.refresh()
    return world


# People, in micro-units:
#   A  one decision of 60 s x 36.5 an hour =    608,333.33
#   B                 754 s x 41.0 an hour =  8,587,222.22
#   D               1,234 s x 41.0 an hour = 14,053,888.89   together 23,249,444.44
# Without agents: A 330 s x 36.5 = 3,345,833.33, B 615 s x 41 = 7,004,166.67, D 330 s x 41 = 3,758,333.33, together
# 14,108,333.33; C is of a category of which nobody knows. A, B and D cost 618,375.33 + 8,601,493.22 + 14,053,888.89.
TOTAL = {
    "interactions": 4,
    "model_micros": 27_204,
    "tool_micros": 3_000,
    "human_seconds": 2_048,
    "human_micros": 23_249_444,
    "total_micros": 23_279_648,
    "cost_per_interaction_micros": 5_819_912,
    "agents_cost_per_interaction_micros": 7_551,
    "compared_interactions": 3,
    "baseline_per_interaction_micros": 4_702_778,
    "saving_micros": -9_165_424,
    "model_calls": 24,
    "model_calls_per_interaction": "6.00",
}
# A and D.
PAYMENT = {
    "key": "payment",
    "label": "Payment",
    "interactions": 2,
    "model_micros": 10_042,
    "tool_micros": 0,
    "human_seconds": 1_294,
    "human_micros": 14_662_222,
    "total_micros": 14_672_264,
    "cost_per_interaction_micros": 7_336_132,
    "agents_cost_per_interaction_micros": 5_021,
    "compared_interactions": 2,
    "baseline_per_interaction_micros": 3_552_083,
    "saving_micros": -7_568_098,
    "model_calls": 9,
    "model_calls_per_interaction": "4.50",
}


def test_thirty_calls_add_up_to_the_micro_unit(week: World) -> None:
    with CaptureQueriesContext(connection) as captured:
        found = economics(WEEK).plain()
    assert len(captured) <= 6
    assert found["total"] == TOTAL
    assert {row["key"]: row["interactions"] for row in found["categories"]} == {
        "order_status": 1,
        "payment": 2,
        "technical": 1,
    }
    assert found["categories"][1] == PAYMENT
    unknown = found["categories"][0]
    assert (unknown["baseline_per_interaction_micros"], unknown["saving_micros"], unknown["total_micros"]) == (
        None,
        None,
        5_891,
    )
    agents = {row["key"]: (row["interactions"], row["model_micros"]) for row in found["agents"]}
    assert agents == {"": (1, 0), week.agent.slug: (3, 27_204)}
    assert [row["label"] for row in found["channels"]] == ["Chat widget"]
    # Five of the thirty-one days of March.
    assert (found["infrastructure_micros"], found["with_infrastructure_micros"]) == (100_000_000, 123_279_648)
    assert found["notes"] == [NO_BASELINE.format(n=1, of=4)]


def printed(*arguments: str) -> str:
    out = StringIO()
    call_command("cost_report", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_what_a_page_shows(week: World) -> None:
    span = ("--from", "2026-03-09", "--to", "2026-03-13")
    assert json.loads(printed(*span, "--json")) == economics(WEEK).plain()
    words = printed(*span)
    assert "USD 5.8199" in words and "USD 123.2796" in words and "unknown" in words
    assert json.loads(printed("--from", "2026-03-09T00:00Z", "--to", "2026-03-14T01:00+01:00", "--json")) == json.loads(
        printed(*span, "--json")
    )
    for first, last in (
        ("soon", "2026-03-01"),
        ("2026-03-09", "2026-03-01"),
        ("0001-01-01", "2026-03-01"),
        ("2026-03-01", "9999-12-31T23:59"),
        ("2010-03-01", "2026-03-01"),
    ):
        with pytest.raises(CommandError, match=r"period|no day|not between"):
            printed("--from", first, "--to", last)


def test_what_nobody_stated_is_unknown_and_never_zero(week: World) -> None:
    HumanRate.objects.all().delete()
    InfrastructureCost.objects.all().delete()
    found = economics(WEEK).plain()
    total = found["total"]
    assert total["model_micros"] == 27_204
    for name in ("human_micros", "total_micros", "cost_per_interaction_micros", "saving_micros"):
        assert total[name] is None, name
    assert found["infrastructure_micros"] is found["with_infrastructure_micros"] is None
    assert NOT_PRICED in found["notes"]
    nothing = economics(WEEK, Interaction.objects.none())
    assert (nothing.total.n, nothing.total.per_interaction, nothing.total.calls_per_interaction) == (0, None, None)


def test_twenty_conversations_of_people_alone_measure_what_a_person_takes(week: World) -> None:
    alone = Interaction.objects.get(resolution="by_person")
    for number in range(18):
        ticket = Ticket.objects.create(
            number=f"X-{number}", customer=week.customer, team=week.agent.team, subject="x", category="payment"
        )
        alone.pk = ticket.pk
        alone.save(force_insert=True)
    [payment] = [row for row in economics(WEEK).categories if row.key == "payment"]
    # 19 that people handled alone are too few: the stated 330 s count, A at 36.5 and the others at 41 an hour.
    assert payment.sums.baseline_per_interaction == 3_737_708  # (3,345,833.33 + 19 x 3,758,333.33) / 20
    alone.pk = Ticket.objects.create(
        number="X-20", customer=week.customer, team=week.agent.team, subject="x", category="payment"
    ).pk
    alone.save(force_insert=True)
    [payment] = [row for row in economics(WEEK).categories if row.key == "payment"]
    # 20 took 1,234 s each: A at 36.5 is 12,511,388.89, each other at 41 14,053,888.89; 21 of them.
    assert payment.sums.baseline_per_interaction == 13_980_437


def test_admins_state_what_people_cost_and_what_makes_no_sense_is_refused(world: World, client: Client) -> None:
    client.force_login(world.admin)
    rate: dict[str, Any] = {"effective_from_0": "2026-03-01", "effective_from_1": "00:00", "hourly_micros": "36.50"}
    rate |= {"decision_seconds": "45", "note": "Payroll"}
    assert client.post("/admin/agents/humanrate/add/", rate).status_code == 302
    row = HumanRate.objects.get()
    assert (row.hourly_micros, row.decision_seconds, row.history.count()) == (36_500_000, 45, 1)
    for wrong in (rate, rate | {"effective_from_0": "2026-04-01", "hourly_micros": "-1"}):
        assert client.post("/admin/agents/humanrate/add/", wrong).context["adminform"].errors
    baseline = {"category": "", "minutes": "7.5", "note": ""}
    assert client.post("/admin/agents/humanbaseline/add/", baseline).status_code == 302
    for wrong in (baseline, baseline | {"category": "payment", "minutes": "0"}, baseline | {"category": "nothing"}):
        assert client.post("/admin/agents/humanbaseline/add/", wrong).context["adminform"].errors
    assert "Every other category" in client.get("/admin/agents/humanbaseline/").content.decode()
    assert "36.50" in client.get("/admin/agents/humanrate/").content.decode()
    client.force_login(world.ana)
    assert client.get("/admin/agents/humanrate/").status_code == 403
