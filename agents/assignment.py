"""Which agent answers a ticket: the one that has it, else the one that receives new requests."""

from django.db.models import QuerySet

from agents.models import Agent, Run
from supportagent.prepared import first, prepared
from supportagent.tickets.models import Ticket


def agent_for(ticket: Ticket) -> Agent | None:
    """Who answers the customer's next message.

    The agent that worked on the ticket last keeps it: whoever was handed the conversation knows it. If it does not
    work any more, or never answers on this channel, the ticket goes back to the agent that receives new requests.
    """
    last = first(_last_agent(ticket.pk))
    if last is not None and answers_on(last, ticket):
        return last
    receiving = first(_receiving_agent())
    return receiving if receiving is not None and answers_on(receiving, ticket) else None


def answers_on(agent: Agent, ticket: Ticket) -> bool:
    """Whether this agent is one for the ticket's channel."""
    return not agent.channels or ticket.channel in agent.channels


def speaks_with(agent: Agent, ticket: Ticket) -> bool:
    """Whether this agent is one for the ticket's channel and for its language, as triage found it."""
    return answers_on(agent, ticket) and (not agent.languages or ticket.language in agent.languages)


@prepared
def _last_agent(ticket_id: int) -> QuerySet[Agent]:
    worked = Run.objects.of_agents().filter(ticket=ticket_id, asked_by=None).order_by("-created_at", "-pk")
    return Agent.objects.filter(pk__in=worked.values("agent")[:1], status=Agent.Status.LIVE).order_by()


@prepared
def _receiving_agent() -> QuerySet[Agent]:
    return Agent.objects.filter(receives_requests=True, status=Agent.Status.LIVE)[:1]
