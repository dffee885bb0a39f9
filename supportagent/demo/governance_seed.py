"""The demo's agent with its rights, rules and budgets: written once, then an admin's to change."""

from django.contrib.auth.models import Group, Permission

from agents.mcp.discovery import sync_builtin_servers
from agents.models import Agent, Budget, KillSwitch
from approvals.models import ApprovalPolicy, Tier
from supportagent.staff.models import Team, User
from supportagent.tools.access import APPROVE, USE
from supportagent.tools.models import Tool, ToolGrant

AGENT = "concierge"
USD = 1_000_000  # micro-units

# Which role uses which tools. The agent has the roles that its service account is in, and so the same tools.
TOOLS_OF_ROLES: dict[str, tuple[str, ...]] = {
    "Support rep": (
        "store__get_customer",
        "store__list_orders",
        "store__get_order",
        "knowledge__search_articles",
        "tickets__list_tickets",
        "tickets__categorise_ticket",
        "tickets__create_ticket",
        "tickets__add_internal_note",
        "tickets__draft_reply",
        "tickets__escalate_to_human",
        "tickets__notify_team",
    ),
    "Billing specialist": (
        "store__list_payments",
        "store__get_invoice",
        "store__issue_refund",
        "store__cancel_order",
        "store__update_account",
        "store__update_billing_details",
    ),
    "Technical specialist": ("engineering__get_service_logs", "engineering__create_engineering_issue"),
}
AGENT_ROLES = tuple(TOOLS_OF_ROLES)
APPROVERS: dict[str, tuple[str, ...]] = {
    "Supervisor": (
        "store__issue_refund",
        "store__cancel_order",
        "store__update_account",
        "store__update_billing_details",
    ),
    "Finance lead": ("store__issue_refund", "store__cancel_order", "store__update_billing_details"),
}


def seed_governance() -> None:
    """Pin the tools, grant them to the roles, write the rules and the budgets, and set the agent to work."""
    sync_builtin_servers()
    KillSwitch.objects.get_or_create(pk=1)
    for role, tools in TOOLS_OF_ROLES.items():
        _grant(role, USE, tools)
    for role, tools in APPROVERS.items():
        _grant(role, APPROVE, tools)
    _write_rules()
    _write_agent()


def _grant(role: str, codename: str, names: tuple[str, ...]) -> None:
    group = Group.objects.get(name=role)
    permission = Permission.objects.get(content_type__app_label="tools", codename=codename)
    for tool in Tool.objects.filter(qualified_name__in=names):
        ToolGrant.objects.get_or_create(group=group, permission=permission, content_object=tool)


def _write_rules() -> None:
    if ApprovalPolicy.objects.exists():
        return
    tools = {tool.qualified_name: tool for tool in Tool.objects.all()}
    ApprovalPolicy.objects.create(
        order=10,
        name="Money goes back only to a verified customer",
        tool=tools["store__issue_refund"],
        conditions=[{"path": "assurance", "op": "ne", "value": "verified"}],
        outcome=ApprovalPolicy.Outcome.DENY,
    )
    ApprovalPolicy.objects.create(
        order=20,
        name="Refunds above EUR 500 take two people",
        tool=tools["store__issue_refund"],
        conditions=[{"path": "arguments.amount_minor", "op": "gt", "value": 50_000}],
        outcome=ApprovalPolicy.Outcome.APPROVE,
        tier=Tier.T3,
    )
    ApprovalPolicy.objects.create(
        order=25,
        name="More than EUR 1,000 to one customer in a day takes two people",
        tool=tools["store__issue_refund"],
        conditions=[{"path": "sums.customer.amount_minor", "op": "gt", "value": 100_000}],
        outcome=ApprovalPolicy.Outcome.APPROVE,
        tier=Tier.T3,
    )
    for order, name, label in (
        (30, "store__issue_refund", "Every refund is seen by a person"),
        (40, "store__cancel_order", "Every cancellation is seen by a person"),
        (50, "store__update_account", "Every change of an account is seen by a person"),
        (60, "store__update_billing_details", "Every change of billing details is seen by a person"),
    ):
        ApprovalPolicy.objects.create(
            order=order, name=label, tool=tools[name], outcome=ApprovalPolicy.Outcome.APPROVE, tier=Tier.T2
        )


def _write_agent() -> None:
    if Agent.objects.filter(slug=AGENT).exists():
        return
    service, _ = User.objects.get_or_create(
        username=f"agent-{AGENT}", defaults={"kind": User.Kind.SERVICE, "first_name": "Concierge"}
    )
    service.groups.set(Group.objects.filter(name__in=AGENT_ROLES))
    for permission in Permission.objects.filter(content_type__app_label="staff", codename="view_team"):
        service.user_permissions.add(permission)
    Budget.objects.get_or_create(
        scope=Budget.Scope.AGENT, subject=AGENT, period=Budget.Period.DAY, defaults={"cap": 20 * USD}
    )
    Budget.objects.get_or_create(
        scope=Budget.Scope.AGENT, subject=AGENT, period=Budget.Period.MONTH, defaults={"cap": 300 * USD}
    )
    Budget.objects.get_or_create(
        scope=Budget.Scope.ORGANISATION, period=Budget.Period.MONTH, defaults={"cap": 1_000 * USD}
    )
    Agent.objects.create(
        slug=AGENT,
        name="Concierge",
        status=Agent.Status.LIVE,
        autonomy=Agent.Autonomy.AUTONOMOUS,
        receives_requests=True,
        goal="Resolve what the customer of Harbour & Pine writes about, within the shop's policies.",
        success_criteria="The customer has a true and complete answer, or knows which person takes over and why.",
        instructions=(
            "You are the first contact of Harbour & Pine, a shop for kitchen and coffee. Be warm, brief and exact. "
            "Categorise the ticket first. Look the customer's order up before you speak about it. For policies, search "
            "the knowledge base and name the article."
        ),
        service_user=service,
        team=Team.objects.get(slug="orders"),
        session_cap_micros=USD // 2,
    )
