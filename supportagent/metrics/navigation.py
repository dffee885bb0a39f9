"""The dashboard's menu entry, and one for each list of the admin that people look for by name.

The lists of all apps stand here, above them all, so that the menu reads as one. Whether somebody is offered a list is
asked of the list itself: an entry never leads to a refusal.
"""

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest

from supportagent.console.navigation import NavItem, register
from supportagent.staff.permissions import Permission

CONFIGURATION = (
    ("agents.agent", "smart_toy", "Agents"),
    ("agents.killswitch", "emergency_home", "Kill switch"),
    ("agents.budget", "savings", "Budgets"),
    ("agents.price", "sell", "Prices"),
    ("agents.infrastructurecost", "host", "Infrastructure costs"),
    ("agents.humanrate", "schedule", "What people cost"),
    ("agents.humanbaseline", "timer", "Minutes without agents"),
    ("agents.velocitycap", "speed", "Caps per day"),
    ("approvals.approvalpolicy", "rule", "Approval rules"),
    ("tools.tool", "build", "Tools"),
    ("tools.mcpserver", "dns", "MCP servers"),
    ("widget.widgetapp", "chat", "Widgets"),
    ("knowledge.article", "menu_book", "Articles"),
    ("store.product", "inventory_2", "Products"),
    ("staff.team", "groups", "Teams"),
    ("staff.user", "person", "Accounts"),
    ("staff.accesstoken", "key", "Access tokens"),
    ("auth.group", "badge", "Roles"),
)
RECORDS = (
    ("audit.auditentry", "verified_user", "Audit trail"),
    ("agents.toolcall", "bolt", "Tool calls"),
    ("agents.modelcall", "neurology", "Model calls"),
    ("agents.spend", "payments", "Spending"),
    ("approvals.approvaldecision", "gavel", "Decisions"),
    ("grants.receipt", "receipt", "Receipts"),
    ("tickets.customer", "contacts", "Customers"),
    ("store.order", "shopping_bag", "Orders"),
    ("store.refund", "undo", "Refunds"),
    ("engineering.engineeringissue", "bug_report", "Engineering issues"),
    ("axes.accesslog", "login", "Log-ins"),
)


def _list(label: str, icon: str, name: str, *, section: str, order: int) -> NavItem:
    model = apps.get_model(label)

    def is_allowed(request: HttpRequest) -> bool:
        return admin.site.get_model_admin(model).has_view_or_change_permission(request)

    address = f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist"
    return NavItem(name, address, icon, permission=is_allowed, section=section, order=order)


register(
    NavItem("Dashboard", "metrics:dashboard", "monitoring", permission=Permission.VIEW_DASHBOARD, section="Insight")
)
for section, lists in (("Configuration", CONFIGURATION), ("Records", RECORDS)):
    for place, (label, icon, name) in enumerate(lists, 1):
        register(_list(label, icon, name, section=section, order=place * 10))
