"""Alerts about cost told by e-mail and by webhook: once each, to who may stop the agent and sees its team.

Whoever opens an alert says so in its row, which is the outbox entry. A look a moment later writes the notice, so that
what ends at once is never told, and neither is what is muted or acknowledged.
"""

from typing import Any

from django.conf import settings
from django.db.models import CharField, Exists, OuterRef, QuerySet
from django.db.models.functions import Cast
from django.urls import reverse

from agents.costs.alert_views import words
from agents.models import CostAlert
from approvals.models import Notice
from approvals.notifications import announcing
from approvals.notifications.content import timestamp
from approvals.notifications.topics import Content, register
from audit.clock import database_now
from supportagent.staff.models import User
from supportagent.staff.people import people_who_may
from supportagent.staff.permissions import Permission
from supportagent.tickets.text import clean_line

AT_ONCE = 100


class CostAlertTopic:
    """An alert about the cost of an agent, or of the whole house."""

    name = "cost_alert"

    def people(self, notice: Notice) -> QuerySet[User]:
        return people_who_may(Permission.PAUSE_AGENT, team_id=notice.team_id).exclude(email="")

    def over(self, notice: Notice) -> str:
        alert = CostAlert.objects.filter(pk=notice.subject).first()
        if alert is None or alert.ended_at is not None:
            return "the alert is over"
        if alert.acknowledged_at is not None:
            return "somebody acknowledged the alert"
        return "the alert is muted" if alert.muted_until and alert.muted_until > database_now() else ""

    def denied(self, notice: Notice, person: User) -> str:
        may = self.people(notice).filter(pk=person.pk).exists()
        return "" if may else "the person may not stop this agent any more"

    def content(self, notice: Notice) -> Content:
        alert = _alert(notice)
        kind, about = alert.get_kind_display(), _about(alert)
        return Content(
            headline=f"Cost alert: {kind.lower()}",
            title=about,
            lines=[
                ("Alert", f"Cost alert {alert.pk}"),
                ("About", about),
                ("What", kind),
                ("Figures", clean_line(words(alert), limit=300)),
                ("Since", f"{alert.first_at:%d %B %Y, %H:%M} UTC"),
            ],
            link=settings.PUBLIC_URL + self.reference(notice)[1],
            closing="An alert stops nothing by itself. Whoever acknowledges or mutes it spares the others a look.",
            because="you may pause this agent" if alert.agent else "you may pause agents and see every team",
        )

    def payload(self, notice: Notice) -> tuple[str, dict[str, Any]]:
        alert = _alert(notice)
        return f"cost_alert.{notice.kind}", {
            "alert": alert.pk,
            "kind": alert.kind,
            "agent": alert.agent.slug if alert.agent else None,
            "budget": str(alert.budget) if alert.budget else None,
            "since": timestamp(alert.first_at),
            # Numbers only: what else an alert keeps may be words of a model or of a customer.
            "figures": {name: value for name, value in alert.figures.items() if isinstance(value, int | float)},
            "link": settings.PUBLIC_URL + self.reference(notice)[1],
        }

    def reference(self, notice: Notice) -> tuple[str, str]:
        return f"Cost alert {notice.subject}", f"{reverse('agents:alerts')}#alert-{notice.subject}"

    def refs(self, notice: Notice) -> tuple[str, list[tuple[str, str]]]:
        return "", [("cost_alert", notice.subject)]


register(CostAlertTopic())


def announce() -> int:
    """Write what has become worth telling since the last time. Returns how many notices; safe in parallel."""
    told = Notice.objects.filter(topic=CostAlertTopic.name, subject=OuterRef("text_key"))
    calling = CostAlert.objects.calling().annotate(text_key=Cast("pk", CharField())).select_related("agent")
    new = calling.filter(~Exists(told)).order_by("pk")[:AT_ONCE]
    return sum(announcing.write(_notice(alert), database_now()) for alert in new)


def _notice(alert: CostAlert) -> Notice:
    team = alert.agent.team_id if alert.agent else None
    return Notice(topic=CostAlertTopic.name, subject=str(alert.pk), team_id=team, kind=Notice.Kind.OPENED)


def _alert(notice: Notice) -> CostAlert:
    return CostAlert.objects.select_related("agent", "budget").get(pk=notice.subject)


def _about(alert: CostAlert) -> str:
    """Whose cost it is, in one line: an agent's name and a budget's are what admins typed."""
    return clean_line(str(alert.budget or alert.agent), limit=120)
