"""What is explained is what happens: the page asks the functions that the gate asks."""

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Group
from django.contrib.auth.models import Permission as PermissionRow
from django.core.exceptions import PermissionDenied
from guardian.shortcuts import assign_perm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.models import Agent, KillSwitch
from approvals.access import has_right_to_decide, may_decide
from approvals.models import ApprovalPolicy, ApprovalRequest
from supportagent.explain import answers
from supportagent.explain.answers import Call, Verdict
from supportagent.staff import permissions
from supportagent.staff.models import Team, User, explain_team, may_see
from supportagent.staff.models import may_decide as may_decide_for
from supportagent.staff.permissions import Permission
from supportagent.tools import access
from supportagent.tools.models import MCPServer, Tool, ToolGrant
from tests.world import World

pytestmark = pytest.mark.django_db


def tool() -> Tool:
    return Tool.objects.get(qualified_name="store__issue_refund")


def about(world: World, request: ApprovalRequest) -> Verdict:
    call = Call(
        arguments=json.loads(request.bound_arguments),
        assurance="verified",
        facts=request.facts,
        sums=request.sums,
        provenance=request.provenance,
    )
    return answers.about_call(User.objects.get(pk=world.agent.service_user_id), tool(), call)


def _limit() -> None:
    rules = {"properties": {"amount_minor": {"maximum": 100}}}
    for grant in ToolGrant.objects.filter(content_object=tool(), permission__codename=access.USE):
        grant.argument_rules = rules
        grant.save()


def _deny() -> None:
    ApprovalPolicy.objects.create(order=1, name="No refunds today", tool=tool(), outcome="deny")


def _forget_permission() -> None:
    row = PermissionRow.objects.get(codename="refund_order")
    for role in Group.objects.all():
        role.permissions.remove(row)


OBSTACLES: dict[str, tuple[Callable[[], object], str, str]] = {
    "kill switch": (
        lambda: KillSwitch.objects.filter(pk=1).update(engaged=True),
        "Switches",
        "all effects are stopped by the operator",
    ),
    "agent paused": (lambda: Agent.objects.update(status="paused"), "Switches", "this agent is paused"),
    "tool off": (
        lambda: Tool.objects.filter(pk=tool().pk).update(enabled=False),
        "Switches",
        "this tool is switched off",
    ),
    "server off": (
        lambda: MCPServer.objects.filter(name="store").update(enabled=False),
        "Switches",
        "this tool is switched off",
    ),
    "grant withdrawn": (
        lambda: ToolGrant.objects.filter(content_object=tool(), permission__codename=access.USE).delete(),
        "Grant on the tool",
        "nor the account itself may call store__issue_refund",
    ),
    "above the limit": (_limit, "Argument rules", "but not this far: amount_minor"),
    "permission in the domain": (_forget_permission, "Permission in the domain", "may refund an order"),
    "account switched off": (
        lambda: User.objects.filter(kind="service").update(is_active=False),
        "Grant on the tool",
        "the account is not active",
    ),
    "denied by a rule": (_deny, "Approval rules", "the rule “No refunds today”, version 1: it is denied"),
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_what_is_explained_as_refused_is_not_carried_out(world: World, name: str) -> None:
    spoil, step, words = OBSTACLES[name]
    request = world.held_refund()
    world.approve(request)
    spoil()
    verdict = about(world, request)
    assert not verdict.answer.allowed
    refusing = {each.what: each.answer.because for each in verdict.steps if not each.answer.allowed}
    assert words in refusing[step]
    world.advance(request.ticket)
    assert world.refunds() == 0


def test_what_is_explained_as_allowed_is_carried_out(world: World) -> None:
    request = world.held_refund()
    world.approve(request)
    verdict = about(world, request)
    assert verdict.answer.allowed, verdict.answer.because
    assert "Every refund is seen by a person" in verdict.answer.because
    assert any("the role Billing specialist may call" in step.answer.because for step in verdict.steps)
    world.advance(request.ticket)
    assert world.refunds() == 1


def test_a_customer_who_is_not_verified_is_named_as_the_reason(world: World) -> None:
    verdict = answers.about_call(world.agent.service_user, tool(), Call(assurance="claimed"))
    assert verdict.answer.because == "it serves verified customers only, and this one is not"


def test_a_person_who_calls_directly_is_asked_what_an_agent_is_asked_but_for_its_switch(world: World) -> None:
    Agent.objects.update(status=Agent.Status.PAUSED)
    reader = answers.about_call(world.rosa, Tool.objects.get(qualified_name="store__get_order"), Call())
    assert (reader.word, reader.steps[0].answer.because) == ("Allowed", "no switch stops the tool")
    assert "the role Supervisor" in answers.about_call(world.ana, tool(), Call()).answer.because


def test_who_may_decide_a_request_is_answered_as_its_page_answers(world: World) -> None:
    request = world.held_refund()
    for person in User.objects.all():
        verdict = answers.about_decision(person, tool(), Call(), team=None, request=request)
        right = may_decide(person, request)
        assert (verdict.answer.allowed, verdict.answer.because) == (right.allowed, right.because)


def test_who_may_decide_for_a_team_at_all_is_answered_like_a_request_of_it(world: World) -> None:
    request = world.held_refund()
    arguments = json.loads(request.bound_arguments)
    for person in User.objects.all():
        verdict = answers.about_decision(
            person, tool(), Call(arguments=arguments), team=request.ticket.team, request=None
        )
        assert verdict.answer.allowed is has_right_to_decide(person, request).allowed, person


def test_a_team_is_explained_as_it_opens(world: World) -> None:
    assign_perm("staff.view_team", Group.objects.get(name="Finance lead"), Team.objects.get(slug="partners"))
    for person in User.objects.all():
        for team in Team.objects.all():
            for permission, gate in ((Permission.VIEW_TEAM, may_see), (Permission.DECIDE_FOR_TEAM, may_decide_for)):
                why = explain_team(person, permission, team)
                assert why.allowed is gate(person, team.pk)
                assert why.because
    partners = Team.objects.get(slug="partners")
    assert "the role Finance lead may see" in explain_team(world.finance, Permission.VIEW_TEAM, partners).because


ROLES = ("Rep", "Lead")
RIGHTS = (Permission.REFUND_ORDER, Permission.VIEW_ORDER)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    of_roles=st.dictionaries(st.sampled_from(ROLES), st.sets(st.sampled_from(RIGHTS))),
    held=st.sets(st.sampled_from(ROLES)),
    own=st.sets(st.sampled_from(RIGHTS)),
    active=st.booleans(),
    root=st.booleans(),
    strict=st.booleans(),
    wanted=st.sampled_from(RIGHTS),
    remembered=st.booleans(),
)
def test_a_permission_is_explained_as_it_is_asked_for(
    of_roles: dict[str, set[Permission]],
    held: set[str],
    own: set[Permission],
    active: bool,
    root: bool,
    strict: bool,
    wanted: Permission,
    remembered: bool,
) -> None:
    User.objects.all().delete()
    Group.objects.all().delete()
    rows = {each: PermissionRow.objects.get(codename=each.codename) for each in RIGHTS}
    user = User.objects.create_user("somebody", is_active=active, is_superuser=root)
    for name in ROLES:
        role = Group.objects.create(name=name)
        role.permissions.set([rows[each] for each in of_roles.get(name, ())])
        if name in held:
            user.groups.add(role)
    user.user_permissions.set([rows[each] for each in own])
    holds = wanted in own or any(wanted in of_roles.get(name, ()) for name in held)
    if remembered:
        permissions.remember(user)
    expected = active and (holds or (root and not strict))
    why = permissions.explain(user, wanted, strict=strict)
    assert why.allowed is permissions.has(user, wanted, strict=strict) is expected
    assert permissions.held_by(user, wanted).exists() is (active and holds)
    if not expected:
        with pytest.raises(PermissionDenied, match="You may not"):
            permissions.require(user, wanted, strict=strict)
    if not remembered and expected and holds and not (root and not strict):
        source = why.because.split(" may ")[0]
        named = {f"the role {name}" for name in held if wanted in of_roles.get(name, ())}
        assert source in named | ({"the account itself"} if wanted in own else set())
