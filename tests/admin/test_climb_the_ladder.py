"""What stands beside the switch of autonomy: counted by hand here, and by the page from the rows."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents import evidence
from agents.models import Agent, CategoryAutonomy, ModelCall
from supportagent.tickets import services
from supportagent.tickets.models import Draft, Message, Ticket
from tests.world import World


def drafts(world: World, number: int, distance: int | None = 0, state: str = "SENT", **changes: Any) -> None:
    """Answers of 100 characters that Rosa decided about just now."""
    ticket = Ticket.objects.first() or world.write()
    usual = {
        "ticket": ticket,
        "body": "x" * 100,
        "author": world.agent.service_user,
        "kind": "draft",
        "category": "payment",
        "decided_by": world.rosa,
        "decided_at": timezone.now(),
    }
    sent = {"sent_body": "y" * 100, "edit_distance": distance} if state == "SENT" else {}
    Draft.objects.bulk_create(Draft(**{**usual, "state": state, **sent, **changes}) for _ in range(number))


def answered(world: World, body: str, **changes: Any) -> Ticket:
    """A thread of its own, about a payment, that the agent answered."""
    ticket = world.write(body)
    ticket.runs.update(state="COMPLETED")
    Message.objects.create(
        ticket=ticket,
        seq=50,
        kind="AGENT",
        body="Here you are.",
        author_type="agent",
        author_id=str(world.agent.service_user_id),
    )
    Ticket.objects.filter(pk=ticket.pk).update(category="payment", state="RESOLVED", **changes)
    ticket.refresh_from_db()
    return ticket


def found(world: World, category: str = "payment", now: datetime | None = None) -> evidence.Evidence:
    return evidence.of(Agent.objects.get(pk=world.agent.pk), now)[category]


@pytest.mark.parametrize(
    ("part", "whole", "low", "high"),
    [(17, 20, 0.6396, 0.9476), (20, 20, 0.8389, 1.0), (19, 20, 0.7639, 0.9911), (0, 5, 0.0, 0.4345)],
)
def test_the_interval_is_the_one_of_the_textbook(part: int, whole: int, low: float, high: float) -> None:
    assert evidence.wilson(part, whole) == pytest.approx((low, high), abs=0.0001)


def test_agreement_is_counted_by_hand(world: World) -> None:
    CategoryAutonomy.objects.create(agent=world.agent, category="payment", level="draft")
    drafts(world, 16)
    drafts(world, 1, distance=2)  # 2 % of 100 characters: still the agent's answer
    drafts(world, 1, distance=3)
    drafts(world, 2, state="DISCARDED")
    # None of these: open, superseded, asked for by a colleague, of another author, decided too long ago.
    drafts(world, 1, state="OPEN", decided_at=None)
    drafts(world, 1, state="SUPERSEDED")
    drafts(world, 1, kind="proposed")
    drafts(world, 1, author=world.rosa)
    drafts(world, 1, decided_at=timezone.now() - timedelta(days=28, minutes=1))
    one = found(world)
    assert (one.decided, one.agreed, one.discarded) == (20, 17, 2)
    assert one.mean_edit == pytest.approx(5 / 18)
    assert one.figures.startswith("17 of 20 sent as written (85%, 95 % between 64% and 95%), 0.3 characters changed")
    assert one.supports == "" and "lower bound is below 80%" in one.verdict
    assert found(world, "technical").decided == 0


@pytest.mark.parametrize(
    ("level", "number", "supports"),
    [("draft", 20, "approve"), ("approve", 20, "autonomous"), ("autonomous", 20, ""), ("draft", 19, "")],
)
def test_twenty_that_nobody_touched_support_the_next_step(world: World, level: str, number: int, supports: str) -> None:
    CategoryAutonomy.objects.create(agent=world.agent, category="payment", level=level)
    drafts(world, number, kind="approve")
    assert found(world).supports == supports


def test_an_answer_sent_before_distances_were_kept_counts_where_it_was_not_touched(world: World) -> None:
    drafts(world, 1, distance=None, sent_body="x" * 100)
    drafts(world, 1, distance=None)
    one = found(world)
    assert (one.decided, one.agreed) == (2, 1)


def test_threads_that_did_not_stay_as_the_agent_left_them_are_reversals(world: World) -> None:
    answered(world, "fine")
    again, withheld = answered(world, "opened again"), answered(world, "withheld")
    taken = answered(world, "taken")
    Ticket.objects.filter(pk=taken.pk).update(state="OPEN")
    services.take_over(ticket=taken, by=world.rosa)
    Ticket.objects.filter(pk=taken.pk).update(state="RESOLVED")
    Ticket.objects.filter(pk=world.write("it came back").pk).update(reopens=again, state="CLOSED")
    run = withheld.runs.get()
    ModelCall.objects.create(run=run, turn=1, fate="withheld", **_rest_of(ModelCall))
    quiet = world.write("a person answered at once")
    services.take_over(ticket=quiet, by=world.rosa)
    Ticket.objects.filter(pk=quiet.pk).update(category="payment")
    one = found(world)
    assert (one.answered, one.reversed) == (4, 3)
    assert found(world, now=timezone.now() + timedelta(days=29)).answered == 0


def _rest_of(model: type[ModelCall]) -> dict[str, Any]:
    """Whatever else a row cannot be without."""
    given = {"id", "run", "turn", "fate", "created_at"}
    needed = [f for f in model._meta.concrete_fields if f.name not in given and not f.has_default() and not f.null]
    return {f.name: "x" if f.get_internal_type() in ("CharField", "TextField") else 1 for f in needed}


def test_the_page_says_it_beside_the_switch_and_for_every_category(world: World, root: Client) -> None:
    Agent.objects.update(autonomy="draft")
    CategoryAutonomy.objects.create(agent=world.agent, category="payment", level="draft")
    drafts(world, 20)
    drafts(world, 3, category="technical")
    body = root.get(f"/admin/agents/agent/{world.agent.pk}/change/").content.decode()
    assert body.count("Supports the next step: approve.") == 2, "in the row of the category, and in the table of all"
    assert body.count("Not enough yet: 20 decided answers are needed.") == 1


def test_the_evidence_takes_as_many_statements_for_twelve_rows_as_for_one(world: World, root: Client) -> None:
    page = f"/admin/agents/agent/{world.agent.pk}/change/"

    def asked() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert root.get(page).status_code == 200
        return sum("tickets_draft" in each["sql"] for each in captured.captured_queries)

    CategoryAutonomy.objects.create(agent=world.agent, category="payment", level="draft")
    drafts(world, 1)
    before = asked()
    for category in Ticket.Category.values:
        CategoryAutonomy.objects.get_or_create(agent=world.agent, category=category)
        drafts(world, 2, category=category)
    assert asked() == before


def test_a_supervisor_reads_the_evidence_and_moves_no_switch(world: World, client: Client) -> None:
    drafts(world, 20)
    client.force_login(world.ana)
    body = client.get(f"/admin/agents/agent/{world.agent.pk}/change/").content.decode()
    assert "20 of 20 sent as written" in body
    assert 'name="autonomy"' not in body
