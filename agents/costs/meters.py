"""Budgets against what they have used, for who may know of them."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Q, QuerySet

from agents.costs import spikes
from agents.costs.spending import Use, rounded, use_of
from agents.models import Agent, Budget
from audit.clock import database_now
from supportagent.staff.models import Team, User
from supportagent.staff.permissions import Permission, has

WARNING = 0.8  # of a cap


@dataclass(frozen=True)
class Meter:
    """A budget as a page draws it. `forecast` says in words where the present pace leads; empty for within the cap."""

    budget: Budget
    use: Use
    forecast: str = ""

    @property
    def percent(self) -> int:
        return min(round(self.use.ratio * 100), 100)

    @property
    def level(self) -> str:
        return "danger" if self.use.ratio >= 1 else "warning" if self.use.ratio >= WARNING else ""


def budgets_seen_by(user: User) -> QuerySet[Budget]:
    """Budgets of the agents whose team `user` sees; those of the whole house only for who sees every team."""
    agents = Agent.objects.filter(team__in=Team.objects.visible_to(user)).values("slug")
    theirs = Q(scope=Budget.Scope.AGENT, subject__in=agents)
    if has(user, Permission.VIEW_TEAM):
        theirs |= Q(scope__in=[Budget.Scope.ORGANISATION, Budget.Scope.ANONYMOUS])
    return Budget.objects.filter(theirs)


def meters(user: User, agent: str = "") -> list[Meter]:
    """Spend against the budgets that this person may know of, or those of an agent, in the periods that run now."""
    now = database_now()
    seen = budgets_seen_by(user)
    if agent:
        seen = seen.filter(scope=Budget.Scope.AGENT, subject=agent)
    return [_meter(budget, now) for budget in seen]


def _meter(budget: Budget, now: datetime) -> Meter:
    use = use_of(budget, now.date())
    foreseen = spikes.forecast(cap=use.cap, spent=use.spent, period=budget.period, now=now)
    if foreseen is None:
        return Meter(budget, use)
    at = foreseen.reached_at.astimezone(UTC)
    end = rounded(foreseen.by_the_end)
    return Meter(budget, use, f"Reached on {at.day} {at:%B, %H:%M} UTC at this pace; without the cap {end} by the end.")
