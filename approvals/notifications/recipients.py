"""Who is told: about a request those who may decide it and nobody else, and the systems that hear of a team."""

from django.db.models import Count, Q, QuerySet

from approvals.access import deciders_of
from approvals.models import ApprovalRequest, Delivery, Notice, WebhookEndpoint
from approvals.notifications.topics import topic_of
from supportagent.staff.models import Team, User
from supportagent.tools.access import APPROVE
from supportagent.tools.models import ToolGrant, ToolUserGrant

Kind = Notice.Kind


def people_for(notice: Notice) -> QuerySet[User]:
    """The people with an e-mail address who are told of this."""
    request, kind = notice.its_request, Kind(notice.kind)
    if kind == Kind.EXPIRED:
        return _told_of(request).exclude(email="")
    deciders = deciders_of(request).exclude(email="")
    if kind == Kind.ESCALATED:
        # Whoever was not asked before, and those who reach furthest; where there is nobody such, all are asked again.
        next_ones = deciders.filter(~Q(pk__in=_told_of(request)) | Q(pk__in=_reach_further(request)))
        return next_ones if next_ones.exists() else deciders
    return deciders


def endpoints_for(notice: Notice) -> QuerySet[WebhookEndpoint]:
    """The other systems that hear of its team; of the whole house those that hear of every team."""
    enabled = WebhookEndpoint.objects.filter(enabled=True)
    if notice.its_team is not None:
        return enabled.filter(teams=notice.its_team)
    return enabled.annotate(heard=Count("teams")).filter(heard=Team.objects.count())


def obstacle(delivery: Delivery) -> str:
    """Why this message is not to be sent any more, asked right before it would be; empty when it is."""
    notice, topic = delivery.notice, topic_of(delivery.notice)
    over = topic.over(notice)
    if over and not (delivery.endpoint and delivery.insisted):
        return over
    if delivery.endpoint is not None:
        return _closed(delivery.endpoint, notice)
    person = delivery.recipient
    assert person is not None  # noqa: S101 - a constraint of the table: a person or an endpoint
    if not person.email:
        return "the person has no e-mail address"
    return topic.denied(notice, person)


def _closed(endpoint: WebhookEndpoint, notice: Notice) -> str:
    if not endpoint.enabled:
        return "the endpoint is switched off"
    if not endpoints_for(notice).filter(pk=endpoint.pk).exists():
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
