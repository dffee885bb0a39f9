"""What one question to the approval rules costs, with one rule and with a thousand, for this tool or for others."""

from collections.abc import Iterator

from django.db import transaction

from approvals.models import ApprovalPolicy, RuleBook
from approvals.policy import evaluate
from supportagent.tools.models import Tool
from tests.bench.report import Row, per_call

TITLE = "One question to the approval rules (in a transaction that is open)"
TOOL = "store__issue_refund"
MANY = 1000


def run(*, quick: bool) -> Iterator[Row]:
    """The rules of the installation alone, then with a thousand more for another tool, then for this one.

    Whatever is written is rolled back.
    """
    tool = Tool.objects.get(qualified_name=TOOL)
    other = Tool.objects.exclude(pk=tool.pk).filter(effect=Tool.Effect.WRITE).first()
    times = 100 if quick else 1000
    with transaction.atomic():
        yield per_call("the installation's own rules", lambda: ask(tool), times=times)
        write_rules(other, MANY)
        yield per_call(f"{MANY} more for another tool", lambda: ask(tool), times=times)
        write_rules(tool, MANY)
        yield per_call(f"and {MANY} more for this one, none of which holds", lambda: ask(tool), times=times)
        yield per_call("the same, read anew after a change", lambda: _anew(tool), warm_up=2, times=10)
        transaction.set_rollback(True)


def write_rules(tool: Tool | None, count: int) -> None:
    """Rules that do not hold for an ordinary call, past the doors that keep history and audit."""
    ApprovalPolicy._base_manager.bulk_create(
        ApprovalPolicy(
            order=1,
            name=f"rule {number}",
            tool=tool,
            outcome="deny",
            version=1,
            conditions=[{"path": "arguments.amount_minor", "op": "gt", "value": 1_000_000 + number}],
        )
        for number in range(count)
    )
    RuleBook.rise()


def ask(tool: Tool) -> object:
    """One refund of EUR 84.00 by a proved customer, the first of the day."""
    sums = {scope: {"count": 1, "amount_minor": 8400} for scope in ("customer", "subject", "agent")}
    arguments = {"order_id": "ORD-1042", "amount_minor": 8400, "currency": "EUR"}
    return evaluate(tool=tool, arguments=arguments, facts={}, assurance="verified", sums=sums)


def _anew(tool: Tool) -> object:
    RuleBook.rise()
    return ask(tool)
