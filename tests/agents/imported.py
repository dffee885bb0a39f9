"""A payment server that is not ours, imported into the small installation as an admin would after a review."""

from typing import Any

from django.contrib.auth.models import Group, Permission

from approvals.models import ApprovalPolicy
from supportagent.tools.access import APPROVE, USE
from supportagent.tools.models import MCPServer, Tool, ToolGrant
from supportagent.tools.schema import imported_hash
from tests.mcp import faulty_desk
from tests.mcp.bank import Bank

GET = "bank__get_payment"
PAYMENT = "PAY-0001"
MORE_PAID_BACK = [
    {
        "path": "after.refunded_minor",
        "op": "eq",
        "than": "before.refunded_minor",
        "plus": "arguments.amount_minor",
    }
]


def import_bank(bank: Bank, tool_class: str, *, needs_person: bool = False, **fields: Any) -> Tool:
    """The server with its read and one write of this class; the write's row."""
    server = MCPServer.objects.create(name="bank", title="Bank", transport=MCPServer.Transport.HTTP, url=bank.url)
    read = _tool(server, "get_payment", Tool.Effect.READ, "")
    name = "issue_refund" if tool_class == Tool.Repeat.KEYED else "refund_payment"
    key = "idempotency_key" if tool_class == Tool.Repeat.KEYED else "reference"
    more: dict[str, Any] = {"bound_arguments": {key: "call"}, "what_to_check": "Look the payment up at the bank."}
    if tool_class == Tool.Repeat.RECONCILABLE:
        more |= {"reconcile_tool": GET, "reconcile_when": MORE_PAID_BACK}
    write = _tool(server, name, Tool.Effect.WRITE, tool_class, **{**more, **fields})
    for role, codename, tools in (
        ("Billing specialist", USE, (read, write)),
        ("Supervisor", APPROVE, (write,)),
        ("Finance lead", APPROVE, (write,)),
    ):
        permission = Permission.objects.get(content_type__app_label="tools", codename=codename)
        for tool in tools:
            ToolGrant.objects.create(group=Group.objects.get(name=role), permission=permission, content_object=tool)
    if not needs_person:
        ApprovalPolicy.objects.create(
            order=1, name="The bank may be used", tool=write, outcome=ApprovalPolicy.Outcome.ALLOW
        )
    return write


def pay_back(tool: Tool, amount: int = 500, payment: str = PAYMENT) -> dict[str, Any]:
    """The call as a model asks for it."""
    return {
        "name": tool.qualified_name,
        "arguments": {
            "payment_id": payment,
            "amount_minor": amount,
            "currency": "EUR",
            "stated_reason": "it arrived broken",
        },
    }


def _tool(server: MCPServer, name: str, effect: str, tool_class: str, **fields: Any) -> Tool:
    declared = next(one for one in faulty_desk.tools() if one["name"] == name)
    definition = {"title": "", "outputSchema": {}, "annotations": {}, **declared}
    money = {
        "impact": Tool.Impact.MONEY,
        "reversible": Tool.Reversible.NO,
        "facts_tool": GET,
        "subject_argument": "payment_id",
        "amount_argument": "amount_minor",
        "currency_argument": "currency",
    }
    return Tool.objects.create(
        server=server,
        name=name,
        qualified_name=f"bank__{name}",
        description=definition["description"],
        input_schema=definition["inputSchema"],
        definition=definition,
        definition_hash=imported_hash(definition),
        effect=effect,
        tool_class=tool_class,
        **{"timeout_seconds": 3, **(money if effect == Tool.Effect.WRITE else {}), **fields},
    )
