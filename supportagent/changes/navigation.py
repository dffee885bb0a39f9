"""The menu entry of proposed changes, with the number of those that wait for this very person."""

from django.http import HttpRequest

from supportagent.changes.access import may_see
from supportagent.changes.models import ProposedChange
from supportagent.console.navigation import NavItem, register
from supportagent.staff.permissions import Permission, has


def waiting_for(request: HttpRequest) -> str:
    """How many changes this person may decide; empty for none."""
    if not has(request.user, Permission.DECIDE_CHANGE):
        return ""
    open_ones = ProposedChange.objects.filter(state=ProposedChange.State.PROPOSED)
    count = open_ones.exclude(proposed_by=request.user.pk).count()
    return str(count) if count else ""


register(
    NavItem(
        "Proposed changes",
        "admin:changes_proposedchange_changelist",
        "rule_settings",
        permission=lambda request: may_see(request.user),  # type: ignore[arg-type]
        badge=waiting_for,
        order=5,
        section="Configuration",
    )
)
