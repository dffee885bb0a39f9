"""A person claims a ticket in the middle of an agent's turn: no word of the agent reaches the customer after it."""

import random
import time
from pathlib import Path
from typing import Any

import pytest

from agents.jobs import advance_run
from agents.models import Agent, Run
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Customer, Message, Ticket
from tests.agents.teamwork import add_agent, connect, pass_on, scripts
from tests.tickets.races import at_once
from tests.world import READ_ORDER, World, build_world

TRIES = 100
ANSWER = "It was delivered."


@pytest.fixture
def team_of_two(transactional_db: None, settings: Any, tmp_path: Path) -> World:
    """The world, where the first agent reads and hands off, and the second answers; each turn takes a moment."""
    world = build_world(settings, tmp_path)
    billing = add_agent("billing", "Support rep", "Billing specialist")
    connect((world.agent, billing))
    slow = {"delay": 0.02}
    scripts(
        world,
        first=[{"calls": [READ_ORDER], **slow}, {**pass_on("billing"), **slow}],
        billing=[{"text": ANSWER, **slow}],
    )
    return world


def work_on(ticket: Ticket) -> None:
    """What a worker does with the ticket's runs until none is queued."""
    while run := Run.objects.filter(ticket=ticket, state=Run.State.QUEUED).first():
        advance_run(str(run.pk))


@pytest.mark.slow
@pytest.mark.both_databases
def test_over_a_hundred_claims_no_word_of_an_agent_follows_one(team_of_two: World) -> None:
    world, chance = team_of_two, random.Random(5)
    claimed_before_answer = claimed_after_hand_off = 0
    began = time.monotonic()
    work_on(world.write("Where is it?"))
    undisturbed = time.monotonic() - began  # on this machine, right now
    for number in range(TRIES):
        customer = Customer.objects.create(reference=f"CUS-9{number:03}", name="Somebody")
        ticket = world.write(f"Where is it? {number}", customer=customer)
        pause = chance.uniform(0, 1.2 * undisturbed)

        def claim(ticket: Ticket = ticket, pause: float = pause) -> Ticket:
            time.sleep(pause)
            return tickets.take_over(ticket=ticket, by=world.rosa)

        worked, claimed = at_once(lambda ticket=ticket: work_on(ticket), claim)  # type: ignore[misc]
        assert worked is None and isinstance(claimed, Ticket), (worked, claimed)
        said = list(ticket.messages.order_by("seq").values_list("kind", "body"))
        joined = next(at for at, (kind, body) in enumerate(said) if kind == Message.Kind.EVENT and "joined" in body)
        assert Message.Kind.AGENT not in [kind for kind, _ in said[joined:]], said
        assert [kind for kind, _ in said].count(Message.Kind.AGENT) <= 1
        assert not Run.objects.live().filter(ticket=ticket).exists()
        claimed_before_answer += Message.Kind.AGENT not in [kind for kind, _ in said]
        claimed_after_hand_off += Run.objects.filter(ticket=ticket, agent__slug="billing", state="CANCELLED").exists()
    # The claims fell into every part of the work, or the test would prove nothing.
    assert 10 <= claimed_before_answer < TRIES
    assert claimed_after_hand_off > 0
    assert Agent.objects.count() == 2
