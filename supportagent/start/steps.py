"""The first steps of an installation, and which are taken: read from the rows, so that nothing has to be ticked off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Exists, OuterRef, QuerySet

from agents import connection, starting
from agents.models import Agent, Budget
from audit.models import AuditEntry
from supportagent.tools import access
from supportagent.tools.models import ToolGrant, ToolUserGrant
from supportagent.widget.models import WidgetApp


@dataclass(frozen=True)
class Steps:
    """What there is. A step is done when its rows are there."""

    provider: str
    model: str
    tested_at: datetime | None
    agent: Agent | None
    tools: list[str]
    first_tools: list[str]
    budgets: list[Budget]
    widget: WidgetApp | None

    @property
    def done(self) -> int:
        return sum(map(bool, (self.tested_at, self.agent, self.tools, self.budgets, self.widget)))

    @property
    def is_demo_model(self) -> bool:
        return self.provider in settings.DEMO_PROVIDERS


def may_take(user: Any) -> bool:
    """Who configures agents."""
    return bool(user.is_active and user.has_perm("agents.add_agent"))


def is_missing() -> bool:
    """Does a customer reach no agent yet? One statement, since the menu of every page asks.

    The test of the connection is not waited for: an installation that works is past it.
    """
    ready = _working().filter(Exists(WidgetApp.objects.filter(active=True)))
    return not ready.exists()


def _working() -> QuerySet[Agent]:
    """Agents with a budget, and with a tool by a role or in person."""
    tool = {"permission__codename": access.USE}
    by_role = ToolGrant.objects.filter(group__user=OuterRef("service_user"), **tool)
    own = ToolUserGrant.objects.filter(user=OuterRef("service_user"), **tool)
    budget = Budget.objects.filter(scope=Budget.Scope.AGENT, subject=OuterRef("slug"))
    return Agent.objects.filter(Exists(by_role) | Exists(own), Exists(budget))


def look() -> Steps:
    """The steps as the rows say."""
    agent = starting.first_agent()
    return Steps(
        provider=settings.DEFAULT_MODEL_PROVIDER,
        model=settings.DEFAULT_MODEL,
        tested_at=_tested_at(),
        agent=agent,
        tools=sorted(access.granted(agent.service_user)) if agent else [],
        first_tools=list(starting.known_first_tools().values_list("qualified_name", flat=True)),
        budgets=list(starting.budgets_of(agent)) if agent else [],
        widget=WidgetApp.objects.filter(active=True).order_by("pk").first(),
    )


def _tested_at() -> datetime | None:
    tests = AuditEntry.objects.filter(action="agents.provider.tested", target_id=settings.DEFAULT_MODEL_PROVIDER)
    newest = tests.order_by("-seq").first()
    return newest.at if newest is not None and newest.outcome == connection.OK else None
