"""From what a model asked for to what may happen: every call is judged before the first side effect.

`propose` turns the reply into rows and refuses what is not a valid, granted call. `rule` asks the approval policy.
Refusals are answers for the model: it may correct itself.
"""

import json
from collections.abc import Mapping
from typing import Any

from agents.loop.capability import Capability
from agents.loop.refusal import CallRefused, answer_refusal
from agents.models import Run, ToolCall
from agents.providers.base import RequestedCall
from approvals import binding, policy
from approvals.models import ApprovalDecision, ApprovalPolicy
from approvals.policy import Ruling
from audit.chain import canonical
from supportagent.grants import strict
from supportagent.tools import schema
from supportagent.tools.models import Tool

MAX_CALLS_PER_TURN = 8
CONFUSED = ("unknown_tool", "invalid_arguments")  # refusals that say the model does not follow the contract


def propose(run: Run, capability: Capability, requested: tuple[RequestedCall, ...]) -> list[ToolCall]:
    """Rows for the calls of one reply, unsaved: valid ones PROPOSED, the others REFUSED with their reason."""
    seen: set[tuple[str, str]] = set()
    calls = []
    for index, wanted in enumerate(requested):
        call = ToolCall(run=run, turn=run.turns, index=index, provider_call_id=wanted.id, name=wanted.name[:120])
        try:
            if index >= MAX_CALLS_PER_TURN:
                raise CallRefused("too_many_calls", f"at most {MAX_CALLS_PER_TURN} calls per turn")
            _fill(call, wanted, capability)
            if (call.name, call.arguments) in seen:
                raise CallRefused("duplicate", "the same call stands in this turn already")
            seen.add((call.name, call.arguments))
        except CallRefused as refusal:
            answer_refusal(call, refusal)
        except strict.InvalidArguments as error:
            answer_refusal(call, CallRefused("invalid_arguments", str(error)))
        calls.append(call)
    return calls


def rule(call: ToolCall, *, facts: Mapping[str, Any]) -> Ruling:
    """What the approval policy says about this call on these facts. Reads need no rule. Raises CallRefused."""
    tool = _tool(call)
    arguments = json.loads(call.bound_arguments)
    ruling = policy.evaluate(tool=tool, arguments=arguments, facts=facts, assurance=call.run.assurance)
    if ruling.outcome == ApprovalPolicy.Outcome.DENY:
        raise CallRefused("denied_by_policy", f"not allowed: {ruling.rule_name}")
    if ruling.outcome == ApprovalPolicy.Outcome.APPROVE:
        _check_not_rejected_before(call)
    _check_not_under_way(call)
    return ruling


def shared_arguments(read: Tool, call: ToolCall) -> dict[str, Any]:
    """The arguments of the read that belongs to a call: those that both have."""
    arguments = json.loads(call.bound_arguments)
    return {name: arguments[name] for name in read.input_schema.get("properties", {}) if name in arguments}


def _fill(call: ToolCall, wanted: RequestedCall, capability: Capability) -> None:
    granted = capability.tools.get(wanted.name)
    if granted is None:
        raise CallRefused("unknown_tool", "there is no such tool")
    tool = granted.tool
    reason, arguments = schema.take_reason(strict.parse(wanted.arguments))
    bound = schema.bind(tool, arguments, _host_bound(call))
    strict.validate(bound, tool.input_schema)
    for argument_rules in granted.rules:
        _check_rules(bound, argument_rules)
    call.tool = tool
    call.definition_hash = tool.definition_hash
    call.stated_reason = reason
    call.arguments = canonical(arguments).decode()
    call.bound_arguments = canonical(bound).decode()
    _count_on_subject(call, tool, bound)
    call.action_key = binding.action_key(
        server=tool.server.name,
        tool=tool.name,
        arguments=call.arguments,
        bound_arguments=canonical(schema.without_call_id(tool, bound)).decode(),
        subject=call.subject,
    )


def _host_bound(call: ToolCall) -> Mapping[str, str]:
    """What arguments that no model may write are taken from. `call` stays the same however often it is sent."""
    run, ticket = call.run, call.run.ticket
    return {
        "ticket": ticket.number,
        "team": ticket.team.slug,
        "customer": run.customer,
        "run": str(run.pk),
        "call": str(call.pk),
    }


def _check_rules(arguments: dict[str, Any], rules: dict[str, Any]) -> None:
    try:
        strict.validate(arguments, rules)
    except strict.InvalidArguments as error:
        raise CallRefused("outside_role", f"your role does not reach this far: {error}") from error


def _count_on_subject(call: ToolCall, tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Name what the effect is counted on, so that the same effect cannot be under way twice."""
    if not tool.subject_argument or tool.subject_argument not in arguments:
        return
    kind = tool.subject_argument.removesuffix("_id")
    call.subject = f"{kind}:{arguments[tool.subject_argument]}"
    call.effect_key = f"{tool.name}|{call.subject}"
    if tool.amount_argument:
        call.amount_minor = arguments.get(tool.amount_argument)
        call.currency = arguments.get(tool.currency_argument, "")


def _check_not_rejected_before(call: ToolCall) -> None:
    rejected = ApprovalDecision.objects.filter(
        verdict=ApprovalDecision.Verdict.REJECT,
        request__ticket=call.run.ticket_id,
        request__action_key=call.action_key,
    )
    if rejected.exists():
        raise CallRefused("rejected_before", "a person rejected exactly this on this ticket; do not propose it again")


def _check_not_under_way(call: ToolCall) -> None:
    live = ToolCall.objects.filter(
        effect_key=call.effect_key,
        state__in=["AWAITING_APPROVAL", "READY", "SENDING", "OUTCOME_UNKNOWN"],
    ).exclude(pk=call.pk)
    if call.effect_key and live.exists():
        raise CallRefused("already_under_way", "the same effect is already waiting or being carried out")


def _tool(call: ToolCall) -> Tool:
    assert call.tool is not None  # noqa: S101 - a proposed call has a tool, `_fill` sets it
    return call.tool
