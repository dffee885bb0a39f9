"""What the gate costs a tool call: judging it, counting it, committing to it, with rules, rights, digest and audit.

A passage is one judgement of one call: the transaction that locks run and ticket, reads what is true now, asks the
rules, and holds the call or commits to sending it, with its audit entry. A call that goes by itself passes once. One
that a person decides passes twice: `held` when it is proposed, `sent` when it leaves after the approval, because
everything is asked again then. Left out are the model, the tool, the reads of facts before it, the decision itself (a
person's request), and COMMIT; keeping the outcome afterwards is told by itself.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db.models import QuerySet

from agents.loop import acting
from agents.models import Run, ToolCall
from approvals.models import ApprovalPolicy, RuleBook
from supportagent.tools.models import Tool
from tests.bench.copies import analyse, copy, new_key
from tests.bench.meter import metering
from tests.bench.report import Row
from tests.bench.story import Shop, model

TITLE = "The gate, per passage (one judgement of one call): CPU and statements, without model, tool and reads of facts"
MANY_RULES, MANY_CALLS = 1_000, 1_000_000
WARM_UP = 3
PROPOSED, READY = [(acting, "_plan")], [(acting, "_send_ready")]
NOT_JUDGED = [(acting, "read_facts"), (acting, "_send")]
KEPT, NOT_KEPT = [(acting, "_send")], [(acting.execution, "send"), (acting, "observe")]


def run(shop: Shop, *, quick: bool) -> Iterator[Row]:
    """With few rules and an empty table, with a thousand rules, and with a million calls in the table besides."""
    times, many_calls = (10, MANY_CALLS // 10) if quick else (30, MANY_CALLS)
    refund = Tool.objects.get(qualified_name="store__issue_refund")
    with model():
        yield from _measured(shop, times, refund, "1 rule, 1 call")
        _add_rules(refund, MANY_RULES)
        yield from _measured(shop, times, refund, f"{MANY_RULES:,} rules, 1 call")
        began = time.perf_counter()
        _add_calls(many_calls)
        filled = Row(f"{many_calls:,} calls written", (("s", time.perf_counter() - began),))
        yield from _measured(shop, times, refund, f"{MANY_RULES:,} rules, {many_calls:,} calls")
        yield filled


def _measured(shop: Shop, times: int, refund: Tool, where: str) -> Iterator[Row]:
    for customer in shop.customers(WARM_UP):
        shop.whole(customer)
    with (
        metering(of=PROPOSED, without=NOT_JUDGED) as held,
        metering(of=READY, without=NOT_JUDGED) as sent,
    ):
        for customer in shop.customers(times):
            shop.whole(customer)
    yield Row(f"{where}: held", held.per(times))
    yield Row(f"{where}: sent", sent.per(times))
    with _allowed(refund):
        for customer in shop.customers(WARM_UP):
            shop.by_itself(customer)
        with metering(of=PROPOSED, without=NOT_JUDGED) as meter:
            for customer in shop.customers(times):
                shop.by_itself(customer)
        yield Row(f"{where}: goes by itself", meter.per(times))
        with metering(of=KEPT, without=NOT_KEPT) as meter:
            for customer in shop.customers(times):
                shop.by_itself(customer)
        yield Row(f"{where}: keeping the outcome", meter.per(times))


@contextmanager
def _allowed(refund: Tool) -> Iterator[None]:
    """A rule above all others that lets the refund pass."""
    rule = ApprovalPolicy.objects.create(order=0, name="Bench", tool=refund, outcome=ApprovalPolicy.Outcome.ALLOW)
    try:
        yield
    finally:
        rule.delete()


def _add_rules(refund: Tool, count: int) -> None:
    """Rules that are asked and do not hold, before those that were there."""
    never = [{"path": "arguments.amount_minor", "op": "gt", "value": 10**9}]
    asked = {"tool": refund, "conditions": never, "outcome": ApprovalPolicy.Outcome.DENY}
    rules: QuerySet[ApprovalPolicy] = QuerySet(ApprovalPolicy)  # its own manager insists on a history of each
    rules.bulk_create(ApprovalPolicy(order=1, name=f"Never {n}", **asked) for n in range(count))
    RuleBook.rise()


def _add_calls(count: int) -> None:
    """Copies of a refund that was made, ten to a run, each on an order of its own, by statements of the database."""
    template = ToolCall.objects.filter(name="store__issue_refund", state=ToolCall.State.SUCCEEDED).latest("created_at")
    of_call = {
        "id": new_key(),
        "run_id": "past.id",
        "turn": "n",
        "subject": "'order:OLD-' || past.turns || '-' || n",
        "effect_key": "'issue_refund|order:OLD-' || past.turns || '-' || n",
    }
    copy(Run, template.run_id, {"id": new_key(), "turns": "n", "ended_because": "'bench'"}, count // 10)
    copy(ToolCall, template.pk, of_call, 10, "JOIN agents_run past ON past.ended_because = 'bench'")
    analyse()
