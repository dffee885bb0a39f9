"""From what a model asked for to what may happen: every call is judged before the first side effect.

`propose` turns the reply into rows and refuses what is not a valid, granted call. `rule` asks the approval policy.
Refusals are answers for the model: it may correct itself.
"""

import json
from collections.abc import Mapping
from typing import Any

from agents.loop import guardrails, handing
from agents.loop.capability import Capability
from agents.loop.refusal import CallRefused, answer_refusal
from agents.models import Run, ToolCall
from agents.providers.base import RequestedCall
from approvals import binding, policy
from approvals.models import ApprovalPolicy
from approvals.policy import Edition, Ruling
from audit.chain import canonical
from supportagent.grants import strict
from supportagent.tools import schema
from supportagent.tools.models import Tool

MAX_CALLS_PER_TURN = 8
SUBJECT_LIMIT = ToolCall._meta.get_field("subject").max_length or 0
EFFECT_LIMIT = ToolCall._meta.get_field("effect_key").max_length or 0
CURRENCY_LIMIT = ToolCall._meta.get_field("currency").max_length or 0
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


def rule(
    call: ToolCall,
    *,
    facts: Mapping[str, Any],
    sums: Mapping[str, Any],
    provenance: Mapping[str, str],
    edition: Edition,
) -> Ruling:
    """What the approval policy of this edition says about this call. Reads need no rule. Raises CallRefused.

    A call that was approved is asked again, so what a person rejected or what waits already is found in `plan` only.
    """
    ruling = policy.evaluate(
        tool=tool_of(call),
        arguments=json.loads(call.bound_arguments),
        facts=facts,
        assurance=call.run.assurance,
        sums=sums,
        provenance=provenance,
        edition=edition,
    )
    if ruling.outcome == ApprovalPolicy.Outcome.DENY:
        raise CallRefused("denied_by_policy", f"not allowed: {ruling.rule_name}")
    return ruling


def shared_arguments(read: Tool, call: ToolCall, *, facts: bool = False) -> dict[str, Any]:
    """The arguments of the read that belongs to a call: those that both have, and what the host sets of the read's own.

    A read for facts is not told where something goes: it could repeat an address, and so seem to confirm it.
    """
    tool, arguments = tool_of(call), json.loads(call.bound_arguments)
    kept_back = destinations(tool) if facts else frozenset()
    names = {name: tool.read_arguments.get(name, name) for name in read.input_schema.get("properties", {})}
    shared = {name: arguments[ours] for name, ours in names.items() if ours in arguments and ours not in kept_back}
    return {**shared, **(schema.bound_values(read, host_bound(call)) if read.imported else {})}


def destinations(tool: Tool) -> frozenset[str]:
    """The arguments that say where something goes; none where an admin's list cannot be read, which a rule holds."""
    try:
        return tool.destinations
    except TypeError:
        return frozenset()


def name_effect(call: ToolCall, tool: Tool, arguments: Mapping[str, Any]) -> None:
    """Name what the effect is counted on, so that the same effect cannot be under way twice. Raises CallRefused."""
    call.subject, call.effect_key, call.amount_minor, call.currency = "", "", None, ""
    if tool.subject_argument and tool.subject_argument in arguments:
        call.subject = f"{tool.subject_argument.removesuffix('_id')}:{arguments[tool.subject_argument]}"
        call.effect_key = f"{tool.name}|{call.subject}"
        if len(call.subject) > SUBJECT_LIMIT or len(call.effect_key) > EFFECT_LIMIT:
            raise CallRefused("invalid_arguments", f"{tool.subject_argument}: is too long")
    if tool.amount_argument and tool.amount_argument in arguments:
        amount = arguments[tool.amount_argument]
        currency = arguments.get(tool.currency_argument, "") if tool.currency_argument else tool.fixed_currency
        if not isinstance(amount, int) or isinstance(amount, bool) or amount <= 0:
            raise CallRefused("invalid_arguments", f"{tool.amount_argument}: must be a positive whole number")
        if not isinstance(currency, str) or len(currency) > CURRENCY_LIMIT:
            raise CallRefused("invalid_arguments", f"{tool.currency_argument}: must be a code of three letters")
        call.amount_minor, call.currency = amount, currency


def action_key_of(call: ToolCall, tool: Tool, arguments: Mapping[str, Any]) -> str:
    """The same for every call that would do the same."""
    return binding.action_key(
        server=tool.server.name,
        tool=schema.action_name(tool),
        arguments=call.arguments,
        bound_arguments=canonical(schema.without_call_id(tool, arguments)).decode(),
        subject=call.subject,
    )


def tool_of(call: ToolCall) -> Tool:
    assert call.tool is not None  # noqa: S101 - a proposed call has a tool, `_fill` sets it
    return call.tool


def _fill(call: ToolCall, wanted: RequestedCall, capability: Capability) -> None:
    if call.name == handing.NAME and capability.hands_off:
        handing.fill(call, wanted.arguments)
        return
    tool = capability.mediate(call)
    parsed = strict.parse(wanted.arguments)
    if tool.writes or tool.imported:
        guardrails.check_arguments(call, tool, parsed)
    reason, arguments = schema.take_reason(parsed)
    bound = schema.bind(tool, arguments, host_bound(call))
    schema.check(tool, bound)
    capability.mediate(call, bound)
    call.tool = tool
    call.definition_hash = tool.definition_hash
    call.stated_reason = reason
    call.arguments = canonical(arguments).decode()
    call.bound_arguments = canonical(bound).decode()
    name_effect(call, tool, bound)
    call.action_key = action_key_of(call, tool, bound)


def host_bound(call: ToolCall) -> Mapping[str, str]:
    """What arguments that no model may write are taken from. `call` stays the same however often it is sent."""
    run, ticket = call.run, call.run.ticket
    return {
        "ticket": ticket.number,
        "team": ticket.team.slug,
        "customer": run.customer,
        "run": str(run.pk),
        "call": str(call.pk),
        # How sure an agent has to be of how it sorts a request; nobody asks that of a person.
        "min_confidence": str(run.its_agent.min_confidence) if not run.is_direct else "0",
    }
