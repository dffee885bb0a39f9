"""An agent that goes in circles, or on and on, is stopped within what it may cost, and the customer is told."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import Sum
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.costs import budgets
from agents.costs.watching import CostWatch
from agents.loop.leaving import SORRY
from agents.models import CostAlert, Run
from supportagent.tickets.models import HandOver
from tests.agents.teamwork import add_agent, connect, pass_on, scripts
from tests.world import READ_ORDER, World, configure_agent

MUCH = 10_000


def read(number: int) -> dict[str, Any]:
    return {**READ_ORDER, "arguments": {**READ_ORDER["arguments"], "order_id": f"ORD-{number}"}}


A, B, C = read(1042), read(7777), read(7778)
ENDLESS = [{"calls": [read(2000 + number)]} for number in range(30)]


def stopped(world: World) -> Run:
    """Work on a message of the customer until the agent is stopped, and check what must hold however it was."""
    ticket = world.write()
    run = world.advance(ticket)
    assert (run.state, world.replies(ticket)) == (Run.State.HANDED_OVER, [SORRY])
    assert HandOver.objects.get(ticket=ticket).reason_code == HandOver.Reason.LIMIT
    sums = run.spends.aggregate(charged=Sum("charged"), reserved=Sum("reserved"))
    assert 0 < run.cost_micros == sums["charged"] <= sums["reserved"]
    assert budgets.drifts() == []
    return run


def words(run: Run) -> str:
    return HandOver.objects.get(ticket=run.ticket).summary


@pytest.mark.parametrize(
    ("turns", "taken", "said"),
    [
        ([{"calls": [A]}], 4, "4 identical calls of 4"),
        ([{"calls": [each]} for each in [A, B] * 5], 6, "3 rounds of the same 2 calls of 3"),
        ([{"calls": [C]}, *[{"calls": [A, B]}] * 5], 4, "3 rounds of the same 2 calls of 3"),
        ([{"calls": [each]} for each in [A, B, C] * 4], 6, "4 turns without anything new of 4"),
        (ENDLESS, 5, "4 turns without anything new of 4"),
    ],
    ids=["identical", "alternating", "two at once", "three", "guesses"],
)
def test_an_agent_that_goes_in_circles_is_stopped_and_the_customer_is_told(
    world: World, turns: list[Any], taken: int, said: str
) -> None:
    world.script(turns)
    run = stopped(world)
    assert "goes in circles" in words(run) and said in words(run)
    assert (run.turns, run.ended_because) == (taken, "loop")


@pytest.mark.parametrize(
    ("limit", "value", "said"),
    [("max_cost_micros", 12_000, "micro-units of 12000"), ("max_tokens", 12_000, "tokens of 12000")],
)
def test_an_agent_that_reads_on_for_ever_never_costs_more_than_its_run_may(
    world: World, settings: Any, limit: str, value: int, said: str
) -> None:
    settings.MAX_TURNS_WITHOUT_NEWS = settings.MAX_ROUNDS_OF_CALLS = MUCH
    configure_agent(**{limit: value, "max_turns": MUCH, "max_tool_calls": MUCH})
    world.script(ENDLESS)
    run = stopped(world)
    used = run.cost_micros if limit == "max_cost_micros" else run.input_tokens + run.output_tokens
    assert 0 < used <= value
    assert said in words(run) and run.ended_because == HandOver.Reason.LIMIT
    assert run.turns > 1


def test_who_writes_again_or_has_something_changed_is_no_loop(world: World) -> None:
    note = {"name": "tickets__add_internal_note", "arguments": {"body": "Looked.", "stated_reason": "to remember"}}
    turns = [{"calls": [A]}, {"calls": [B]}, {"calls": [note]}, {"calls": [A]}, {"calls": [B]}, {"text": "Here it is."}]
    world.script(turns)
    ticket = world.write()
    assert world.advance(ticket).state == Run.State.COMPLETED
    world.write("And once more, please.")
    assert world.advance(ticket).ended_because == "answered"


def test_loops_of_the_last_hour_are_one_alert_that_names_the_runs(world: World, client: Client) -> None:
    world.script([{"calls": [A]}])
    runs = []
    for number in range(2):
        runs.append(str(stopped(world).pk))
        Run.objects.filter(pk=runs[-1]).update(finished_at=timezone.now() - timedelta(minutes=9 - number))
        HandOver.objects.all().delete()
        world.customer = type(world.customer).objects.create(reference=f"CUS-5{number}", name="New")
    watch = CostWatch()
    assert watch.look() == 1
    alert = CostAlert.objects.get()
    assert (alert.kind, alert.agent, alert.key) == ("loop", world.agent, f"loop:agent:{world.agent.pk}")
    assert (alert.run_ids, alert.figures) == (runs[::-1], {"runs": 2})
    client.force_login(world.ana)
    html = client.get(reverse("agents:alerts")).content.decode()
    assert "2 runs were stopped within an hour" in html and reverse("agents:run", args=[runs[0]]) in html
    assert watch.look() == 0
    assert CostAlert.objects.open().count() == 1
    Run.objects.update(finished_at=timezone.now() - timedelta(minutes=61))
    assert watch.look() == 1
    assert not CostAlert.objects.open().exists()


def test_agents_that_hand_a_conversation_to_each_other_are_a_loop_as_well(world: World) -> None:
    add_agent("other", "Support rep")
    other = add_agent("second", "Support rep")
    connect((world.agent, other), (other, world.agent))
    scripts(world, first=[pass_on("second")], second=[pass_on(world.agent.slug)])
    ticket = world.write()
    for _ in range(4):
        run = world.advance(ticket)
    assert (run.state, run.ended_because) == (Run.State.HANDED_OVER, "loop")
