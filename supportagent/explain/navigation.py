"""The menu entry of the page that says why."""

from supportagent.console.navigation import NavItem, register
from supportagent.staff.permissions import Permission

register(
    NavItem("Explain access", "explain:page", "help_center", Permission.EXPLAIN_ACCESS, order=20, section="Insight")
)
