"""The menu entry of the queue, with the number of requests that wait for this very person."""

from django.http import HttpRequest

from approvals import queries
from supportagent.console.navigation import NavItem, register
from supportagent.staff.permissions import Permission


def waiting_for(request: HttpRequest) -> str:
    """How many pending requests this person may decide; empty for none."""
    count = queries.mine(request.user).count()  # type: ignore[arg-type]
    return str(count) if count else ""


register(
    NavItem(
        "Approvals",
        "approvals:queue",
        "fact_check",
        permission=Permission.VIEW_APPROVALREQUEST,
        badge=waiting_for,
        order=10,
    )
)
