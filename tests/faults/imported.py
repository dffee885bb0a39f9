"""An imported payment server in the installation, with a tool of every class, as an admin would review them."""

from collections import Counter
from collections.abc import Iterable, Mapping

from django.contrib.auth.models import Group, Permission

from agents.mcp.importing import import_tools
from approvals.models import ApprovalPolicy, Tier
from supportagent.tools.access import APPROVE, USE
from supportagent.tools.models import MCPServer, Tool, ToolGrant
from tests.mcp.bank import Bank

KEYED, RECONCILABLE, OPAQUE = "bank__issue_refund", "bank__refund_payment", "till__refund_payment"
WRITES = (KEYED, RECONCILABLE, OPAQUE)
# How an answer gets lost; each of these happens to one call and then not to the next.
MISHAPS = (
    "closed_before",
    "closed_after",
    "cut_sse",
    "truncated",
    "bad_gateway",
    "garbage",
    "hang",
    "wrong_id",
    "refused",
)
PAID_BACK = [
    {"path": "after.refunded_minor", "op": "eq", "value": 8400},
    {"path": "before.refunded_minor", "op": "eq", "value": 0},
]


def connect(bank: Bank, till: Bank) -> None:
    """Register both servers and review their tools: keyed and reconcilable at the bank, opaque at the till."""
    for name, server in (("bank", bank), ("till", till)):
        row = MCPServer.objects.create(
            name=name, title=name.title(), transport=MCPServer.Transport.HTTP, url=server.url
        )
        import_tools(row)
        _review(f"{name}__get_payment", effect=Tool.Effect.READ, impact=Tool.Impact.NONE, tool_class=Tool.Repeat.READ)
    _review_refund(KEYED, Tool.Repeat.KEYED, {"idempotency_key": "call"})
    _review_refund(RECONCILABLE, Tool.Repeat.RECONCILABLE, {"reference": "call"}, reconcile_when=PAID_BACK)
    _review_refund(OPAQUE, Tool.Repeat.OPAQUE, {"reference": "call"})


def _review_refund(name: str, repeat: str, bound: dict[str, str], **more: object) -> None:
    server = name.partition("__")[0]
    reads = {"facts_tool": f"{server}__get_payment"}
    if repeat == Tool.Repeat.RECONCILABLE:
        reads["reconcile_tool"] = f"{server}__get_payment"
    tool = _review(
        name,
        effect=Tool.Effect.WRITE,
        impact=Tool.Impact.MONEY,
        tool_class=repeat,
        bound_arguments=bound,
        subject_argument="payment_id",
        amount_argument="amount_minor",
        currency_argument="currency",
        what_to_check="Look the payment up in the bank's own console.",
        timeout_seconds=2,
        **reads,
        **more,
    )
    ApprovalPolicy.objects.create(
        order=45, name=f"Every {name} is seen by a person", tool=tool, outcome="approve", tier=Tier.T2
    )


def _review(name: str, **decided: object) -> Tool:
    tool = Tool.objects.get(qualified_name=name)
    for field, value in decided.items():
        setattr(tool, field, value)
    tool.enabled = True
    tool.save()
    for role, codename in (("Billing specialist", USE), ("Supervisor", APPROVE), ("Finance lead", APPROVE)):
        permission = Permission.objects.get(content_type__app_label="tools", codename=codename)
        ToolGrant.objects.create(group=Group.objects.get(name=role), permission=permission, content_object=tool)
    return tool


def posts(banks: Mapping[str, Bank]) -> dict[str, int]:
    """How often each write arrived at its server."""
    places = {name: name.partition("__") for name in WRITES}
    return {name: len(banks[server].posts(tool=tool)) for name, (server, _, tool) in places.items()}


def effects(banks: Iterable[Bank]) -> Counter[str]:
    """How often each call really moved money, by the ledgers of the servers."""
    return Counter(str(entry["key"]) for bank in banks for entry in bank.effects())
