"""The page of costs: what it shows, to whom, and for which days."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.costs import hours
from agents.costs.views import PRESETS, USUAL
from agents.models import Agent, Budget, CostAlert, HumanBaseline, HumanRate, InfrastructureCost, Interaction
from supportagent.periods import chosen
from supportagent.staff.models import User
from tests.agents.costs.ledger import book, make_run
from tests.agents.teamwork import add_agent
from tests.world import World, team

PAGE = "/console/costs/"
DOLLAR = 1_000_000


def read(client: Client, person: User, query: str = "", status: int = 200) -> str:
    client.force_login(person)
    answer = client.get(PAGE + query)
    assert answer.status_code == status
    return answer.content.decode()


def table(page: str, key: str) -> list[str]:
    """The cells of one table, without their tags."""
    body = page.partition(f'data-testid="{key}"')[2].partition("<tbody>")[2].partition("</tbody>")[0]
    return [
        re.sub("</?span[^>]*>", "", cell.partition(">")[2].partition("</t")[0])
        for cell in body.replace("<th", "<td").split("<td")[1:]
    ]


@pytest.fixture
def other(world: World) -> Agent:
    """An agent of a team that Piet sees and Ana does not."""
    return add_agent("partner-agent", budget=False, name="Partner agent", team=team("partners"))


def a_day(world: World, other: Agent, at: datetime) -> Any:
    dear = make_run(world, at, cost_micros=30 * DOLLAR)
    book(dear, 30 * DOLLAR, at, input_tokens=12_000, output_tokens=800)
    book(dear, 2 * DOLLAR, at, kind="tool", provider="ledgerly", model="ledgerly__lookup", category="")
    book(dear, 0, at, state="released", model="never-sent")
    cheap = make_run(world, at, agent=other, cost_micros=8 * DOLLAR)
    book(cheap, 8 * DOLLAR, at, model="<b>sly</b>", category="other", channel="email")
    return dear


def test_the_same_money_by_agent_model_category_channel_and_time(world: World, other: Agent, client: Client) -> None:
    now = timezone.now()
    dear = a_day(world, other, now)
    page = read(client, world.admin)
    assert table(page, "by-agent") == ["Concierge", "2", "USD 32.00", "80 %", "Partner agent", "1", "USD 8.00", "20 %"]
    assert table(page, "by-model") == [
        *("gpt-5-mini", "1", "USD 30.00", "75 %"),
        *("&lt;b&gt;sly&lt;/b&gt;", "1", "USD 8.00", "20 %"),
    ]
    assert table(page, "by-category")[::4] == ["Payment", "Other", "No category"]
    assert table(page, "by-channel")[::4] == ["Chat widget", "E-mail"]
    assert table(page, "by-tool") == ["ledgerly__lookup", "1", "USD 2.00", "5 %"]
    assert table(page, "course")[-4:] == [f"{now.day} {now:%b}", "USD 38.00", "USD 2.00", "USD 40.00"]
    assert page.count('class="chart__bar"') == 1
    assert "12,000 tokens read and 800 written" in page
    assert table(page, "expensive")[-1] == "USD 8.00"
    assert f"/console/runs/{dear.pk}/" in table(page, "expensive")[0]
    by_hour = read(client, world.admin, "?period=today")
    assert len(table(by_hour, "course")) == 24 * 4
    assert "USD 40.00" in table(by_hour, "course")


def test_a_reader_gets_the_figures_of_the_agents_of_their_teams_only(
    world: World, other: Agent, client: Client
) -> None:
    now = timezone.now()
    dear = a_day(world, other, now)
    InfrastructureCost.objects.create(month=now.date().replace(day=1), amount_micros=900 * DOLLAR)
    Budget.objects.create(scope="agent", subject=other.slug, period="day", cap=10 * DOLLAR)
    ana, piet = read(client, world.ana), read(client, world.piet)
    assert table(ana, "by-agent")[::4] == ["Concierge"]
    assert table(piet, "by-agent") == ["Partner agent", "1", "USD 8.00", "100 %"]
    assert "gpt-5-mini" not in piet and str(dear.pk) not in piet and "concierge" not in piet
    assert "partner-agent" in piet and "Organisation" not in piet
    assert "sum-infrastructure" not in ana + piet and "sum-infrastructure" in read(client, world.admin)
    rows = list(csv.reader(io.StringIO(download(client, world.piet))))
    assert [row[1] for row in rows[1:]] == ["partner-agent"]
    finance = read(client, world.finance)
    assert "runs-title" not in finance, "who may not see runs gets none"


def download(client: Client, person: User, query: str = "") -> str:
    client.force_login(person)
    answer: Any = client.get(f"{PAGE}costs.csv{query}")
    assert answer.status_code == 200
    assert "attachment" in answer["Content-Disposition"]
    return b"".join(answer.streaming_content).decode()


def test_the_file_has_the_figures_of_the_page_and_no_formulas(world: World, other: Agent, client: Client) -> None:
    now = timezone.now()
    a_day(world, other, now)
    book(make_run(world, now), 5, now, model="=HYPERLINK(1)")
    rows = list(csv.DictReader(io.StringIO(download(client, world.admin, "?period=7"))))
    assert sum(int(row["charged_micros"]) for row in rows) == 40 * DOLLAR + 5
    assert {row["day_utc"] for row in rows} == {f"{now:%Y-%m-%d}"}
    assert "'=HYPERLINK(1)" in [row["model"] for row in rows]
    assert client.get(f"{PAGE}costs.csv?period=x").status_code == 422


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?period=year", "Choose Today, 7 days, 28 days, This month, or the days from and to."),
        ("?from=2026-02-30&to=2026-03-01", "is no day and no moment"),
        ("?from=2026-03-02&to=2026-03-01", "ends before it begins"),
        ("?from=2020-01-01&to=2026-03-01", "at most 1830 days"),
        ("?from=0001-01-01&to=0001-01-02", "is not between 2000 and 2200"),
        ("?from=9999-12-30&to=9999-12-31", "is not between 2000 and 2200"),
        ("?period=%00&from=%00", "no day and no moment"),
    ],
)
def test_days_that_make_no_sense_are_told_and_the_usual_ones_shown(
    world: World, client: Client, query: str, said: str
) -> None:
    page = read(client, world.ana, query, 422)
    assert said in page
    assert 'aria-current="page">28 days' in page


def test_the_days_of_an_address() -> None:
    now = datetime(2026, 3, 12, 15, 30, tzinfo=UTC)

    def found(**parameters: str) -> tuple[str, str, str, str]:
        asked = chosen(parameters, now, PRESETS, USUAL)
        return asked.preset, str(asked.period), asked.period.grain, asked.query

    assert found() == ("28", "13 February 2026 to 12 March 2026", "day", "period=28")
    assert found(period="month") == ("month", "1 March 2026 to 12 March 2026", "day", "period=month")
    assert found(period="today") == ("today", "12 March 2026", "hour", "period=today")
    assert found(**{"from": "2026-03-10", "to": "2026-03-11"}) == (
        "",
        "10 March 2026 to 11 March 2026",
        "hour",
        "from=2026-03-10&to=2026-03-11",
    )
    assert found(**{"from": "2026-03-10T06:00"})[1:3] == ("10 Mar 2026, 06:00 to 12 Mar 2026, 15:30", "day")
    year = chosen({"from": "2025-03-13", "to": "2026-03-12"}, now, PRESETS, USUAL).period
    assert (year.grain, year.steps[0], len(year.steps)) == ("week", (datetime(2025, 3, 10, tzinfo=UTC), "10 Mar"), 53)


def test_infrastructure_is_told_apart_and_counts_in_the_total(world: World, other: Agent, client: Client) -> None:
    a_day(world, other, timezone.now())
    page = read(client, world.admin, "?period=today")
    assert "Not entered" in page
    today = timezone.now().date()
    month = (today.replace(day=1) + timedelta(days=32)).replace(day=1) - today.replace(day=1)
    InfrastructureCost.objects.create(month=today.replace(day=1), amount_micros=month.days * 3 * DOLLAR)
    page = read(client, world.admin, "?period=today")
    assert re.search(r'"sum-infrastructure".*?USD 3.00<.*?"sum-total".*?USD 43.00<', page, re.DOTALL)


def test_a_conversation_costs_so_much_beside_people_alone(world: World, other: Agent, client: Client) -> None:
    now = timezone.now()
    ticket = make_run(world, now).ticket
    Interaction.objects.create(
        ticket=ticket,
        team=ticket.team,
        category="payment",
        channel="widget",
        language="en",
        agent=world.agent,
        opened_at=now,
        ended_at=now - timedelta(seconds=1),
        model_micros=2 * DOLLAR,
        tool_micros=DOLLAR,
        human_seconds=360,
        computed_at=now,
    )
    assert table(read(client, world.ana), "economy-table") == [
        *("All", "1", "not enough data", "USD 2.00", "USD 1.00", *["not enough data"] * 3)
    ]
    HumanRate.objects.create(effective_from=now - timedelta(days=9), hourly_micros=30 * DOLLAR)
    HumanBaseline.objects.create(minutes=20)
    page = read(client, world.ana)
    assert table(page, "economy-table") == ["All", "1", *(f"USD {n}.00" for n in (6, 2, 1, 3, 10, 4))]
    assert all(
        f'<th scope="row" class="nowrap">{name}</th>' in page for name in ("Payment", "Concierge", "Chat widget")
    )
    assert "no conversation ended" in read(client, world.piet)


def test_a_budget_says_where_its_pace_leads_and_a_spike_which_runs_are_behind_it(
    world: World, other: Agent, client: Client
) -> None:
    now = timezone.now()
    run = make_run(world, now, cost_micros=DOLLAR)
    figures = {"rule": "mean", "minutes": 60, "spent": 9 * DOLLAR, "usual": DOLLAR, "weeks": 0}
    usual = {"kind": "spike", "agent": world.agent, "figures": figures, "run_ids": [str(run.pk)]}
    long_ago = now - timedelta(days=90)
    CostAlert.objects.create(key="now", first_at=now, last_at=now, **usual)
    CostAlert.objects.create(key="then", first_at=long_ago, last_at=long_ago, ended_at=long_ago, **usual)
    page = read(client, world.ana)
    assert page.count('data-testid="spike"') == 1
    assert "USD 9.00 in the last 60 minutes" in page
    assert f"/console/runs/{run.pk}/" in page
    assert 'data-testid="spike"' not in read(client, world.piet)
    assert 'data-testid="budget"' in page


def test_the_page_takes_as_many_statements_for_much_as_for_little(world: World, other: Agent, client: Client) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            read(client, world.ana)
        return len(queries)

    now = timezone.now()
    a_day(world, other, now)
    book(make_run(world, now), 5, now - timedelta(days=3))
    hours.roll_up()
    read(client, world.ana)  # what a process remembers
    before = statements()
    for number in range(12):
        run = make_run(world, now, cost_micros=number + 1)
        book(run, number, now - timedelta(days=number), model=f"m{number}", category="other")
    Budget.objects.create(scope="agent", subject=world.agent.slug, period="ever", cap=5)
    hours.roll_up()
    assert statements() == before
