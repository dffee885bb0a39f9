"""How far an agent's words go by themselves: per category where an admin said so, else as the agent is set."""

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from agents.models import Agent, CategoryAutonomy
from supportagent.prepared import first, prepared
from supportagent.tickets.models import Ticket

Level = Agent.Autonomy


def level_of(agent: Agent, ticket: Ticket) -> str:
    """The level in force now for this agent's answers on tickets of this category.

    A switch that is turned down counts at once.
    """
    found = first(_levels(agent.pk, ticket.category))
    return found if found is not None else Level.DRAFT


@prepared
def _levels(agent_id: int, category: str) -> QuerySet[Agent, str]:
    own = CategoryAutonomy.objects.filter(agent=OuterRef("pk"), category=category).order_by().values("level")[:1]
    return Agent.objects.filter(pk=agent_id).order_by().values_list(Coalesce(Subquery(own), "autonomy"), flat=True)
