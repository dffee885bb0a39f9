"""The menu entries: the queue with what waits for this very person, and what came of the labels."""

from django.http import HttpRequest

from supportagent.console.navigation import NavItem, register
from supportagent.quality import queue
from supportagent.staff.permissions import Permission


def waiting(request: HttpRequest) -> str:
    """How many items this person is asked to judge; empty for none."""
    count = queue.waiting_for(request.user).count()  # type: ignore[arg-type]
    return str(count) if count else ""


register(
    NavItem("Labels", "quality:queue", "rate_review", Permission.ADD_LABEL, badge=waiting, section="Insight", order=30)
)
register(NavItem("Accuracy", "quality:results", "target", Permission.VIEW_DASHBOARD, section="Insight", order=40))
