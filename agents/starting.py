"""The first agent of an installation: small, in draft mode, on one workflow. Further ones are made in the admin."""

from __future__ import annotations

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied
from django.db import models
from django.utils.text import slugify
from guardian.shortcuts import assign_perm

from agents.accounts import account_name, make_account
from agents.models import Agent, Budget, CategoryAutonomy
from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import Team, User
from supportagent.tickets.models import Ticket
from supportagent.tools.access import USE
from supportagent.tools.models import Tool, ToolGrant

ROLE = "Front desk"
# What looks something up, what sorts a request, and the way to a person: nothing that changes a record of the shop.
FIRST_TOOLS = (
    "knowledge__search_articles",
    "store__get_customer",
    "store__get_order",
    "store__list_orders",
    "tickets__escalate_to_human",
    "tickets__list_tickets",
    "tickets__triage_ticket",
)
SLUG_LENGTH = 32
GOAL = "Sort every request, and draft an answer that a person only has to send."
SUCCESS = "A colleague sends the draft as it is, or the right person has the request with what they need."
INSTRUCTIONS = (
    "You are the first to read a request of a customer. Look up what you need before you say anything about an order "
    "or an account. Keep answers short, and promise nothing that no record says. When you are not sure what a request "
    "is about, or the customer wants a person, hand it over to a person."
)
ONE_WORKFLOW = "Answer requests of one kind only: {category}. Hand everything else over to a person."


class StartError(Exception):
    """The step cannot be taken; the text says why and what to do instead."""


def make_first_agent(*, name: str, team: Team | None, category: str, by: User) -> Agent:
    """An agent in draft mode with an account of its own, live, in the role of the front desk. It has no tool and no
    budget yet, so it does not run: customers go on reaching people.

    `category` is the one kind of requests that it answers, "" for all. Without a team it gets the front desk's.
    Raises PermissionDenied, and StartError where there is an agent already.
    """
    _require(by, "agents.add_agent", "staff.add_user")
    with audit_log.transaction():
        # The race closed here: two clicks at once would make two agents. The role's row puts them in order.
        role = _role()
        if Agent.objects.exists():
            raise StartError("There is an agent already. Make further ones in the admin.")
        home = team or Team.objects.front_desk()
        slug = slugify(name)[:SLUG_LENGTH].strip("-") or "front-desk"
        if User.objects.filter(username=account_name(slug)).exists():
            raise StartError(f"There is an account {account_name(slug)} already. Choose another name.")
        agent = Agent(
            slug=slug,
            name=name,
            status=Agent.Status.LIVE,
            receives_requests=True,
            autonomy=Agent.Autonomy.DRAFT,
            goal=GOAL,
            success_criteria=SUCCESS,
            instructions=_instructions(category),
            service_user=make_account(slug=slug, name=name, roles=[role]),
            team=home,
        )
        agent._change_reason = "First steps"  # type: ignore[attr-defined]  # simple-history's own switch
        agent.save()
        assign_perm("staff.view_team", agent.service_user, home)
        if category:
            CategoryAutonomy.objects.create(agent=agent, category=category, level=Agent.Autonomy.DRAFT)
        _record("agents.agent.made", agent, by, workflow=category or "all")
    return agent


def grant_first_tools(*, by: User) -> list[str]:
    """Let the front desk's role use the tools to begin with; the names of those that it did not have.

    Raises PermissionDenied, and StartError where no tool is known.
    """
    _require(by, "tools.add_toolgrant")
    with audit_log.transaction():
        role = _role()
        found = known_first_tools()
        if not found:
            raise StartError("No tool is known yet. Run `manage.py sync_mcp_tools` first.")
        permission = Permission.objects.get(content_type__app_label="tools", codename=USE)
        new = list(found.exclude(grants__group=role, grants__permission=permission))
        for tool in new:
            ToolGrant.objects.create(group=role, permission=permission, content_object=tool)
        if new:
            audit_log.record(
                "agents.tools.first_granted",
                target=("role", str(role.pk)),
                actor=Actor.of(by),
                data={"tools": [tool.qualified_name for tool in new]},
            )
    return [tool.qualified_name for tool in new]


def set_first_budget(*, agent: Agent, daily: int, monthly: int, by: User) -> None:
    """Cap what the agent may spend in a day and in a month, in micro-units; with it the agent runs.

    Raises PermissionDenied, and StartError where it has a cap already.
    """
    _require(by, "agents.add_budget")
    with audit_log.transaction():
        agent = Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
        if budgets_of(agent).exists():
            raise StartError(f"{agent} has a budget already. Change it in the admin.")
        for period, cap in ((Budget.Period.DAY, daily), (Budget.Period.MONTH, monthly)):
            budget = Budget(scope=Budget.Scope.AGENT, subject=agent.slug, period=period, cap=cap)
            budget._change_reason = "First steps"  # type: ignore[attr-defined]
            budget.save()
        _record("agents.budget.first_set", agent, by, daily_micros=daily, monthly_micros=monthly)


def first_agent() -> Agent | None:
    """The agent that the first steps are about: who receives requests, else the oldest."""
    return Agent.objects.select_related("service_user", "team").order_by("-receives_requests", "pk").first()


def known_first_tools() -> models.QuerySet[Tool]:
    """The tools to begin with that this installation has."""
    return Tool.objects.filter(qualified_name__in=FIRST_TOOLS, enabled=True, host_only=False)


def budgets_of(agent: Agent) -> models.QuerySet[Budget]:
    return Budget.objects.filter(scope=Budget.Scope.AGENT, subject=agent.slug)


def _require(by: User, *permissions: str) -> None:
    if not by.has_perms(permissions):
        raise PermissionDenied("Only who configures agents takes these steps.")


def _role() -> Group:
    role = Group.objects.select_for_update(no_key=True).filter(name=ROLE, built_in__isnull=False).first()
    if role is None:
        raise StartError(f"The role {ROLE} is not there. Run `manage.py sync_roles` first.")
    return role


def _instructions(category: str) -> str:
    if not category:
        return INSTRUCTIONS
    return f"{INSTRUCTIONS}\n\n{ONE_WORKFLOW.format(category=Ticket.Category(category).label.lower())}"


def _record(action: str, agent: Agent, by: User, **data: str | int) -> None:
    audit_log.record(action, target=("agent", agent.slug), actor=Actor.of(by), data=data)
