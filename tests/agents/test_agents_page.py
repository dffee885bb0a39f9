"""The page of the agents: what each is at, and who hands off to whom, drawn and in a table."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents import graph, roster
from agents.models import Agent, Budget, CategoryAutonomy, HandOff, HandOffRoute, Run
from supportagent.staff.models import Team, User
from supportagent.tickets.models import Customer
from tests.world import World, build_world

PAGE = "/console/agents/"


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


def another(slug: str, team: str = "orders", **changes: Any) -> Agent:
    account = User.objects.create_user(f"agent-{slug}", kind="service")
    usual = {"name": slug.capitalize(), "status": "live", "team": Team.objects.get(slug=team)}
    return Agent.objects.create(slug=slug, service_user=account, **{**usual, **changes})


def route(source: Agent, target: Agent, when: str = "it is about money") -> HandOffRoute:
    return HandOffRoute.objects.create(from_agent=source, to_agent=target, when=when)


def hand_off(world: World, source: Agent, target: Agent, days: int = 0) -> HandOff:
    """One that happened, on a ticket of the front desk's team."""
    ticket = world.write()
    ticket.runs.update(state=Run.State.COMPLETED)
    usual = {"ticket": ticket, "state": Run.State.COMPLETED, "assurance": "verified"}
    first, second = (Run.objects.create(agent=agent, **usual) for agent in (source, target))
    made = HandOff.objects.create(from_run=first, to_run=second, reason="r", summary="s", brief={}, after_seq=1)
    HandOff.objects.filter(pk=made.pk).update(created_at=timezone.now() - timedelta(days=days))
    return made


def read(client: Client, person: User) -> str:
    client.force_login(person)
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_card_says_how_far_an_agent_goes_and_what_it_is_at(world: World, client: Client) -> None:
    world.write()
    Agent.objects.update(autonomy="draft")
    CategoryAutonomy.objects.create(agent=world.agent, category="payment", level="approve")
    CategoryAutonomy.objects.create(agent=world.agent, category="other", level="draft")
    Budget.objects.filter(scope="agent", subject=world.agent.slug).update(cap=7_000_000, spent=0, reserved=0)
    hand_off(world, world.agent, another("billing"), days=2)
    hand_off(world, world.agent, Agent.objects.get(slug="billing"), days=8)
    [mine] = [each for each in roster.standings(world.ana, roster.everybody()) if each.agent == world.agent]
    assert (mine.exceptions, mine.left, mine.hand_offs) == (1, "USD 7.00", 1)
    assert mine.open_runs == 0, "the hand-offs of this test ended them"
    world.write("And another thing", customer=Customer.objects.get(reference="CUS-1002"))
    page = read(client, world.ana)
    card = page.partition(f'id="agent-{world.agent.slug}"')[2].partition("</article>")[0]
    for words in ("Live", "Draft: a person edits and sends", "otherwise in 1 category", "USD 7.00", "1 run ·"):
        assert words in card, words
    assert "1 time in 7 days" in card and "Support rep" in card and f"?agent={world.agent.slug}" in card


def test_the_number_of_tools_is_what_the_gate_would_let_it_call(world: World) -> None:
    from supportagent.tools import access

    account = world.agent.service_user
    assert access.numbers_of_tools([account.pk]) == {account.pk: len(access.granted(account))}
    User.objects.filter(pk=account.pk).update(is_active=False)
    assert access.numbers_of_tools([account.pk]) == {}


def test_an_agent_without_a_budget_says_that_it_does_not_run(world: World, client: Client) -> None:
    another("night")
    assert "no budget: it does not run" in read(client, world.ana)


def test_the_budget_and_the_work_of_another_team_stay_its_own(world: World, client: Client) -> None:
    hand_off(world, world.agent, another("billing"))
    route(world.agent, Agent.objects.get(slug="billing"))
    page = read(client, world.piet)
    assert "of another team" in page and "USD" not in page
    assert "0 times in 7 days" in page and ">0×<" in page


def test_routes_stand_in_the_drawing_and_in_the_table_with_how_often_they_were_taken(
    world: World, client: Client
) -> None:
    billing, technical = another("billing"), another("technical", status="paused")
    route(world.agent, billing, "money is <asked> back")
    route(billing, technical, "the app fails")
    for days in (0, 1, 27, 29):
        hand_off(world, world.agent, billing, days=days)
    page = read(client, world.ana)
    assert page.count('data-testid="graph-box"') == 3
    assert page.count('data-testid="graph-arrow"') == 2
    assert page.count('graph__arrow--unused"') == 1
    assert "graph__box--paused" in page
    assert "money is &lt;asked&gt; back" in page
    table = page.partition('data-testid="routes"')[2]
    assert table.count("<tr>") == 3 and ">3×<" in table and ">0×<" in table
    assert "style=" not in page.partition("<main")[2], "the strict policy of the page forbids it"


def test_no_route_and_no_agent_are_said_in_words(world: World, client: Client) -> None:
    assert "No agent may hand off to another" in read(client, world.ana)


def test_names_of_agents_are_text(world: World, client: Client) -> None:
    route(world.agent, another("x", name="<script>alert(1)</script>"))
    page = read(client, world.ana)
    assert "<script>alert" not in page and "&lt;script&gt;alert" in page


def test_twelve_agents_take_as_many_statements_as_one(world: World, client: Client) -> None:
    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            read(client, world.ana)
        return len(captured)

    asked()
    route(world.agent, another("a0"))
    hand_off(world, world.agent, Agent.objects.get(slug="a0"))
    before = asked()
    for number in range(1, 11):
        one = another(f"a{number}")
        route(world.agent, one)
        hand_off(world, world.agent, one)
    assert asked() == before


def drawn(pairs: list[tuple[int, int]], number: int, receiving: int | None = 0) -> graph.Drawing:
    agents = [Agent(pk=i, name=f"Agent {i}", status="live", receives_requests=i == receiving) for i in range(number)]
    routes = [roster.Route(i, agents[a], agents[b], "", 0) for i, (a, b) in enumerate(pairs)]
    return graph.draw(agents, routes)


ALL_PAIRS = [(a, b) for a in range(12) for b in range(12) if a != b]


@pytest.mark.parametrize(
    ("pairs", "number"),
    [
        ([], 0),
        ([], 1),
        ([], 12),
        ([(0, 1), (1, 0)], 2),
        ([(0, n) for n in range(1, 12)], 12),
        ([(n, n + 1) for n in range(11)], 12),
        ([(1, 2), (2, 1)], 3),
        (ALL_PAIRS, 12),
    ],
)
def test_a_drawing_of_up_to_twelve_agents_keeps_every_box_apart_and_inside(
    pairs: list[tuple[int, int]], number: int
) -> None:
    drawing = drawn(pairs, number)
    assert drawing == drawn(pairs, number), "the same is always drawn alike"
    assert len(drawing.boxes) == number and len(drawing.arrows) == len(pairs)
    for n, box in enumerate(drawing.boxes):
        assert box.x >= 0 and box.x + box.width <= drawing.width
        assert box.y >= 0 and box.y + box.height <= drawing.height
        for other in drawing.boxes[n + 1 :]:
            assert abs(box.x - other.x) >= box.width or abs(box.y - other.y) >= box.height
    for arrow in drawing.arrows:
        numbers = [int(each) for each in re.findall(r"-?\d+", arrow.path)]
        assert all(0 <= x <= drawing.width for x in numbers[::2])
        assert all(0 <= y <= drawing.height for y in numbers[1::2])


def test_whoever_receives_requests_stands_first_and_who_has_no_route_last() -> None:
    drawing = drawn([(2, 0), (0, 1)], 4, receiving=2)
    left = {box.agent.pk: box.x for box in drawing.boxes}
    assert left[2] < left[0] < left[1] < left[3]


def test_runs_are_filtered_by_agent(world: World, client: Client) -> None:
    hand_off(world, world.agent, another("billing"))
    client.force_login(world.ana)
    for slug, names in (("billing", {"Billing"}), ("nobody", {"Billing", world.agent.name})):
        page = client.get("/console/runs/", {"agent": slug})
        assert {run.agent.name for run in page.context["page"]} == names
