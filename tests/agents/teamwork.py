"""Agents beside the one of the world: each with a role, a budget and a script of its own."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group

from agents.models import Agent, Budget, HandOffRoute
from supportagent.demo.governance_seed import USD
from supportagent.staff.models import User
from tests.world import World, team


def add_agent(slug: str, *roles: str, budget: bool = True, **fields: Any) -> Agent:
    """An agent that works, with the tools of these roles; its model has its name, so that scripts can tell it."""
    service = User.objects.create(username=f"agent-{slug}", kind=User.Kind.SERVICE, first_name=slug.capitalize())
    service.groups.set(Group.objects.filter(name__in=roles))
    if budget:
        Budget.objects.create(scope=Budget.Scope.AGENT, subject=slug, period=Budget.Period.DAY, cap=20 * USD)
    usual = {
        "name": slug.capitalize(),
        "status": Agent.Status.LIVE,
        "autonomy": Agent.Autonomy.AUTONOMOUS,
        "goal": "Help.",
        "success_criteria": "The customer is helped.",
        "instructions": f"You are the {slug} agent.",
        "model": slug,
        "service_user": service,
        "team": team("orders"),
    }
    return Agent.objects.create(slug=slug, **{**usual, **fields})


def connect(*arrows: tuple[Agent, Agent]) -> None:
    """Let agents hand conversations on to others."""
    for one, other in arrows:
        HandOffRoute.objects.create(from_agent=one, to_agent=other, when=f"for what {other.slug} can do")


def scripts(world: World, **by_model: list[dict[str, Any]]) -> None:
    """What each agent's model does, from the customer's last words on; `first` is the world's own agent."""
    named = [{"model": "scripted" if name == "first" else name, "turns": turns} for name, turns in by_model.items()]
    Path(settings.SCRIPTED_MODEL_FILE).write_text(json.dumps({"scripts": named}))


def pass_on(to: str, **changes: Any) -> dict[str, Any]:
    """A turn that asks for a hand-off."""
    arguments = {"to": to, "reason": "it is theirs", "summary": "The customer wants a refund.", **changes}
    return {"calls": [{"name": "hand_off", "arguments": arguments}]}
