"""What the tests of the approval desk share: a browser per person, rules and colleagues to try things with."""

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group
from django.test import Client
from guardian.shortcuts import assign_perm

from approvals.models import ApprovalPolicy, ApprovalRequest
from supportagent.staff.models import User
from supportagent.tools.access import APPROVE
from supportagent.tools.models import ToolGrant
from tests.world import team

EVERY_REFUND = "Every refund is seen by a person"


def open_as(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def decide(client: Client, request: ApprovalRequest, verdict: str, **fields: Any) -> Any:
    """Press one of the buttons of a request as it is shown now."""
    return client.post(f"/console/approvals/{request.pk}/{verdict}/", {"digest": request.digest, **fields})


def page_of(user: User, request: ApprovalRequest) -> str:
    return open_as(user).get(f"/console/approvals/{request.pk}/").content.decode()


def set_rule(name: str = EVERY_REFUND, **changes: Any) -> ApprovalPolicy:
    """Change one of the demo's rules, as an admin would."""
    rule = ApprovalPolicy.objects.get(name=name)
    approvers = changes.pop("approvers", None)
    for field, value in changes.items():
        setattr(rule, field, value)
    rule.save()
    if approvers is not None:
        rule.approvers.set(Group.objects.filter(name__in=approvers))
    return rule


def undo_window(seconds: int) -> dict[str, Any]:
    """The changes of a rule that make it T1 with this window."""
    return {"tier": "T1", "undo_seconds": seconds, "respond_within": timedelta(minutes=15)}


def colleague(like: User, name: str = "Berta Klein", slug: str = "orders") -> User:
    """Another person with the roles of `like`, who sees and decides for one team."""
    first, last = name.split()
    user = User.objects.create(username=first.lower(), first_name=first, last_name=last)
    user.groups.set(like.groups.all())
    let_decide(user, slug)
    return user


def let_decide(user: User, slug: str = "orders") -> None:
    for permission in ("view_team", "decide_for_team"):
        assign_perm(f"staff.{permission}", user, team(slug))


def limit(role: str, rules: dict[str, Any], tool: str = "store__issue_refund") -> None:
    """Bound how far a role may approve calls of a tool."""
    ToolGrant.objects.filter(
        group__name=role, permission__codename=APPROVE, content_object__qualified_name=tool
    ).update(argument_rules=rules)
