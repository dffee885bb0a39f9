"""The agents of the installation with what they are at: as many statements for twelve of them as for one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, QuerySet
from django.utils import timezone

from agents.costs.spending import amount, use_of
from agents.models import Agent, Budget, HandOff, HandOffRoute, Run
from supportagent.staff.models import User, teams_visible_ids
from supportagent.tools import access

RECENT = timedelta(days=7)
USED_WITHIN = timedelta(days=28)


@dataclass(frozen=True)
class Standing:
    """One agent: how far it may go, and what it is at. `left` is None where another team's budget is nobody's business,
    and empty where the agent has none.
    """

    agent: Agent
    roles: tuple[str, ...]
    exceptions: int
    tools: int
    left: str | None
    open_runs: int
    hand_offs: int


@dataclass(frozen=True)
class Route:
    """An arrow of the graph, with how often it was taken of late on tickets that the reader sees."""

    id: int
    source: Agent
    target: Agent
    when: str
    used: int


def standings(user: User, agents: list[Agent], now: datetime | None = None) -> list[Standing]:
    """Each agent with figures over the runs that `user` may see."""
    tools = access.numbers_of_tools([agent.service_user_id for agent in agents])
    seen = set(teams_visible_ids(user))
    left = _left([agent.slug for agent in agents if agent.team_id in seen])
    runs = Run.objects.visible_to(user).live().of_agents()
    at_work = dict(runs.order_by().values_list("agent").annotate(Count("pk")))
    made = _hand_offs(user, (now or timezone.now()) - RECENT)
    handed = dict(made.order_by().values_list("from_run__agent").annotate(Count("pk")))
    return [
        Standing(
            agent=agent,
            roles=tuple(sorted(group.name for group in agent.service_user.groups.all())),
            exceptions=sum(row.level != agent.autonomy for row in agent.autonomy_by_category.all()),
            tools=tools.get(agent.service_user_id, 0),
            left=left.get(agent.slug, "") if agent.team_id in seen else None,
            open_runs=at_work.get(agent.pk, 0),
            hand_offs=handed.get(agent.pk, 0),
        )
        for agent in agents
    ]


def everybody() -> list[Agent]:
    """Whoever receives requests first, the others by name."""
    found = Agent.objects.select_related("team", "service_user")
    found = found.prefetch_related("service_user__groups", "autonomy_by_category")
    return list(found.order_by("-receives_requests", "name", "pk"))


def routes(user: User, agents: list[Agent], now: datetime | None = None) -> list[Route]:
    """The arrows in the order of the agents."""
    by_pk = {agent.pk: agent for agent in agents}
    place = {agent.pk: number for number, agent in enumerate(agents)}
    made = _hand_offs(user, (now or timezone.now()) - USED_WITHIN).order_by()
    pairs = made.values_list("from_run__agent", "to_run__agent").annotate(Count("pk"))
    used = {(source, target): number for source, target, number in pairs}
    found = [
        Route(
            id=row.pk,
            source=by_pk[row.from_agent_id],
            target=by_pk[row.to_agent_id],
            when=row.when,
            used=used.get((row.from_agent_id, row.to_agent_id), 0),
        )
        for row in HandOffRoute.objects.all()
        if row.from_agent_id in by_pk and row.to_agent_id in by_pk
    ]
    return sorted(found, key=lambda route: (place[route.source.pk], place[route.target.pk]))


def _hand_offs(user: User, since: datetime) -> QuerySet[HandOff]:
    seen = Run.objects.visible_to(user).order_by().values("pk")
    return HandOff.objects.filter(created_at__gte=since, from_run__in=seen)


def _left(slugs: list[str]) -> dict[str, str]:
    """What the tightest of its budgets leaves each agent now."""
    least: dict[str, int] = {}
    for budget in Budget.objects.filter(scope=Budget.Scope.AGENT, subject__in=slugs):
        left = use_of(budget).left
        least[budget.subject] = min(left, least.get(budget.subject, left))
    return {slug: amount(left) for slug, left in least.items()}
