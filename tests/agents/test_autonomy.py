"""How far an agent's words go by themselves: draft, approve, autonomous, per agent and category."""

import pytest

from agents.models import Agent, CategoryAutonomy, ModelCall, Run
from supportagent.tickets import services as tickets
from supportagent.tickets.errors import Conflict
from supportagent.tickets.models import Draft, Message, Ticket
from tests.agents.teamwork import scripts
from tests.agents.test_hand_off import work
from tests.world import ASK_REFUND, READ_ORDER, World, configure_agent

ANSWER = "Your order was delivered on Monday."
Level = Agent.Autonomy


def drafted(world: World, level: str, body: str = "Where is ORD-1042?") -> tuple[Ticket, Draft]:
    configure_agent(autonomy=level)
    scripts(world, first=[{"calls": [READ_ORDER]}, {"text": ANSWER}])
    ticket = world.write(body)
    [run] = work(ticket)
    assert (run.state, run.ended_because) == (Run.State.COMPLETED, "drafted")
    assert run.model_calls.latest("turn").fate == ModelCall.Fate.DRAFTED
    return ticket, Draft.objects.get(ticket=ticket)


@pytest.mark.parametrize("level", [Level.DRAFT, Level.APPROVE])
def test_what_an_agent_below_autonomous_writes_is_kept_for_a_person(world: World, level: str) -> None:
    ticket, draft = drafted(world, level)
    assert world.replies(ticket) == []
    assert (draft.body, draft.kind, draft.state) == (ANSWER, level, Draft.State.OPEN)
    assert ticket.state == Ticket.State.WAITING_APPROVAL


def test_a_person_edits_a_draft_and_sends_it_in_their_own_name(world: World) -> None:
    ticket, draft = drafted(world, Level.DRAFT)
    tickets.send_draft(draft=draft, by=world.rosa, body=f"{ANSWER} Regards")
    draft.refresh_from_db()
    sent = ticket.messages.get(kind=Message.Kind.PERSON)
    assert (sent.body, draft.body, draft.edit_distance) == (f"{ANSWER} Regards", ANSWER, len(" Regards"))


def test_an_answer_that_a_person_agrees_with_is_sent_in_the_agents_name(world: World) -> None:
    ticket, draft = drafted(world, Level.APPROVE)
    tickets.approve_draft(draft=draft, by=world.rosa)
    sent = ticket.messages.get(kind=Message.Kind.AGENT)
    assert (sent.body, sent.author_name) == (ANSWER, world.agent.name)
    ticket.refresh_from_db()
    assert ticket.state == Ticket.State.WAITING_CUSTOMER


def test_a_new_message_replaces_the_draft_that_nobody_sent(world: World) -> None:
    ticket, draft = drafted(world, Level.DRAFT)
    world.write("Never mind, when does the next one come?")
    work(ticket)
    draft.refresh_from_db()
    assert draft.state == Draft.State.SUPERSEDED
    assert Draft.objects.filter(ticket=ticket, state=Draft.State.OPEN).count() == 1
    with pytest.raises(Conflict):
        tickets.send_draft(draft=draft, by=world.rosa, body=ANSWER)


def test_a_category_has_a_level_of_its_own(world: World) -> None:
    configure_agent(autonomy=Level.DRAFT)
    CategoryAutonomy.objects.create(agent=world.agent, category=Ticket.Category.ORDER_STATUS, level=Level.AUTONOMOUS)
    scripts(world, first=[{"text": ANSWER}])
    ticket = world.write()
    Ticket.objects.filter(pk=ticket.pk).update(category=Ticket.Category.ORDER_STATUS)
    work(ticket)
    assert world.replies(ticket) == [ANSWER]


def test_a_switch_turned_down_during_a_turn_counts_for_its_answer(world: World) -> None:
    scripts(world, first=[{"calls": [READ_ORDER]}, {"text": ANSWER}])
    ticket = world.write()
    configure_agent(autonomy=Level.DRAFT)  # the run keeps its version, but not its freedom
    work(ticket)
    assert world.replies(ticket) == []
    assert Draft.objects.get(ticket=ticket).body == ANSWER


def test_a_draft_does_not_loosen_the_gate(world: World) -> None:
    configure_agent(autonomy=Level.DRAFT)
    scripts(world, first=[{"calls": [READ_ORDER]}, {"calls": [ASK_REFUND]}, {"text": "A colleague looks at it."}])
    ticket = world.write()
    [run] = work(ticket)
    assert run.state == Run.State.AWAITING_APPROVAL
    assert world.refunds() == 0
    assert world.replies(ticket) == []
