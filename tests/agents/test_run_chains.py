"""The page of a run: who handed to whom and why, what it cost each, where it is now, and words without an act."""

from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents import chains
from agents.loop.guardrails import SAID_ONLY
from agents.models import Agent, HandOff, Run, RunEvent
from agents.told import told
from supportagent.staff.models import Team, User
from supportagent.tickets import services
from supportagent.tickets.models import Ticket
from tests.world import World, build_world

BRIEF = {
    "customer": "CUS-1001",
    "sorted": {"category": "return_refund", "priority": "high", "confidence": 91},
    "facts": [
        {
            "source": "store__get_order",
            "about": '{"order_id":"ORD-1042"}',
            "result": {"order_id": "ORD-1042", "status": "delivered", "items": [1, 2]},
            "call": "7d1c",
        },
        {"source": "store__list_payments", "about": "{}", "note": "read it yourself"},
    ],
    "left_out": 1,
    "tried": ["store__issue_refund: refused not_granted"],
    "question": "Where is my <b>money</b>?",
}


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


def agent(slug: str) -> Agent:
    account = User.objects.create_user(f"agent-{slug}", kind="service")
    team = Team.objects.get(slug="orders")
    return Agent.objects.create(slug=slug, name=slug.capitalize(), status="live", team=team, service_user=account)


def run_of(ticket: Ticket, who: Agent, state: str = "COMPLETED", **changes: Any) -> Run:
    return Run.objects.create(ticket=ticket, agent=who, state=state, assurance="verified", **changes)


def hand(source: Run, target: Run, brief: Any = None) -> HandOff:
    return HandOff.objects.create(
        from_run=source,
        to_run=target,
        reason="Money is asked back",
        summary="The customer wants EUR 84.",
        brief=BRIEF if brief is None else brief,
        after_seq=1,
    )


@pytest.fixture
def handed(world: World) -> tuple[Ticket, Run, Run, Run]:
    """Concierge to Billing to Technical, which is at work; and an earlier run of the concierge by itself."""
    ticket = world.write()
    first = ticket.runs.get()
    Run.objects.filter(pk=first.pk).update(state="COMPLETED", turns=3, cost_micros=12_300)
    second = run_of(ticket, agent("billing"), turns=2, cost_micros=4_000)
    third = run_of(ticket, agent("technical"), state="RUNNING")
    hand(first, second)
    hand(second, third)
    return ticket, first, second, third


def read(client: Client, person: User, run: Run) -> str:
    client.force_login(person)
    answer = client.get(f"/console/runs/{run.pk}/")
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_shows_the_whole_chain_with_reasons_costs_and_where_it_is_now(
    world: World, handed: tuple[Ticket, Run, Run, Run], client: Client
) -> None:
    ticket, first, second, third = handed
    page = read(client, world.ana, second)
    chain = page.partition('data-testid="chains"')[2].partition("</section>")[0]
    assert chain.count('data-testid="chain-link"') == 3 and chain.count('data-testid="hand-off"') == 2
    for words in ("Money is asked back", "The customer wants EUR 84.", "3 turns · USD 0.0123", "2 turns · USD 0.0040"):
        assert words in chain, words
    assert chain.index(str(first.pk)) < chain.index("this run") < chain.index(f"/console/runs/{third.pk}/")
    assert f"Technical has {ticket.number} now: running." in chain


def test_a_brief_shows_facts_with_their_sources(
    world: World, handed: tuple[Ticket, Run, Run, Run], client: Client
) -> None:
    chain = read(client, world.ana, handed[1]).partition('data-testid="chains"')[2]
    for words in (
        "order id ORD-1042",  # PostgreSQL keeps the keys of a result in an order of its own
        "status delivered",
        "items: 2",
        "store__get_order",
        "about ORD-1042",
        "read it yourself",
        "store__issue_refund: refused not_granted",
        "Where is my &lt;b&gt;money&lt;/b&gt;?",
        "Return or refund · high · 91 % sure",
    ):
        assert words in chain, words


def test_words_of_a_hand_off_are_hidden_from_whom_sees_no_personal_data(
    world: World, handed: tuple[Ticket, Run, Run, Run], client: Client
) -> None:
    page = read(client, world.auditor, handed[1])
    assert "Money is asked back" not in page and "EUR 84" not in page and "delivered" not in page
    assert 'data-testid="hand-off"' in page


def test_a_run_that_only_says_it_hands_off_is_shown_as_a_fault(world: World, client: Client) -> None:
    run = world.write().runs.get()
    title = f"A reply was withheld: {SAID_ONLY}."
    RunEvent.objects.create(run=run, seq=900, kind="guard", title=title)
    RunEvent.objects.create(run=run, seq=901, kind="guard", title="Card number in the reply")
    page = read(client, world.ana, run)
    assert page.count('data-testid="fault"') == 1
    assert page.count('data-testid="chain-fault"') == 1
    assert f"<strong>Fault:</strong> {title}" in page


@pytest.mark.parametrize(
    ("state", "words"), [("RESOLVED", "is resolved"), ("WAITING_PERSON", "waits for a person now"), ("OPEN", "Nobody")]
)
def test_where_a_ticket_is_now_is_said_in_words(world: World, state: str, words: str) -> None:
    ticket = world.write()
    ticket.runs.update(state="COMPLETED")
    ticket.state = state
    assert words in chains.where_now(ticket)


def test_a_ticket_in_a_colleagues_hands_says_whose(world: World, client: Client) -> None:
    ticket = world.write()
    services.take_over(ticket=ticket, by=world.rosa)
    assert f"{world.rosa.display_name} has {ticket.number} now." in read(client, world.ana, ticket.runs.get())


def test_a_run_that_a_colleague_asked_for_says_so(world: World, client: Client) -> None:
    ticket = world.write()
    ticket.runs.update(state="COMPLETED")
    run = run_of(ticket, world.agent, asked_by=world.rosa, asked_for="look_up", question="Was it <paid>?")
    page = read(client, world.ana, run)
    assert f"asked by {world.rosa.display_name}: something to be looked up" in page
    assert "Was it &lt;paid&gt;?" in page
    assert "&lt;paid&gt;" not in read(client, world.auditor, run)


@pytest.mark.parametrize(
    "brief", [{}, [], "words", 7, {"facts": "x", "tried": None, "odd": {"a": [1]}}, {"facts": [[]]}]
)
def test_a_brief_of_another_shape_breaks_no_page(world: World, client: Client, brief: Any) -> None:
    ticket = world.write()
    first = ticket.runs.get()
    Run.objects.filter(pk=first.pk).update(state="COMPLETED")
    second = run_of(ticket, agent("billing"))
    hand(first, second, brief)
    assert 'data-testid="hand-off"' in read(client, world.ana, second)
    told(brief)


def test_a_long_chain_takes_as_many_statements_as_a_short_one(
    world: World, handed: tuple[Ticket, Run, Run, Run], client: Client
) -> None:
    ticket, first, _second, third = handed

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            read(client, world.ana, first)
        return len(captured)

    asked()
    before = asked()
    Run.objects.filter(pk=third.pk).update(state="COMPLETED")
    last = third
    for _ in range(12):
        following = run_of(ticket, world.agent)
        hand(last, following)
        last = following
    Run.objects.filter(pk=last.pk).update(state="RUNNING")
    assert asked() == before
