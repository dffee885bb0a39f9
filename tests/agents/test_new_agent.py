"""An agent made in the admin gets at once what all have: no tool, no budget, the trail, the gate, the numbers."""

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from agents.models import Agent, Run
from approvals.models import ApprovalRequest
from audit.models import AuditEntry
from supportagent.metrics.collectors import exposition
from supportagent.staff.models import Team, User
from supportagent.tools import access
from tests.admin.conftest import grants
from tests.world import DONE, REFUND_STORY, World


@pytest.fixture
def root(world: World, client: Client, settings: Any) -> Client:
    settings.SECOND_ADMIN = False
    client.force_login(User.objects.create_superuser("root"), backend="django.contrib.auth.backends.ModelBackend")
    return client


def make(world: World, root: Client, role: str) -> Agent:
    """Fill in the admin's form: a live agent that gets the requests instead of the demo's."""
    Agent.objects.filter(pk=world.agent.pk).update(receives_requests=False)
    form = {
        "name": "Night shift",
        "slug": "night",
        "status": "live",
        "receives_requests": "on",
        "team": str(Team.objects.get(slug="orders").pk),
        "goal": "Help",
        "success_criteria": "Helped",
        "instructions": "Be brief.",
        "autonomy": "autonomous",
        "min_confidence": "60",
        "max_turns": "8",
        "max_tool_calls": "8",
        "max_seconds": "60",
        "max_output_tokens": "512",
        "session_cap_micros": "0.25",
        "roles": [str(Group.objects.get(name=role).pk)],
        **grants("agentgroupgrant_set"),
        **grants("agentusergrant_set"),
        **grants("autonomy_by_category"),
        **grants("routes"),
    }
    answer = root.post("/admin/agents/agent/add/", form)
    assert answer.status_code == 302, answer.context["errors"]
    return Agent.objects.get(slug="night")


def give_budget(root: Client) -> None:
    form = {"scope": "agent", "subject": "night", "period": "day", "cap": "5"}
    assert root.post("/admin/agents/budget/add/", form).status_code == 302


def test_it_may_call_nothing_that_its_role_was_not_granted(world: World, root: Client) -> None:
    Group.objects.create(name="Night watch")
    agent = make(world, root, "Night watch")
    assert access.granted(agent.service_user) == {}


def test_without_a_budget_it_does_not_run_and_the_customer_reaches_a_person(world: World, root: Client) -> None:
    make(world, root, "Billing specialist")
    ticket = world.write()
    assert not Run.objects.exists()
    ticket.refresh_from_db()
    assert (ticket.state, ticket.hand_overs.get().reason_code) == ("WAITING_PERSON", "budget")
    assert "Night shift has no budget" in ticket.hand_overs.get().summary


def test_with_a_budget_it_runs_and_its_calls_pass_approval_audit_and_metrics(world: World, root: Client) -> None:
    agent = make(world, root, "Billing specialist")
    assert "store__issue_refund" in access.granted(agent.service_user), "tools follow from the role"
    for name in ("Support rep", "Technical specialist"):
        agent.service_user.groups.add(Group.objects.get(name=name))
    give_budget(root)
    world.script(REFUND_STORY)
    ticket = world.write()
    run = world.advance(ticket)
    assert (run.agent, run.state) == (agent, "AWAITING_APPROVAL") and world.refunds() == 0
    world.approve(ApprovalRequest.objects.pending().get())
    world.advance(ticket)
    assert world.refunds() == 1 and world.replies(ticket)[-1] == DONE
    done = AuditEntry.objects.filter(actor_type="agent", actor_id=str(agent.service_user_id))
    assert {"agents.tool_call.intended", "agents.tool_call.succeeded"} <= set(done.values_list("action", flat=True))
    assert agent.history.count() == 1
    text = exposition().decode()
    assert 'supportagent_runs{state="completed"} 1.0' in text
