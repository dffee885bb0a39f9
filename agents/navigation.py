"""The menu entry of runs."""

from supportagent.console.navigation import NavItem, register
from supportagent.staff.permissions import Permission

register(NavItem("Runs", "agents:runs", "timeline", permission=Permission.VIEW_RUN, order=30))
