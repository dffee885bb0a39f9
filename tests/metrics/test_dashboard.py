"""The dashboard: every figure of the report, with what it rests on, for the teams of whoever looks."""

import csv
import io
import json
import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.costs import interactions
from agents.costs.spending import use_of
from agents.models import Budget, CostAlert, Interaction
from supportagent.metrics import dashboard, filters
from supportagent.metrics.measures import Scope, report
from supportagent.quality.models import SampledItem, Stratum
from supportagent.staff.models import User
from tests.metrics.month import END, FORTNIGHT, NOW, Month
from tests.world import World

PAGE = "/console/"
SPAN = "?from=2026-03-01&to=2026-03-14"


class Reader(HTMLParser):
    """Figures and tables of a page: the values that machines read, by the ids that they stand under."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.under = ""
        self.figures: dict[str, float] = {}
        self.tables: dict[str, list[float]] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if given.get("data-testid") in ("figure", "sheet"):
            self.under = given["id"]
        if tag == "data" and self.under.startswith("figure-"):
            self.figures[self.under.removeprefix("figure-")] = float(given["value"])
        elif tag == "data":
            self.tables.setdefault(self.under, []).append(float(given["value"]))


def read(client: Client, person: User, query: str = "", status: int = 200) -> str:
    client.force_login(person)
    answer = client.get(PAGE + query)
    assert answer.status_code == status
    return answer.content.decode()


def figure(page: str, key: str) -> str:
    """What one figure says, without tags."""
    found = page.partition(f'id="figure-{key}"')[2].partition("</details></div>")[2].partition("</div>")[0]
    return " ".join(unescape(re.sub("<[^>]*>", " ", found)).split())


def download(client: Client, path: str) -> list[dict[str, str]]:
    answer: Any = client.get(f"/console/figures/{path}")
    assert answer.status_code == 200, path
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_the_page_and_its_files_equal_the_report_figure_by_figure(month: World, client: Client) -> None:
    out = io.StringIO()
    call_command("report", "--from", "2026-03-01", "--to", "2026-03-14", "--json", stdout=out)
    sections = json.loads(out.getvalue())["sections"]
    page = read(client, month.admin, SPAN)
    found = Reader(page)
    values = {key: each for section in sections.values() for key, each in section["figures"].items()}
    assert len(values) > 30
    assert found.figures == {key: each["value"] for key, each in values.items() if each["value"] is not None}
    for key, each in values.items():
        words = figure(page, key)
        assert f"n = {each['n']:,}" in words
        assert ("Not enough data" in words) == (each["value"] is None)
        if each["interval"]:
            low, high = each["interval"]
            assert f"{low * 100:.0f} to {high * 100:.0f} %" in words
        assert each["formula"] in unescape(page)
    for section, said in sections.items():
        rows = download(client, f"{section}/figures.csv{SPAN}")
        assert [row["key"] for row in rows] == list(said["figures"])
        for key, table in said["tables"].items():
            parts = [(row["label"], name, each) for row in table for name, each in row.items() if type(each) is dict]
            shown = [each["value"] for _, _, each in parts if each["value"] is not None]
            assert found.tables.get(f"{section}-{key}", []) == shown
            cells = {
                (row["label"], name): value
                for row in download(client, f"{section}/{key}.csv{SPAN}")
                for name, value in row.items()
            }
            assert all(cells[label, f"{name}_n"] == str(each["n"]) for label, name, each in parts)
    by_day = sections["resolution"]["tables"]["by_time"]
    assert [len(by_day), sum(row["ended"]["value"] for row in by_day)] == [14, 26]
    assert {row["label"]: row["unassisted"]["value"] for row in by_day if row["unassisted"]["n"]} == {
        "5 Mar": 9,
        "14 Mar": 1,
    }
    costs = {row["label"]: row for row in sections["cost"]["tables"]["cost_by_time"]}
    assert costs["5 Mar"]["total"]["value"] + costs["14 Mar"]["total"]["value"] == 58_230_900
    assert page.count("<svg") >= 2 and 'class="chart__bar chart__bar--2"' in page


def test_figures_are_written_for_people_and_say_how_they_moved(month: World, client: Client) -> None:
    page = read(client, month.ana, SPAN)
    assert figure(page, "resolution") == "38 % not enough data before 21 to 59 %, n = 21"
    assert figure(page, "cost_per_interaction").startswith("USD 2.24 worse: +USD 2.24, was USD 0.0010")
    assert figure(page, "time_to_resolution") == "14 h not enough data before n = 26"
    assert figure(page, "satisfaction").startswith("3.9 of 5")
    assert figure(page, "people_satisfied") == "Not enough data n = 3"
    assert figure(page, "ended") == "26 +25, was 1 n = 26"
    assert 'aria-label="How it is counted: Resolved by agents alone"' in page
    assert "Conversations as of 15 Mar, 00:00:00" in page
    assert 'hx-trigger="console:minute from:body"' in page


def test_without_rows_there_is_not_enough_data_and_never_zero_percent(world: World, client: Client) -> None:
    page = read(client, world.ana)
    assert figure(page, "resolution") == figure(page, "approved") == "Not enough data n = 0"
    assert figure(page, "ended") == "0 as before n = 0"
    assert "0 %</data>" not in page and "No conversation is counted yet" in page


def test_filters_are_part_of_the_address_and_narrow_everything(month: World, client: Client) -> None:
    slug = month.agent.slug
    page = read(client, month.ana, f"{SPAN}&category=payment&agent=")
    assert figure(page, "ended").startswith("4 ")
    assert '<option value="payment" selected>' in page
    assert "?period=7&amp;category=payment" in page
    assert "/console/figures/times/figures.csv?from=2026-03-01&amp;to=2026-03-14&amp;category=payment" in page.replace(
        "&amp;amp;", "&amp;"
    )
    narrowed = read(client, month.ana, f"{SPAN}&agent={slug}&team={month.agent.team.slug}&channel=widget&language=en")
    assert figure(narrowed, "ended").startswith("22 ")
    assert figure(read(client, month.ana, "?period=90"), "ended").startswith("27 ")
    assert figure(read(client, month.ana, "?from=2026-03-05&to=2026-03-05"), "ended").startswith("25 ")
    assert "5 Mar, 12:00" in read(client, month.ana, "?from=2026-03-05&to=2026-03-05")
    assert figure(read(client, month.ana, f"{SPAN}&tool=store__issue_refund"), "decided").startswith("7 ")


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("?period=year", "Choose 7 days, 28 days, 90 days, or the days"),
        ("?from=2026-02-30&to=2026-03-01", "is no day and no moment"),
        ("?from=2026-03-02&to=2026-03-01", "ends before it begins"),
        ("?from=1000-01-01&to=1000-01-02", "is not between"),
        ("?from=%00", "is no day and no moment"),
        ("?agent=nobody", "There is no agent"),
        ("?agent=%00%27", "There is no agent"),
        ("?tool=no__tool", "There is no tool"),
        ("?category=%3Cb%3E", "There is no category &#x27;&lt;b&gt;"),
        ("?team=partners", "There is no team"),
        ("?channel=internal", "There is no channel"),
        ("?language=english please", "There is no language"),
    ],
)
def test_what_makes_no_sense_is_told_and_left_out(world: World, client: Client, query: str, said: str) -> None:
    page = read(client, world.ana, query, 422)
    assert said in page.replace("&#39;", "&#x27;")
    assert 'aria-current="page">28 days' in page
    assert client.get(f"/console/figures/cost/figures.csv{query}").status_code == 422


def test_an_address_of_no_table_is_not_found(world: World, client: Client) -> None:
    client.force_login(world.ana)
    assert client.get("/console/figures/cost/nothing.csv").status_code == 404
    assert client.get("/console/figures/nothing/figures.csv").status_code == 404


def test_a_supervisor_of_another_team_sees_none_of_it(month: World, client: Client) -> None:
    now = END
    figures = {"rule": "mean", "minutes": 60, "spent": 9_000_000, "usual": 1_000_000, "weeks": 0}
    CostAlert.objects.create(kind="spike", agent=month.agent, key="x", first_at=now, last_at=now, figures=figures)
    Month(month).request(Interaction.objects.earliest("pk").ticket, "PENDING", 9)
    ana, piet = (read(client, person, SPAN) for person in (month.ana, month.piet))
    assert 'data-testid="spike"' in ana and "/console/costs/alerts/" in ana
    assert re.search(r'id="pending-\d', ana) and figure(ana, "waiting").startswith("1 ")
    assert 'data-testid="spike"' not in piet and not re.search(r'id="pending-\d', piet)
    assert month.agent.slug not in piet and "Organisation" not in piet
    assert {key for key, value in Reader(piet).figures.items() if value} == set()
    assert "Large refunds" in ana and "Large refunds" not in piet


def test_who_has_still_to_judge_is_not_led_by_what_others_judged(
    month: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, part = f"{PAGE}{SPAN}", f"{PAGE}{SPAN}&tool=store__issue_refund"
    client.force_login(month.ana)
    assert all("figure-labelled_actions" in client.get(path).content.decode() for path in (whole, part))
    drawn(month)
    led, narrowed = (client.get(path).content.decode() for path in (whole, part))
    assert "figure-labelled_actions" in led and "accuracy-labels_per_tool" not in led
    assert "figure-labelled_actions" not in narrowed and "would lead you" in narrowed
    client.force_login(month.finance)  # who labels nothing
    assert "figure-labelled_actions" in client.get(part).content.decode()


def drawn(world: World) -> None:
    """An action that waits for somebody to judge it."""
    run = world.write().runs.get()
    stratum = Stratum.objects.create(
        week="2026-03-02",
        kind="action",
        tool="store__issue_refund",
        agent=world.agent,
        mode="autonomous",
        category="order_status",
        population=40,
    )
    SampledItem.objects.create(stratum=stratum, run=run, finished_at=NOW, wanted=1)


def test_a_budget_of_a_day_that_is_over_counts_as_unspent(world: World) -> None:
    budget = Budget.objects.get(scope="agent", period="day")
    today = timezone.now().date()
    budget.spent, budget.reserved, budget.period_start = 5_000_000, 1_000_000, today
    assert use_of(budget).ratio == 6 / 20
    assert str(use_of(budget)) == "USD 5.00 of USD 20.00, USD 1.00 reserved"
    assert use_of(budget, today + FORTNIGHT.end.resolution * 86_400_000_000).ratio == 1 / 20
    budget.cap = 0
    assert use_of(budget).ratio == 1


@pytest.mark.parametrize(("person", "page"), [("rosa", "/console/tickets/"), ("auditor", "/console/approvals/")])
def test_whoever_may_not_see_it_is_taken_to_a_page_of_theirs(
    world: World, client: Client, person: str, page: str
) -> None:
    client.force_login(getattr(world, person))
    assert client.get(PAGE).headers["Location"] == page


def test_somebody_without_a_role_reads_why_there_is_nothing(world: World, client: Client) -> None:
    client.force_login(User.objects.create_user("new"))
    assert client.get(PAGE).status_code == 403


def test_the_dashboard_takes_as_many_statements_for_many_rows_as_for_few(month: World, client: Client) -> None:
    client.force_login(month.ana)

    def statements() -> int:
        interactions.rebuild()
        with CaptureQueriesContext(connection) as queries:
            assert client.get(PAGE + SPAN).status_code == 200
        return len(queries)

    statements()  # what a process remembers
    before = statements()
    tickets = [row.ticket for row in Interaction.objects.exclude(ended_at=None)[:20]]
    for minutes, ticket in enumerate(tickets, 1):
        for state in ("PENDING", "APPROVED"):
            Month(month).request(ticket, state, minutes)
    Budget.objects.create(scope="agent", subject=month.agent.slug, period="ever", cap=5)
    assert statements() == before <= 90


def test_a_figure_in_words() -> None:
    assert [dashboard.duration(seconds) for seconds in (42, 7 * 60, 11_100, 7200, 187_200)] == [
        "42 s",
        "7 min",
        "3 h 5 min",
        "2 h",
        "2 d 4 h",
    ]
    assert dashboard.write("number", 1.084) == "1.08"
    assert dashboard.write("number", 1234) == "1,234"


def test_days_without_a_word_are_those_of_the_report(month: World) -> None:
    asked = filters.asked_for(month.admin, {}, NOW)
    assert (asked.when.preset, asked.problems, asked.query) == ("28", [], "period=28")
    assert [each.plain() for each in report(asked.scope)] == [
        each.plain() for each in report(Scope(asked.scope.period, now=NOW))
    ]
