"""What agents of the demo find in place: tools, who may use and approve them, rules, and the organisation's budget.

Written once, then an admin's to change. The agents themselves are written by `agents_seed`.
"""

from django.contrib.auth.models import Group, Permission

from agents.mcp.discovery import sync_builtin_servers
from agents.models import Budget, KillSwitch
from approvals.models import ApprovalPolicy, Tier
from supportagent.tools.access import APPROVE, USE
from supportagent.tools.models import Tool, ToolGrant

USD = 1_000_000  # micro-units

_SHOP_READS = ("store__get_customer", "store__list_orders", "store__get_order")
_READS = ("knowledge__search_articles", "tickets__list_tickets")
_CASE_WORK = (
    "tickets__create_ticket",
    "tickets__add_internal_note",
    "tickets__draft_reply",
    "tickets__escalate_to_human",
    "tickets__notify_team",
)
# Which role uses which tools. An agent has the roles that its service account is in, and so the same tools.
TOOLS_OF_ROLES: dict[str, tuple[str, ...]] = {
    "Support rep": (*_SHOP_READS, *_READS, *_CASE_WORK, "tickets__categorise_ticket"),
    "Front desk": (
        *_SHOP_READS,
        *_READS,
        "tickets__triage_ticket",
        "tickets__add_internal_note",
        "tickets__escalate_to_human",
    ),
    "Orders specialist": (*_SHOP_READS, *_READS, *_CASE_WORK, "store__cancel_order", "store__update_account"),
    "Billing specialist": (
        *_SHOP_READS,
        *_READS,
        *_CASE_WORK,
        "store__list_payments",
        "store__get_invoice",
        "store__issue_refund",
        "store__update_billing_details",
    ),
    "Technical specialist": (
        *_READS,
        *_CASE_WORK,
        "engineering__get_service_logs",
        "engineering__create_engineering_issue",
    ),
}
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
    """Pin the tools, grant them to the roles, write the rules and the organisation's budget."""
    sync_builtin_servers()
    KillSwitch.objects.get_or_create(pk=1)
    for role, tools in TOOLS_OF_ROLES.items():
        _grant(role, USE, tools)
    for role, tools in APPROVERS.items():
        _grant(role, APPROVE, tools)
    _write_rules()
    Budget.objects.get_or_create(
        scope=Budget.Scope.ORGANISATION, period=Budget.Period.MONTH, defaults={"cap": 1_000 * USD}
    )


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
