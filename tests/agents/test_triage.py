"""An agent sorts a request through the gate; how sure it has to be is its row's, never the model's word."""

import pytest
from django.contrib.auth.models import Permission

from agents import direct
from agents.loop.runner import AgentRunner
from supportagent.tickets.models import HandOver, Ticket, Triage
from supportagent.tools.models import Tool, ToolUserGrant
from tests.world import World

SORTED = {
    "category": "return_refund",
    "priority": "normal",
    "language": "en",
    "sentiment": "unhappy",
    "team": "billing",
    "reason": "Wants the money back",
    "confidence": 70,
}


@pytest.fixture
def sorter(world: World) -> World:
    grant(world, world.agent.service_user)
    return world


def grant(world: World, user: object) -> None:
    right = Permission.objects.get(content_type__app_label="tools", codename="use_tool")
    tool = Tool.objects.get(qualified_name="tickets__triage_ticket")
    ToolUserGrant.objects.get_or_create(user=user, permission=right, content_object=tool)


def says(world: World, **changes: object) -> Ticket:
    arguments = {**SORTED, "stated_reason": "sort the request", **changes}
    call = {"name": "tickets__triage_ticket", "arguments": arguments}
    world.script([{"calls": [call]}, {"text": "I am looking into it."}])
    ticket = world.write()
    world.advance(ticket)
    ticket.refresh_from_db()
    return ticket


@pytest.mark.parametrize(("enough", "handed_over"), [(70, False), (71, True)])
def test_how_sure_it_has_to_be_stands_in_the_agents_row(sorter: World, enough: int, handed_over: bool) -> None:
    sorter.agent.min_confidence = enough
    sorter.agent.save()
    ticket = says(sorter)
    row = Triage.objects.get()
    assert (row.threshold, row.author, row.ticket) == (enough, sorter.agent.service_user, ticket)
    assert HandOver.objects.filter(reason_code="unsorted").exists() is handed_over
    assert ticket.team.slug == ("orders" if handed_over else "billing")
    spoken = sorter.replies(ticket)
    assert ("I am looking into it." in spoken) is not handed_over and len(spoken) == 1


def test_a_model_does_not_set_the_threshold_itself(sorter: World) -> None:
    says(sorter, threshold="0")
    assert not Triage.objects.exists()
    assert sorter.call("tickets__triage_ticket").code == "invalid_arguments"


def test_a_person_who_sorts_by_the_tool_is_sure_enough(world: World) -> None:
    ticket = world.write()
    grant(world, world.rosa)
    call = direct.call_tool(
        ticket=ticket,
        by=world.rosa,
        tool="tickets__triage_ticket",
        arguments={**SORTED, "team": "orders", "confidence": 1},
        reason="sort the request",
    )
    AgentRunner(call.run_id).advance()
    call.refresh_from_db()
    assert call.result == {
        "number": ticket.number,
        "category": "return_refund",
        "team": "orders",
        "status": "sorted",
    }
    assert Triage.objects.get().author == world.rosa
