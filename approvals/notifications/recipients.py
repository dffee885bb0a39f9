"""Who is told about a request: those who may decide it, and nobody else."""

from django.db.models import Q, QuerySet

from approvals.access import deciders_of, has_right_to_decide, may_decide
from approvals.models import ApprovalRequest, Delivery, Notice
from supportagent.staff.models import User
from supportagent.tools.access import APPROVE
from supportagent.tools.models import ToolGrant, ToolUserGrant

Kind = Notice.Kind
State = ApprovalRequest.State


def people_for(notice: Notice) -> QuerySet[User]:
    """The people with an e-mail address who are told of this."""
    request, kind = notice.request, Kind(notice.kind)
    if kind == Kind.EXPIRED:
        return _told_of(request).exclude(email="")
    deciders = deciders_of(request).exclude(email="")
    if kind == Kind.ESCALATED:
        # Whoever was not asked before, and those who reach furthest; where there is nobody such, all are asked again.
        next_ones = deciders.filter(~Q(pk__in=_told_of(request)) | Q(pk__in=_reach_further(request)))
        return next_ones if next_ones.exists() else deciders
    return deciders


def obstacle(delivery: Delivery) -> str:
    """Why this message is not to be sent any more, asked right before it would be; empty when it is."""
    notice, request = delivery.notice, delivery.notice.request
    over = notice.kind != Kind.EXPIRED and request.state != State.PENDING
    if over and not (delivery.endpoint and delivery.insisted):
        return f"the request is {request.get_state_display().lower()}"
    if delivery.endpoint is not None:
        return _closed(delivery, request)
    person = delivery.recipient
    assert person is not None  # noqa: S101 - a constraint of the table: a person or an endpoint
    if not person.email:
        return "the person has no e-mail address"
    ask = has_right_to_decide if notice.kind == Kind.EXPIRED else may_decide
    return "" if ask(person, request).allowed else "the person may not decide this any more"


def _closed(delivery: Delivery, request: ApprovalRequest) -> str:
    endpoint = delivery.endpoint
    assert endpoint is not None  # noqa: S101 - the caller has looked
    if not endpoint.enabled:
        return "the endpoint is switched off"
    if not endpoint.teams.filter(pk=request.ticket.team_id).exists():
        return "the endpoint does not hear of this team any more"
    return ""


def _told_of(request: ApprovalRequest) -> QuerySet[User]:
    told = Delivery.objects.filter(notice__request=request, recipient__isnull=False)
    return User.objects.filter(pk__in=told.values("recipient"), is_active=True)


def _reach_further(request: ApprovalRequest) -> QuerySet[User]:
    """Those whose right to approve this tool has no limit: as a rule the people above those who were asked first."""
    right = {"content_object": request.tool_id, "permission__codename": APPROVE}
    roles = ToolGrant.objects.filter(argument_rules={}, **right).values("group")
    in_person = ToolUserGrant.objects.filter(**right).values("user")
    return User.objects.filter(Q(groups__in=roles) | Q(pk__in=in_person))
