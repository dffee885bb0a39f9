"""Who may decide a request, and why not: one answer for the page, the decision, the notification and the sending.

`may_decide` explains it to one person; `deciders_of` is the same answer the other way round, in one statement.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from approvals.models import ApprovalDecision, ApprovalRequest
from supportagent.prepared import prepared
from supportagent.staff.explanation import Explanation
from supportagent.staff.models import User, may_see
from supportagent.staff.models import may_decide as may_decide_for
from supportagent.staff.people import holds, holds_for_team
from supportagent.staff.permissions import Permission, has
from supportagent.tools import access as tool_access


@dataclass(frozen=True)
class Right(Explanation):
    """The answer to one person. `over_limit`: everything is there but the reach of their grants."""

    over_limit: bool = False


def may_decide(user: User, request: ApprovalRequest) -> Right:
    """Whether this person may decide this request now. Being a superuser is no reason."""
    right = has_right_to_decide(user, request)
    if not right.allowed and not right.over_limit:
        return right
    if user.pk == request.requested_by_id:
        return Right(False, "you asked for this yourself, so somebody else decides")
    if _edited_by(request.pk, user.pk):
        return Right(False, "you edited this, so somebody else decides")
    if request.ticket.assignee_id == user.pk:
        return Right(False, "you hold the ticket, so somebody else decides")
    if _decided_by(request.pk, user.pk):
        return Right(False, "you have decided already; this needs a second person")
    return right


@prepared
def _edited_by(request_id: int, user_id: int) -> QuerySet[ApprovalRequest, int]:
    return ApprovalRequest.objects.filter(pk=request_id, editors=user_id).order_by().values_list("pk", flat=True)


@prepared
def _decided_by(request_id: int, user_id: int) -> QuerySet[ApprovalDecision, int]:
    decided = ApprovalDecision.objects.filter(request=request_id, decided_by=user_id)
    return decided.order_by().values_list("pk", flat=True)[:1]


def has_right_to_decide(user: User, request: ApprovalRequest, *, limits: bool = True) -> Right:
    """Whether role, team, tool grant and the rule's approvers let this person decide, four eyes left aside.

    `limits=False`: whether they have a say in it at all, however large the amount: to edit, ask and assign.
    """
    if user.is_service or not has(user, Permission.DECIDE_APPROVALREQUEST, strict=True):
        return Right(False, "your role does not decide approval requests")
    team = request.ticket.team_id
    if not has(user, Permission.VIEW_APPROVALREQUEST) or not may_see(user, team):
        return Right(False, f"you do not see the requests of the team {request.ticket.team}")
    if not may_decide_for(user, team):
        return Right(False, f"you do not decide for the team {request.ticket.team}")
    reach = tool_access.reaches(user, tool_access.APPROVE, request.tool, arguments_of(request))
    if not reach.allowed and not tool_access.may(user, tool_access.APPROVE, request.tool):
        return Right(False, f"your role does not approve {request.tool.qualified_name}")
    if request.approver_roles and not user.groups.filter(name__in=request.approver_roles).exists():
        return Right(False, f"its rule leaves this to {_either(request.approver_roles)}")
    if limits and not reach.allowed:
        return Right(False, f"it is above your limit: {reach.because}", over_limit=True)
    return Right(True, "your role decides for this team and may approve this tool")


def deciders_of(request: ApprovalRequest) -> "QuerySet[User]":
    """Everybody who may decide this request now: `may_decide` the other way round."""
    out = [pk for pk in (request.requested_by_id, request.ticket.assignee_id) if pk is not None]
    return (
        holders_of_right(request)
        .exclude(pk__in=out)
        .exclude(pk__in=request.editors.values("pk"))
        .exclude(pk__in=request.decisions.values("decided_by"))
    )


def holders_of_right(request: ApprovalRequest) -> "QuerySet[User]":
    """Everybody for whom `has_right_to_decide` is true: two statements, however many people there are."""
    return _entitled(_roles_that_reach(request), request.tool_id, request.ticket.team_id, request.approver_roles)


def _roles_that_reach(request: ApprovalRequest) -> tuple[int, ...]:
    return tool_access.roles_that_reach(tool_access.APPROVE, request.tool, arguments_of(request))


def _entitled(roles: Sequence[int], tool_id: int, team: int, approver_roles: Sequence[str]) -> "QuerySet[User]":
    people = tool_access.accounts_with(roles, tool_access.APPROVE, tool_id).filter(
        Q(is_superuser=True) | holds(Permission.VIEW_APPROVALREQUEST),
        Q(is_superuser=True) | holds_for_team(Permission.VIEW_TEAM, team),
        holds(Permission.DECIDE_APPROVALREQUEST),
        holds_for_team(Permission.DECIDE_FOR_TEAM, team),
        is_active=True,
        kind=User.Kind.PERSON,
    )
    if approver_roles:
        in_role = User.groups.through.objects.filter(user=OuterRef("pk"), group__name__in=approver_roles)
        people = people.filter(Exists(in_role))
    return people


def all_may_still_decide(request: ApprovalRequest) -> bool:
    """Whether as many as it takes approved just this, and have the right until now. Asked right before the sending."""
    approvers = dict(
        _approvers(
            request.pk,
            request.digest,
            _roles_that_reach(request),
            request.tool_id,
            request.ticket.team_id,
            tuple(request.approver_roles),
        )
    )
    return len(approvers) >= request.approvals_needed and all(approvers.values())


@prepared
def _approvers(
    request_id: int, digest: str, roles: tuple[int, ...], tool_id: int, team: int, approver_roles: tuple[str, ...]
) -> QuerySet[ApprovalDecision, tuple[int, bool]]:
    """Who approved just this, and whether they still may."""
    entitled = _entitled(roles, tool_id, team, approver_roles).order_by().filter(pk=OuterRef("decided_by"))
    approved = ApprovalDecision.objects.filter(
        request=request_id, verdict=ApprovalDecision.Verdict.APPROVE, digest=digest
    )
    return approved.order_by().values_list("decided_by", Exists(entitled))


def arguments_of(request: ApprovalRequest) -> dict[str, Any]:
    """The arguments as they will be sent."""
    arguments: dict[str, Any] = json.loads(request.bound_arguments)
    return arguments


def _either(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
