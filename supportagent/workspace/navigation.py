"""The menu entry of tickets, with the number of those that wait for any person of one's teams."""

from django.http import HttpRequest

from supportagent.console.navigation import NavItem, register
from supportagent.staff.permissions import Permission
from supportagent.workspace import queries


def unclaimed(request: HttpRequest) -> str:
    """How many tickets wait for a person and have none; empty for zero."""
    count = queries.unclaimed(request.user)  # type: ignore[arg-type]
    return str(count) if count else ""


register(NavItem("Tickets", "workspace:tickets", "forum", permission=Permission.VIEW_TICKET, badge=unclaimed, order=20))
