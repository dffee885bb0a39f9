"""The menu entries of tickets and of ratings, with the number of those that wait for any person."""

from django.http import HttpRequest

from supportagent.console.navigation import NavItem, register
from supportagent.staff.permissions import Permission
from supportagent.workspace import queries, rating_views


def unclaimed(request: HttpRequest) -> str:
    """How many tickets wait for a person and have none; empty for zero."""
    count = queries.unclaimed(request.user)  # type: ignore[arg-type]
    return str(count) if count else ""


register(NavItem("Tickets", "workspace:tickets", "forum", permission=Permission.VIEW_TICKET, badge=unclaimed, order=20))
register(
    NavItem(
        "Ratings",
        "workspace:ratings",
        "star_rate",
        permission=Permission.VIEW_TICKET,
        badge=rating_views.waiting,
        order=25,
    )
)
