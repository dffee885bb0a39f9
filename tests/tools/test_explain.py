"""Every answer about a tool says why, and says what the gate says."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from supportagent.staff.models import User
from supportagent.tools import access
from supportagent.tools.models import MCPServer, Tool, ToolGrant, ToolUserGrant

pytestmark = pytest.mark.django_db
UP_TO_100 = {"properties": {"amount_minor": {"maximum": 10_000}}}


@pytest.fixture
def refund() -> Tool:
    server = MCPServer.objects.create(name="shop", title="Shop")
    return Tool.objects.create(
        server=server,
        name="refund",
        qualified_name="shop__refund",
        description="Pays back",
        input_schema={"properties": {"amount_minor": {"type": "integer"}}},
        definition_hash="x",
        effect=Tool.Effect.WRITE,
    )


def person(name: str, *roles: str) -> User:
    user = User.objects.create_user(name)
    for role in roles:
        user.groups.add(Group.objects.get_or_create(name=role)[0])
    return user


def grant(role: str, tool: Tool, rules: Any = None, codename: str = access.APPROVE) -> ToolGrant:
    return ToolGrant.objects.create(
        group=Group.objects.get_or_create(name=role)[0],
        permission=Permission.objects.get(content_type__app_label="tools", codename=codename),
        content_object=tool,
        argument_rules={} if rules is None else rules,
    )


def grant_in_person(user: User, tool: Tool, codename: str = access.APPROVE) -> None:
    permission = Permission.objects.get(content_type__app_label="tools", codename=codename)
    ToolUserGrant.objects.create(user=user, permission=permission, content_object=tool)


def test_whoever_may_is_told_by_which_role(refund: Tool) -> None:
    grant("Lead", refund)
    why = access.explain(person("lena", "Lead"), access.APPROVE, refund)
    assert why.allowed and why.because == "the role Lead may approve calls of shop__refund"


def test_whoever_may_not_is_told_which_roles_lack_it(refund: Tool) -> None:
    why = access.explain(person("rob", "Rep"), access.USE, refund)
    assert not why.allowed
    assert why.because == "neither the role Rep nor the account itself may call shop__refund"
    assert access.explain(person("new"), access.USE, refund).because == (
        "no role and not the account itself may call shop__refund"
    )


def test_an_account_that_was_switched_off_is_told_just_that(refund: Tool) -> None:
    grant("Lead", refund)
    lena = person("lena", "Lead")
    User.objects.filter(pk=lena.pk).update(is_active=False)
    assert access.explain(lena, access.APPROVE, refund).because == "the account is not active"
    assert not access.reaches(lena, access.APPROVE, refund, {})


def test_the_rules_of_a_grant_are_the_limit_of_its_role(refund: Tool) -> None:
    grant("Lead", refund, UP_TO_100)
    lena = person("lena", "Lead")
    assert access.reaches(lena, access.APPROVE, refund, {"amount_minor": 10_000})
    beyond = access.reaches(lena, access.APPROVE, refund, {"amount_minor": 10_001})
    assert not beyond.allowed
    assert "the role Lead may approve calls of shop__refund, but not this far: amount_minor" in beyond.because


def test_one_grant_that_accepts_is_enough(refund: Tool) -> None:
    grant("Lead", refund, UP_TO_100)
    grant("Head", refund, {"properties": {"amount_minor": {"maximum": 90_000}}})
    both, own = person("both", "Lead", "Head"), person("own", "Lead")
    assert access.reaches(both, access.APPROVE, refund, {"amount_minor": 90_000})
    assert not access.reaches(own, access.APPROVE, refund, {"amount_minor": 90_000})
    grant_in_person(own, refund)
    assert access.reaches(own, access.APPROVE, refund, {"amount_minor": 90_000}).because == (
        "a personal grant may approve calls of shop__refund"
    )


@pytest.mark.parametrize(
    "rules", [{"type": 7}, {"properties": 3}, {"properties": {"note": {"pattern": "("}}}, {"$ref": "#/nowhere"}, ["x"]]
)
def test_rules_that_cannot_be_applied_accept_nothing(refund: Tool, rules: Any) -> None:
    grant("Lead", refund, rules)
    assert not access.reaches(person("lena", "Lead"), access.APPROVE, refund, {"amount_minor": 1, "note": "n"})


ROLES = ("Rep", "Lead", "Head")
RULES = st.sampled_from([None, {}, UP_TO_100, {"type": 7}])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    held=st.sets(st.sampled_from(ROLES)),
    grants=st.dictionaries(st.tuples(st.sampled_from(ROLES), st.sampled_from([access.USE, access.APPROVE])), RULES),
    in_person=st.sampled_from(["", access.USE, access.APPROVE]),
    active=st.booleans(),
    codename=st.sampled_from([access.USE, access.APPROVE]),
    amount=st.sampled_from([1, 10_001]),
)
def test_what_is_explained_is_what_the_gate_does(
    refund: Tool, held: set[str], grants: dict, in_person: str, active: bool, codename: str, amount: int
) -> None:
    ToolGrant.objects.all().delete()
    ToolUserGrant.objects.all().delete()
    User.objects.all().delete()
    for (role, right), rules in grants.items():
        grant(role, refund, rules, right)
    user = person("somebody", *held)
    if in_person:
        grant_in_person(user, refund, in_person)
    User.objects.filter(pk=user.pk).update(is_active=active)
    user.refresh_from_db()
    gate = access.may(user, codename, refund)
    assert access.explain(user, codename, refund).allowed is gate
    assert (refund in access.tools_for(user, codename)) is gate
    far = access.reaches(user, codename, refund, {"amount_minor": amount})
    assert gate or not far.allowed
    assert far.because and access.explain(user, codename, refund).because
