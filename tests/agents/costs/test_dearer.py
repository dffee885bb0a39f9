"""An agent whose conversations cost more than people alone would is told of, until they no longer do."""

from datetime import UTC, datetime, timedelta

import pytest

from agents.costs import alert_views, watching
from agents.costs.watching import CostWatch
from agents.models import CostAlert, HumanBaseline, HumanRate, Interaction
from supportagent.tickets.models import Ticket
from tests.world import World

NOW = datetime(2026, 3, 12, 14, 30, tzinfo=UTC)


def conversations(world: World, number: int, *, days: int = 10, category: str = "payment") -> None:
    """With 0.80 of models and two minutes of a person each."""
    ended = NOW - timedelta(days=days)
    for _ in range(number):
        ticket = Ticket.objects.create(
            number=f"D-{Ticket.objects.count()}", customer=world.customer, team=world.agent.team, subject="x"
        )
        Interaction.objects.create(
            ticket=ticket,
            team=ticket.team,
            category=category,
            channel="widget",
            language="en",
            agent=world.agent,
            resolution="assisted",
            opened_at=ended,
            ended_at=ended,
            model_micros=800_000,
            human_seconds=120,
            computed_at=NOW,
        )


def found() -> list[CostAlert]:
    return list(CostAlert.objects.filter(kind="dearer", ended_at=None))


@pytest.fixture
def priced(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A person's minute costs 0.60; people alone take 3 minutes for a payment and nobody knows how long for others."""
    monkeypatch.setattr(watching, "database_now", lambda: NOW)
    HumanRate.objects.create(effective_from=NOW - timedelta(days=60), hourly_micros=36_000_000)
    HumanBaseline.objects.create(category="payment", minutes=3)
    return world


def test_it_is_told_of_with_both_costs_and_ends_when_it_is_over(priced: World, monkeypatch: pytest.MonkeyPatch) -> None:
    conversations(priced, 19)
    conversations(priced, 5, days=29)
    conversations(priced, 5, days=2)  # may still be opened again
    conversations(priced, 5, category="other")  # nothing to compare with
    CostWatch().look()
    assert found() == [], "19 are too few"
    conversations(priced, 1)
    watch = CostWatch()
    watch.look()
    [alert] = found()
    # 0.80 + 2 x 0.60 is 2.00, and 3 x 0.60 is 1.80.
    assert alert.agent == priced.agent
    assert alert_views.words(alert) == (
        "USD 2.00 for each of 20 conversations of the last 28 days; people alone would cost USD 1.80 for the same."
    )
    Interaction.objects.update(model_micros=600_000)  # 1.80 each: not more
    watch.look()
    assert found() == [alert], "what lies behind is looked at once an hour"
    monkeypatch.setattr(watching, "database_now", lambda: NOW + timedelta(hours=1))
    watch.look()
    assert found() == []


def test_it_takes_as_many_statements_for_many_conversations_as_for_few(
    priced: World, django_assert_max_num_queries
) -> None:
    conversations(priced, 20)
    with django_assert_max_num_queries(4):
        list(watching._dearer([priced.agent], NOW))
