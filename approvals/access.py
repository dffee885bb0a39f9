"""Who may decide a request, and why not: one function for the page, the decision and the sending."""

from approvals.models import ApprovalRequest
from supportagent.staff.explanation import Explanation
from supportagent.staff.models import Team, User
from supportagent.staff.permissions import Permission, has
from supportagent.tools import access as tool_access

__all__ = ["Explanation", "has_right_to_decide", "may_decide"]


def may_decide(user: User, request: ApprovalRequest) -> Explanation:
    """Whether this person may decide this request now. Being a superuser is no reason."""
    right = has_right_to_decide(user, request)
    if not right.allowed:
        return right
    if user.pk == request.requested_by_id:
        return Explanation(False, "you asked for this yourself, so somebody else decides")
    if request.ticket.assignee_id == user.pk:
        return Explanation(False, "you hold the ticket, so somebody else decides")
    if request.decisions.filter(decided_by=user).exists():
        return Explanation(False, "you have decided already; this needs a second person")
    return right


def has_right_to_decide(user: User, request: ApprovalRequest) -> Explanation:
    """Whether role, team and tool grant let this person decide: asked at the decision and again at the sending."""
    if not has(user, Permission.DECIDE_APPROVALREQUEST, strict=True):
        return Explanation(False, "your role does not decide approval requests")
    if not Team.objects.decided_by(user).filter(pk=request.ticket.team_id).exists():
        return Explanation(False, f"you do not decide for the team {request.ticket.team}")
    if not tool_access.may(user, tool_access.APPROVE, request.tool):
        return Explanation(False, f"your role does not approve {request.tool.qualified_name}")
    return Explanation(True, "your role decides for this team and may approve this tool")
