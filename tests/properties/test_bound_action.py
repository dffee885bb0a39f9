"""Whatever changes between an approval and the sending, in whichever column: nothing is executed.

Every column of the rows that a sent call is made of is either changed here, in several ways, or named as one that the
action does not depend on. A new column fails the first test until somebody has decided which it is.
"""

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Model

from agents.models import Run, ToolCall, VelocityCap
from approvals.models import ApprovalDecision, ApprovalPolicy, ApprovalRequest
from supportagent.store.models import Account, Order, Payment, Refund
from supportagent.tickets.models import Customer, Ticket
from supportagent.tools.models import MCPServer, Tool, ToolGrant
from tests.store.shop import make_account, make_order
from tests.world import World

SEED = 20261123
State = ToolCall.State

BOUND: dict[type[Model], set[str]] = {
    ToolCall: {
        "run_id",
        "name",
        "tool_id",
        "definition_hash",
        "arguments",
        "bound_arguments",
        "approval_id",
        "effect_key",
        "action_key",
        "subject",
        "amount_minor",
        "currency",
    },
    ApprovalRequest: {
        "id",
        "call_id",
        "tool_id",
        "ticket_id",
        "state",
        "tier",
        "rule_id",
        "rule_version",
        "definition_hash",
        "arguments",
        "bound_arguments",
        "facts",
        "subject",
        "action_key",
        "nonce",
        "digest",
        "expires_at",
        "approver_roles",
        "requested_by_id",
    },
    ApprovalDecision: {"request_id", "verdict", "decided_by_id", "digest"},
    Run: {"customer", "assurance", "agent_id", "ticket_id"},
}
# What was said, shown, counted or found out about it, and where it stands: the action is the same whatever is in there.
FREE: dict[type[Model], set[str]] = {
    ToolCall: {
        "id",
        "turn",
        "index",
        "provider_call_id",
        "stated_reason",
        "state",
        "code",
        "attempt",
        "result",
        "records",
        "evidence",
        "reconciliation",
        "price_micros",
        "effective_at",
        "deadline",
        "created_at",
        "sent_at",
        "finished_at",
    },
    ApprovalRequest: {
        "rule_name",
        "amount_minor",
        "currency",
        "respond_by",
        "effective_at",
        "escalated_at",
        "escalated_because",
        "assigned_to_id",
        "sums",
        "book_version",
        "title",
        "customer_words",
        "stated_reason",
        "provenance",
        "requested_by_name",
        "edited_by_id",
        "supersedes_id",
        "supersedes_because",
        "what_changed",
        "created_at",
        "decided_at",
    },
    ApprovalDecision: {"id", "reason_code", "reason", "customer_text", "decided_at"},
}


@pytest.mark.parametrize("model", FREE)
def test_every_column_is_either_bound_or_free(model: type[Model]) -> None:
    columns = {field.attname for field in model._meta.concrete_fields}
    assert BOUND[model] | FREE[model] == columns
    assert not BOUND[model] & FREE[model]


@pytest.fixture
def approved(world: World) -> ApprovalRequest:
    """An approved refund that is about to be sent, and others that it could be taken for."""
    make_order(world.order.account, "ORD-1044")
    request = world.held_refund()
    world.approve(request)
    request.refresh_from_db()
    return request


def others(model: type[Model], column: str, request: ApprovalRequest, world: World) -> list[Any]:
    """Keys of other rows that a foreign key could be bent to."""
    if column in ("run_id", "ticket_id"):
        stranger = Customer.objects.get(reference="CUS-1002")
        ticket = world.write("Hello.", customer=stranger)
        return [ticket.runs.get().pk if column == "run_id" else ticket.pk]
    if column == "tool_id":
        return list(Tool.objects.exclude(pk=request.tool_id).values_list("pk", flat=True)[:4])
    if column in ("approval_id", "id", "request_id"):
        ends = [] if column != "approval_id" else [None]
        return [*ends, request.pk + 1000]
    if column == "rule_id":
        return [None, *ApprovalPolicy.objects.exclude(pk=request.rule_id).values_list("pk", flat=True)[:2]]
    if column == "call_id":
        return ["00000000-0000-0000-0000-000000000001"]
    if column in ("requested_by_id", "decided_by_id"):
        return [world.rosa.pk, world.piet.pk]
    if column == "agent_id":
        return []  # there is one agent; its account's rights are changed below
    return []


def changed(value: Any, dice: random.Random) -> Iterator[Any]:
    """Other values of the same type, also such that only differ a little."""
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (value + 1, value - 1, 0, -value, value * 10)
    elif isinstance(value, str):
        at = dice.randrange(len(value)) if value else 0
        yield from ("", value + "0", value[:at] + ("x" if value[at : at + 1] != "x" else "y") + value[at + 1 :])
        yield value.swapcase() if value.swapcase() != value else value + " "
    elif isinstance(value, dict):
        for key in value:
            for other in list(changed(value[key], dice))[:2]:
                yield {**value, key: other}
        yield {**value, "more": 1}
        yield {}
    elif isinstance(value, list):
        yield [*value, "Support rep"]
    elif value is None:
        yield from (1, 8400)
    elif hasattr(value, "isoformat"):
        yield from (value + timedelta(days=1), value - timedelta(days=1), value + timedelta(microseconds=1))


def variants(model: type[Model], column: str, value: Any, dice: random.Random) -> list[Any]:
    if column in ("arguments", "bound_arguments"):  # canonical JSON: each leaf, the form, and no JSON at all
        inner = [json.dumps(each, sort_keys=True, separators=(",", ":")) for each in changed(json.loads(value), dice)]
        return [*inner, json.dumps(json.loads(value), indent=1), value[:-1], "null", "[]"]
    if model is ApprovalRequest and column == "state":
        return [state for state in ApprovalRequest.State.values if state != value]
    if column == "tier":
        return ["T1", "T3"]
    if column == "verdict":
        return ["reject"]
    if column == "assurance":
        return ["anonymous", "claimed"]
    if column == "customer":
        return ["", "CUS-1002", "CUS-1001 "]
    limit = getattr(model._meta.get_field(column.removesuffix("_id")), "max_length", None)
    return [each for each in changed(value, dice) if limit is None or len(str(each)) <= limit]


def nothing_is_executed(world: World, request: ApprovalRequest, what: str) -> None:
    for run in Run.objects.filter(state=Run.State.QUEUED):
        world.script([{"text": "A colleague is looking at it."}])
        world.advance(run.ticket)
    assert not Refund.objects.exists(), what
    call = ToolCall.objects.get(pk=request.call_id)
    again = ApprovalRequest.objects.filter(supersedes=request, state=ApprovalRequest.State.PENDING)
    held = call.state == State.AWAITING_APPROVAL and again.exists()
    assert held or call.state == State.REFUSED or call.run_id != world.call().run_id or call.tool_id is None, (
        f"{what}: {call.state} {call.code}"
    )
    assert not Run.objects.filter(crashes__gt=0).exists(), what


@pytest.mark.parametrize("model", BOUND)
def test_a_bound_column_that_changes_after_the_approval_stops_the_call(
    world: World, approved: ApprovalRequest, model: type[Model]
) -> None:
    dice = random.Random(SEED)
    call = ToolCall.objects.get(pk=approved.call_id)
    row = {
        ToolCall: call,
        ApprovalRequest: approved,
        ApprovalDecision: approved.decisions.get(),
        Run: call.run,
    }[model]
    tried: set[str] = set()
    for column in sorted(BOUND[model] - {"agent_id"}):
        bent: list[Any]
        with transaction.atomic():
            bent = others(model, column, approved, world)
            bent = bent or variants(model, column, getattr(row, column), dice)
            transaction.set_rollback(True)
        for number in range(len(bent)):
            with transaction.atomic():
                again = others(model, column, approved, world)  # rows that the rollback took are made anew
                value = again[number] if again else bent[number]
                tried.add(column)
                try:
                    model._default_manager.filter(pk=row.pk).update(**{column: value})
                except IntegrityError:
                    transaction.set_rollback(True)
                    continue  # the database itself does not take it
                nothing_is_executed(world, approved, f"{model.__name__}.{column} = {value!r}")
                transaction.set_rollback(True)
    assert tried == BOUND[model] - {"agent_id"}


def test_what_the_action_rests_on_in_other_rows_stops_it_as_well(world: World, approved: ApprovalRequest) -> None:
    tool, rule_id = approved.tool, approved.rule_id
    rules = ApprovalPolicy.objects
    service = world.agent.service_user_id
    people = type(world.ana).objects
    drifts: list[tuple[str, Any]] = [
        ("order revision", lambda: Order.objects.update(revision=7)),
        ("order status", lambda: Order.objects.update(status="cancelled")),
        ("order currency", lambda: Order.objects.update(currency="USD")),
        ("order owner", lambda: Order.objects.update(account=Account.objects.get(reference="CUS-1002"))),
        ("captured money", lambda: Payment.objects.update(amount_minor=100)),
        ("payment method", lambda: Payment.objects.update(method="card •0000")),
        ("tool definition", lambda: Tool.objects.filter(pk=tool.pk).update(definition_hash="0" * 64)),
        (
            "tool schema",
            lambda: Tool.objects.filter(pk=tool.pk).update(input_schema={"properties": {}, "required": ["x"]}),
        ),
        ("tool bindings", lambda: Tool.objects.filter(pk=tool.pk).update(bound_arguments={"order_id": "ticket"})),
        ("tool subject", lambda: Tool.objects.filter(pk=tool.pk).update(subject_argument="")),
        ("tool name", lambda: Tool.objects.filter(pk=tool.pk).update(name="cancel_order")),
        ("qualified name", lambda: Tool.objects.filter(pk=tool.pk).update(qualified_name="store__other")),
        ("tool switched off", lambda: Tool.objects.filter(pk=tool.pk).update(enabled=False)),
        ("facts tool gone", lambda: Tool.objects.filter(pk=tool.pk).update(facts_tool="store__nothing")),
        ("server renamed", lambda: MCPServer.objects.filter(pk=tool.server_id).update(name="elsewhere")),
        ("rule version", lambda: rules.get(pk=rule_id).save()),
        ("rule denies", lambda: _bend(rules.get(pk=rule_id), outcome="deny")),
        ("rule tier", lambda: _bend(rules.get(pk=rule_id), tier="T3")),
        ("rule gone", lambda: rules.get(pk=rule_id).delete()),
        ("agent's role", lambda: people.get(pk=service).groups.clear()),
        ("agent's account", lambda: people.filter(pk=service).update(is_active=False)),
        ("approver's account", lambda: people.filter(pk=world.ana.pk).update(is_active=False)),
        ("approver's role", lambda: world.ana.groups.clear()),
        ("approver's grant", lambda: ToolGrant.objects.filter(permission__codename="approve_tool").delete()),
        ("approver's limit", lambda: _limit("approve_tool", 100)),
        ("agent's limit", lambda: _limit("use_tool", 100)),
        ("decision gone", lambda: approved.decisions.all().delete()),
        ("cap of the day", lambda: VelocityCap.objects.create(scope="agent", max_count=0)),
        ("role's approvers", lambda: rules.get(pk=rule_id).approvers.add(Group.objects.get(name="Auditor"))),
        ("ticket's customer", lambda: Ticket.objects.update(customer=Customer.objects.get(reference="CUS-1002"))),
    ]
    for what, drift in drifts:
        with transaction.atomic():
            drift()
            nothing_is_executed(world, approved, what)
            transaction.set_rollback(True)
    world.advance(approved.ticket)
    assert world.refunds() == 1, "what was approved, unchanged, is carried out"


def test_a_new_customer_and_order_do_not_disturb_what_was_approved(world: World, approved: ApprovalRequest) -> None:
    make_order(make_account("CUS-4001", "Eve Adams"), "ORD-4001")
    world.advance(approved.ticket)
    assert world.refunds() == 1


def _bend(rule: ApprovalPolicy, **changes: str) -> None:
    for name, value in changes.items():
        setattr(rule, name, value)
    rule.save()


def _limit(codename: str, amount: int) -> None:
    rules = {"properties": {"amount_minor": {"maximum": amount}}}
    ToolGrant.objects.filter(
        content_object__qualified_name="store__issue_refund", permission__codename=codename
    ).update(argument_rules=rules)
