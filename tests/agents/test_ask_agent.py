"""A colleague who holds a ticket asks an agent for a draft or a look-up, and keeps the ticket."""

import pytest

from agents.assisting import ask_agent
from agents.models import Agent, Run
from supportagent.tickets import services as tickets
from supportagent.tickets.errors import Conflict, InvalidMessage, NotYours
from supportagent.tickets.models import Draft, Message, Ticket
from tests.agents.teamwork import scripts
from tests.agents.test_hand_off import work
from tests.world import ASK_REFUND, READ_ORDER, World

ANSWER = "The order was delivered on Monday."


@pytest.fixture
def held(world: World) -> Ticket:
    """A ticket that Rosa holds."""
    scripts(world, first=[{"text": "Hello."}])
    ticket = world.write()
    work(ticket)
    return tickets.take_over(ticket=ticket, by=world.rosa)


def test_a_draft_lands_beside_the_conversation_and_is_not_sent(world: World, held: Ticket) -> None:
    scripts(world, first=[{"calls": [READ_ORDER]}, {"text": ANSWER}])
    run = ask_agent(ticket=held, by=world.rosa, asked_for="draft")
    work(held)
    run.refresh_from_db()
    draft = Draft.objects.get(ticket=held)
    assert (run.state, draft.body, draft.kind) == (Run.State.COMPLETED, ANSWER, Draft.Kind.PROPOSED)
    assert world.replies(held) == ["Hello."]
    assert (held.assignee, held.state) == (world.rosa, Ticket.State.WAITING_PERSON)


def test_what_was_looked_up_becomes_an_internal_note(world: World, held: Ticket) -> None:
    scripts(world, first=[{"calls": [READ_ORDER]}, {"text": ANSWER}])
    ask_agent(ticket=held, by=world.rosa, asked_for="look_up", question="When was it delivered?")
    work(held)
    assert held.messages.get(kind=Message.Kind.NOTE).body == ANSWER
    assert not held.messages.filter(kind=Message.Kind.AGENT).exclude(body="Hello.").exists()


def test_it_may_read_and_nothing_else(world: World, held: Ticket) -> None:
    scripts(world, first=[{"calls": [ASK_REFUND]}, {"text": ANSWER}])
    run = ask_agent(ticket=held, by=world.rosa, asked_for="draft")
    work(held)
    assert run.tool_calls.get().code == "unknown_tool"
    assert world.refunds() == 0


def test_a_limit_ends_it_without_touching_the_ticket(world: World, held: Ticket) -> None:
    world.agent.max_turns = 1
    world.agent.save()
    scripts(world, first=[{"calls": [READ_ORDER]}])
    run = ask_agent(ticket=held, by=world.rosa, asked_for="draft")
    work(held)
    run.refresh_from_db()
    assert (run.state, run.ended_because) == (Run.State.FAILED, "limit")
    assert (held.assignee, held.hand_overs.count()) == (world.rosa, 0)


def test_handing_back_ends_it_and_the_agents_answer_the_customer(world: World, held: Ticket) -> None:
    scripts(world, first=[{"text": ANSWER}])
    run = ask_agent(ticket=held, by=world.rosa, asked_for="draft")
    tickets.hand_back(ticket=held, by=world.rosa, brief="Tell them that it was delivered.")
    work(held)
    run.refresh_from_db()
    assert run.state == Run.State.CANCELLED
    assert not Draft.objects.exists()
    assert world.replies(held) == ["Hello.", ANSWER]


def test_a_customer_who_writes_meanwhile_is_not_answered_by_it(world: World, held: Ticket) -> None:
    scripts(world, first=[{"text": ANSWER}])
    ask_agent(ticket=held, by=world.rosa, asked_for="draft")
    world.write("Hello? Anybody?")
    work(held)
    assert world.replies(held) == ["Hello."]
    assert Draft.objects.get(ticket=held).body == ANSWER


def test_only_whoever_holds_the_ticket_asks_and_one_thing_at_a_time(world: World, held: Ticket) -> None:
    with pytest.raises(Conflict):
        ask_agent(ticket=held, by=world.ana, asked_for="draft")
    with pytest.raises(InvalidMessage):
        ask_agent(ticket=held, by=world.rosa, asked_for="look_up", question="  ")
    ask_agent(ticket=held, by=world.rosa, asked_for="draft")
    with pytest.raises(Conflict, match="at work"):
        ask_agent(ticket=held, by=world.rosa, asked_for="draft")


def test_nobody_asks_on_a_ticket_that_nobody_holds(world: World) -> None:
    scripts(world, first=[{"text": "Hello."}])
    ticket = world.write()
    with pytest.raises(NotYours):
        ask_agent(ticket=ticket, by=world.rosa, asked_for="draft")


def test_a_paused_agent_is_not_asked(world: World, held: Ticket) -> None:
    Agent.objects.update(status=Agent.Status.PAUSED)
    with pytest.raises(Conflict, match="No agent"):
        ask_agent(ticket=held, by=world.rosa, asked_for="draft")
