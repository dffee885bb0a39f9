"""Who may decide is one answer, asked from either side: by the page, the notification and the queue."""

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from guardian.shortcuts import assign_perm, remove_perm
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals.access import deciders_of, holders_of_right, may_decide
from approvals.models import ApprovalDecision, ApprovalRequest
from approvals.queries import Desk
from supportagent.staff.models import User
from supportagent.tools.access import APPROVE
from supportagent.tools.models import ToolGrant, ToolUserGrant
from tests.approvals.desk import colleague
from tests.world import World, team

ROLES = ["Support rep", "Supervisor", "Finance lead", "Auditor", "Ops admin"]
RIGHTS = [("approvals", "decide_approvalrequest"), ("approvals", "view_approvalrequest"), ("staff", "view_team")]
LIMITS: list[dict[str, Any]] = [
    {},
    {"properties": {"amount_minor": {"maximum": 5_000}}},
    {"properties": {"amount_minor": {"maximum": 8_400}}},
    {"properties": {"currency": {"enum": ["USD"]}}},
]
SOMEBODY = st.sampled_from(["ana", "finance", "rosa", "piet", "admin", "auditor", "berta", "agent"])

CHANGES = st.one_of(
    st.tuples(st.just("role"), SOMEBODY, st.sampled_from(ROLES)),
    st.tuples(st.just("no roles"), SOMEBODY, st.none()),
    st.tuples(st.just("right"), SOMEBODY, st.sampled_from(RIGHTS)),
    st.tuples(st.just("team"), SOMEBODY, st.sampled_from(["view_team", "decide_for_team"])),
    st.tuples(st.just("no team"), SOMEBODY, st.sampled_from(["view_team", "decide_for_team"])),
    st.tuples(st.just("team of a role"), SOMEBODY, st.sampled_from(["view_team", "decide_for_team"])),
    st.tuples(st.just("tool in person"), SOMEBODY, st.none()),
    st.tuples(st.just("limit"), st.sampled_from(["Supervisor", "Finance lead"]), st.sampled_from(LIMITS)),
    st.tuples(st.just("inactive"), SOMEBODY, st.none()),
    st.tuples(st.just("superuser"), SOMEBODY, st.none()),
    st.tuples(st.just("holds the ticket"), SOMEBODY, st.none()),
    st.tuples(st.just("asked"), SOMEBODY, st.none()),
    st.tuples(st.just("edited"), SOMEBODY, st.none()),
    st.tuples(st.just("decided"), SOMEBODY, st.none()),
    st.tuples(st.just("rule names"), st.sampled_from(["Supervisor", "Finance lead"]), st.none()),
)


def change(request: ApprovalRequest, people: dict[str, User], what: str, who: Any, detail: Any) -> None:
    person = people.get(who)
    if what == "limit":
        grants = ToolGrant.objects.filter(content_object=request.tool, permission__codename=APPROVE, group__name=who)
        grants.update(argument_rules=detail)
    elif what == "rule names":
        request.approver_roles = sorted({*request.approver_roles, who})
        request.save()
    assert person is not None or what in ("limit", "rule names")
    if person is None:
        return
    if what == "role":
        person.groups.add(Group.objects.get(name=detail))
    elif what == "no roles":
        person.groups.clear()
    elif what == "right":
        person.user_permissions.add(Permission.objects.get(content_type__app_label=detail[0], codename=detail[1]))
    elif what == "team":
        assign_perm(f"staff.{detail}", person, team("orders"))
    elif what == "no team":
        remove_perm(f"staff.{detail}", person, team("orders"))
    elif what == "team of a role":
        for group in person.groups.all()[:1]:
            assign_perm(f"staff.{detail}", group, team("orders"))
    elif what == "tool in person":
        permission = Permission.objects.get(content_type__app_label="tools", codename=APPROVE)
        ToolUserGrant.objects.get_or_create(user=person, permission=permission, content_object=request.tool)
    elif what in ("inactive", "superuser"):
        field = "is_active" if what == "inactive" else "is_superuser"
        User.objects.filter(pk=person.pk).update(**{field: what == "superuser"})
    elif what == "holds the ticket":
        request.ticket.assignee = person
        request.ticket.save()
    elif what == "asked":
        request.requested_by = person
        request.save()
    elif what == "edited":
        request.editors.add(person)
    elif what == "decided":
        ApprovalDecision.objects.get_or_create(
            request=request, decided_by=person, defaults={"verdict": "approve", "digest": request.digest}
        )


@pytest.mark.slow
@pytest.mark.both_databases
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGES, max_size=8))
def test_whatever_people_roles_teams_grants_and_limits_there_are_every_side_says_the_same(
    world: World, changes: list[Any]
) -> None:
    with transaction.atomic():
        _compare(world, changes)
        transaction.set_rollback(True)


def _compare(world: World, changes: list[Any]) -> None:
    first = ApprovalRequest.objects.pending().first()
    request = first or world.held_refund()
    people = {name: getattr(world, name) for name in ("ana", "finance", "rosa", "piet", "admin", "auditor")}
    people |= {"berta": colleague(world.ana), "agent": world.agent.service_user}
    for what, who, detail in changes:
        change(request, people, what, who, detail)

    request = ApprovalRequest.objects.select_related("tool", "ticket__team").get(pk=request.pk)
    everybody = list(User.objects.all())
    asked_alone = {user for user in everybody if may_decide(user, request).allowed}
    assert set(deciders_of(request)) == asked_alone
    assert {user for user in everybody if Desk(user).decidable.filter(pk=request.pk).exists()} == asked_alone
    assert asked_alone <= set(holders_of_right(request))
