"""The menu entries of agents, of runs, of calls whose outcome nobody knows, of costs and of alerts about them."""

from agents import outcome_views
from agents.costs import alert_views
from supportagent.console.navigation import NavItem, register
from supportagent.staff.permissions import Permission

register(
    NavItem(
        "Unknown outcomes",
        "agents:outcomes",
        "unknown_document",
        permission=outcome_views.may_view,
        badge=outcome_views.waiting,
        order=15,
    )
)
register(NavItem("Runs", "agents:runs", "timeline", permission=Permission.VIEW_RUN, order=30))
register(NavItem("Agents at work", "agents:agents", "smart_toy", permission=Permission.VIEW_RUN, order=35))
register(
    NavItem("Costs", "agents:costs", "bar_chart", permission=Permission.VIEW_DASHBOARD, section="Insight", order=105)
)
register(
    NavItem(
        "Cost alerts",
        "agents:alerts",
        "notifications_active",
        permission=Permission.VIEW_DASHBOARD,
        badge=alert_views.calling,
        section="Insight",
        order=110,
    )
)
