"""What the installation has when its history is written: who works there, with which tools, at which prices."""

from dataclasses import dataclass
from datetime import datetime

from agents.costs import prices
from agents.models import Agent, Budget
from agents.providers.base import Usage
from approvals.models import ApprovalPolicy, Tier
from supportagent.staff.models import Team, User
from supportagent.tickets.models import Customer
from supportagent.tools.models import Tool

PROVIDER = "openai_responses"
MODEL, DEARER_MODEL = "gpt-5-mini", "gpt-5"


@dataclass(frozen=True)
class Version:
    """An agent's configuration from a moment on: its history id, and the model that it used."""

    since: datetime
    history_id: int
    model: str


@dataclass
class House:
    """Read once; `versions` are those of each agent by its slug, the newest first."""

    now: datetime
    versions: dict[str, list[Version]]
    customers: dict[str, Customer]

    def __post_init__(self) -> None:
        self.agents = {agent.slug: agent for agent in Agent.objects.select_related("service_user")}
        self.people = {user.username: user for user in User.objects.exclude(kind=User.Kind.SERVICE)}
        self.teams = {team.slug: team for team in Team.objects.all()}
        self.tools = {tool.qualified_name: tool for tool in Tool.objects.select_related("server")}
        rules = ApprovalPolicy.objects.filter(tier=Tier.T2, outcome=ApprovalPolicy.Outcome.APPROVE)
        self.rules = {rule.tool_id: rule for rule in rules.order_by("-order")}
        self.budgets = {slug: self._budgets_of(slug) for slug in self.agents}
        self._prices = {model: prices.listed(provider=PROVIDER, model=model) for model in (MODEL, DEARER_MODEL)}

    def version(self, slug: str, at: datetime) -> Version:
        return next(version for version in self.versions[slug] if version.since <= at)

    def price_id(self, model: str) -> str:
        return self._prices[model].id

    def cost(self, model: str, usage: Usage) -> int:
        """Micro-units, by the price list."""
        return prices.cost(usage, self._prices[model])

    def person_for(self, team: str) -> User:
        """Who answers the customers of a team."""
        return self.people[{"orders": "rep", "billing": "finance", "partners": "partner"}.get(team, "supervisor")]

    @staticmethod
    def _budgets_of(slug: str) -> list[int]:
        found = Budget.objects.filter(scope=Budget.Scope.ORGANISATION) | Budget.objects.filter(
            scope=Budget.Scope.AGENT, subject=slug
        )
        return list(found.order_by("pk").values_list("pk", flat=True))
