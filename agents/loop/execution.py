"""The only place that calls tools: intent before, the domain server, outcome after, and what to do after a crash.

The intent (state SENDING, audit entry, sums) is committed before the first byte leaves. Everything that was true when
a call was planned or approved is checked again under that commit, because time has passed.
"""

import json
import logging
from typing import Any

from django.db.models import Exists, Sum
from django.db.models.functions import Now

from agents.lease import Step
from agents.loop import planning
from agents.loop.planning import CallRefused
from agents.mcp.client import call_tool
from agents.models import Agent, EffectSubject, KillSwitch, ToolCall
from approvals import services as approvals
from approvals.models import ApprovalRequest
from approvals.policy import Ruling
from approvals.services import Proposal
from audit import log as audit_log
from supportagent.grants import receipts
from supportagent.grants.server import Outcome
from supportagent.tools import access
from supportagent.tools.models import Tool

logger = logging.getLogger(__name__)

State = ToolCall.State
MAX_ATTEMPTS = 3


def read_facts(call: ToolCall) -> dict[str, Any]:
    """Ask the domain for the facts that a person must see and that prove whose record it is. Outside transactions.

    Raises CallRefused when the domain declines: not found, not this customer's, not for this role.
    """
    if call.tool is None or not call.tool.facts_tool:
        return {}
    outcome = _read(call, call.tool.facts_tool, purpose="facts")
    if not outcome.ok:
        error = outcome.data["error"]
        raise CallRefused(error["code"], error["message"])
    return outcome.data


def plan(step: Step, call: ToolCall, facts: dict[str, Any], *, words: str, provenance: dict[str, str]) -> None:
    """Decide under the run's and the ticket's lock what becomes of a proposed write: ready, held or refused."""
    try:
        ruling = planning.rule(call, facts=facts)
    except CallRefused as refusal:
        conclude_refused(step, call, refusal)
        return
    if ruling.outcome == "allow":
        _move(call, State.PROPOSED, State.READY)
        return
    request = approvals.request_approval(_proposal(call, facts, words, provenance), ruling)
    _move(call, State.PROPOSED, State.AWAITING_APPROVAL, approval_id=request.pk)
    step.emit(
        "approval",
        f"{request.reference} waits for a person: {request.title}",
        call=str(call.pk),
        approval=request.pk,
        rule=request.rule_name,
    )


def intend(step: Step, call: ToolCall, facts: dict[str, Any]) -> bool:
    """Commit to sending a ready call. False when it may not be sent after all: refused, or before a person again."""
    try:
        _check_switches(call, _stopped([call]))
        _check_definition_and_right(call)
        if call.approval_id and not _still_approved(step, call, facts):
            return False
        _check_sum(call, facts)
    except CallRefused as refusal:
        conclude_refused(step, call, refusal)
        return False
    _move(call, State.READY, State.SENDING, sent_at=Now())
    _record("agents.tool_call.intended", call)
    return True


def intend_reads(step: Step, calls: list[ToolCall]) -> list[ToolCall]:
    """Commit to sending the unsaved reads of a turn, with one audit entry that covers them. Returns those to send."""
    stopped = _stopped(calls) if calls else {}
    for call in calls:
        try:
            _check_switches(call, stopped)
            call.state, call.sent_at = State.SENDING, Now()
        except CallRefused as refusal:
            planning.refuse(call, refusal.code, refusal.message)
            note_refused(step, call)
    sending = [call for call in calls if call.state == State.SENDING]
    if sending:
        _record_reads("agents.reads.intended", sending)
    return sending


def send(call: ToolCall) -> Outcome:
    """Make the call. An exception says nothing about the effect, so the receipt is asked: done, or never will be."""
    assert call.tool is not None  # noqa: S101 - only planned calls are sent
    try:
        outcome = call_tool(
            call.tool,
            json.loads(call.bound_arguments),
            key=call.key,
            customer=call.run.customer,
            actor=call.run.agent.service_user_id,
            approval=str(call.approval_id or ""),
        )
    except Exception:
        logger.exception("call %s did not answer", call.pk)
        return settle_by_receipt(call)
    if outcome.code == "key_closed":
        return Outcome.refused("not_executed", "the call was given up before it was carried out")
    return outcome


def settle_by_receipt(call: ToolCall) -> Outcome:
    """What happened to a call whose answer never came: its receipt, or the certainty that it was not executed."""
    if call.tool is not None and not call.tool.writes:
        return Outcome.refused("not_executed", "the read was interrupted")
    receipt = receipts.close(call.key)
    if receipt.void or receipt.result is None:
        return Outcome.refused("not_executed", "the call was interrupted before it was carried out")
    return Outcome(ok=True, data=receipt.result["data"], records=receipt.result["records"])


def observe(call: ToolCall, outcome: Outcome) -> dict[str, Any] | None:
    """Read back what a write did and compare it with what was intended; None where nothing is to be compared."""
    if not outcome.ok or call.tool is None or not call.tool.check_tool:
        return None
    check = _read(call, call.tool.check_tool, purpose="check")
    if not check.ok:
        return {"read": check.data, "differs": ["the outcome could not be read back"]}
    intended = {
        **json.loads(call.bound_arguments),
        **{name: outcome.data.get(name) for name in call.tool.check_fields},
    }
    differs = [
        f"{name}: intended {value!r}, found {check.data[name]!r}"
        for name, value in intended.items()
        if name in check.data and check.data[name] != value
    ]
    return {"read": check.data, "differs": differs}


def conclude(step: Step, call: ToolCall, outcome: Outcome, evidence: dict[str, Any] | None = None) -> None:
    """Store the outcome of a sent call. What was not executed is tried again, with every check, a few times."""
    if outcome.code == "not_executed" and call.attempt < MAX_ATTEMPTS:
        _move(call, State.SENDING, State.READY, attempt=call.attempt + 1)
        step.emit("tool", f"{call.name} was not executed; trying again", call=str(call.pk))
        return
    _move(
        call,
        State.SENDING,
        State.SUCCEEDED if outcome.ok else State.FAILED,
        code=outcome.code,
        result=outcome.data,
        records=outcome.records,
        evidence=evidence,
        finished_at=Now(),
    )
    if call.tool is not None and call.tool.writes:
        _record(f"agents.tool_call.{'succeeded' if outcome.ok else 'failed'}", call)
    step.emit("tool", f"{call.name} {'succeeded' if outcome.ok else 'failed: ' + outcome.code}", call=str(call.pk))
    if evidence and evidence["differs"]:
        step.emit("guard", f"{call.name}: the outcome differs from what was intended", **evidence)


def conclude_reads(step: Step, answered: list[tuple[ToolCall, Outcome]]) -> None:
    """Store the answers of a turn's reads, with one audit entry that names the records they touched."""
    for call, outcome in answered:
        conclude(step, call, outcome)
    if answered:
        _record_reads("agents.reads.finished", [call for call, _ in answered])


def conclude_refused(step: Step, call: ToolCall, refusal: CallRefused) -> None:
    """Refuse a saved call; nothing was or will be executed."""
    before = call.state
    planning.refuse(call, refusal.code, refusal.message)
    _move(call, before, State.REFUSED, code=refusal.code, result=call.result, finished_at=Now())
    note_refused(step, call)


def note_refused(step: Step, call: ToolCall) -> None:
    """Put a refusal on the timeline and into the audit trail."""
    step.emit("guard", f"{call.name} refused: {call.code}", call=str(call.pk))
    _record("agents.tool_call.refused", call)


def _stopped(calls: list[ToolCall]) -> dict[int | None, str]:
    """Kill switches of all, agent, server and tool, read at the intent commit: why which tool may not be called."""
    paused = Agent.objects.filter(pk=calls[0].run.agent_id, status=Agent.Status.PAUSED)
    switches = Tool.objects.filter(pk__in={call.tool_id for call in calls}).values_list(
        "pk", Exists(KillSwitch.objects.filter(engaged=True)), Exists(paused), "enabled", "server__enabled"
    )
    stopped: dict[int | None, str] = {}
    for pk, everything, agent, tool_on, server_on in switches.order_by():
        if everything:
            stopped[pk] = "all effects are stopped by the operator"
        elif agent:
            stopped[pk] = "this agent is paused"
        elif not (tool_on and server_on):
            stopped[pk] = "this tool is switched off"
    return stopped


def _check_switches(call: ToolCall, stopped: dict[int | None, str]) -> None:
    if call.tool_id is None or call.tool_id in stopped:
        raise CallRefused("killed", stopped.get(call.tool_id, "this tool is switched off"))


def _check_definition_and_right(call: ToolCall) -> None:
    assert call.tool is not None  # noqa: S101 - only planned calls get here
    if not call.approval_id and call.tool.definition_hash != call.definition_hash:
        raise CallRefused("definition_changed", "the tool changed since the call was planned")
    if not access.may(call.run.agent.service_user, access.USE, call.tool):
        raise CallRefused("permission_denied", "the agent's role may not use this tool any more")


def _still_approved(step: Step, call: ToolCall, facts: dict[str, Any]) -> bool:
    """Check an approval again right before sending; drift of any kind puts the call before a person again."""
    requests = ApprovalRequest.objects.select_related("tool__server", "ticket__team", "ticket__customer")
    request = requests.get(call_id=call.pk, pk=call.approval_id or 0)
    ruling = planning.rule(call, facts=facts)
    obstacle = approvals.obstacle_to_sending(request, facts=facts, ruling=ruling)
    if obstacle == "":
        return True
    if obstacle == "expired":
        raise CallRefused("expired", "the approval was not used in time")
    if ruling.outcome != "approve":
        ruling = Ruling("approve", request.tier, request.rule_id, request.rule_name, request.rule_version)
    again = approvals.supersede(request, _proposal(call, facts, request.customer_words, request.provenance), ruling)
    _move(
        call,
        State.READY,
        State.AWAITING_APPROVAL,
        approval_id=again.pk,
        definition_hash=again.definition_hash,
    )
    step.emit(
        "approval",
        f"{request.reference} was superseded by {again.reference}: {obstacle}",
        call=str(call.pk),
        approval=again.pk,
        changed=again.what_changed,
    )
    return False


def _check_sum(call: ToolCall, facts: dict[str, Any]) -> None:
    """Money on one subject: done + under way + this must stay within what was captured.

    Race: two runs refund one order at once. Writing the subject's row locks it, so the second sums the first.
    """
    if call.tool is None or call.tool.impact != Tool.Impact.MONEY or "captured_minor" not in facts:
        return
    if call.amount_minor is None:  # a cancellation names no amount: it gives back all that is left
        _move(call, State.READY, State.READY, amount_minor=facts["captured_minor"] - facts["refunded_minor"])
    assert call.amount_minor is not None  # noqa: S101 - set just now
    captured = facts["captured_minor"]
    EffectSubject.objects.bulk_create(
        [EffectSubject(key=call.subject, currency=facts["currency"], captured_minor=captured)],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["captured_minor"],
    )
    counted = ToolCall.objects.filter(subject=call.subject, state__in=ToolCall.COUNTED).exclude(pk=call.pk)
    total = counted.aggregate(total=Sum("amount_minor"))["total"] or 0
    if total + call.amount_minor > captured:
        raise CallRefused(
            "above_captured",
            f"{total} of {captured} are paid back or under way; {call.amount_minor} more is too much",
        )


def _proposal(call: ToolCall, facts: dict[str, Any], words: str, provenance: dict[str, str]) -> Proposal:
    assert call.tool is not None  # noqa: S101 - only planned calls get here
    agent = call.run.agent
    return Proposal(
        call_id=call.pk,
        tool=call.tool,
        ticket=call.run.ticket,
        arguments=call.arguments,
        bound_arguments=call.bound_arguments,
        values=json.loads(call.bound_arguments),
        facts=facts,
        subject=call.subject,
        action_key=call.action_key,
        stated_reason=call.stated_reason,
        customer_words=words,
        provenance=provenance,
        requested_by=agent.service_user,
        requested_by_name=agent.name,
    )


def _read(call: ToolCall, qualified_name: str, *, purpose: str) -> Outcome:
    tool = Tool.objects.select_related("server").get(qualified_name=qualified_name)
    return call_tool(
        tool,
        planning.shared_arguments(tool, call),
        key=f"{call.key}.{purpose}",
        customer=call.run.customer,
        actor=call.run.agent.service_user_id,
    )


def _move(call: ToolCall, before: str, after: str, **fields: Any) -> None:
    """One arrow of the state machine. The row count proves that the call was where we thought it was."""
    moved = ToolCall.objects.filter(pk=call.pk, state=before).update(state=after, **fields)
    if moved != 1:
        raise RuntimeError(f"call {call.pk} is not {before} any more")
    call.state = after
    for name, value in fields.items():
        if not isinstance(value, Now):
            setattr(call, name, value)


def _record(action: str, call: ToolCall) -> None:
    run = call.run
    customer = run.ticket.customer.reference
    audit_log.record(
        action,
        target=("tool_call", str(call.pk)),
        on_behalf_of=customer,
        ticket=run.ticket.number,
        run=str(run.pk),
        refs=[*_pairs([call.subject]), *_pairs(call.records), ("customer", customer)],
        data={
            "tool": call.name,
            "definition": call.definition_hash,
            "approval": call.approval_id,
            "attempt": call.attempt,
            "amount_minor": call.amount_minor,
            "currency": call.currency,
        },
        outcome=call.code or call.state.lower(),
        private={"reason": call.stated_reason, "arguments": call.bound_arguments},
        subject=customer,
    )


def _record_reads(action: str, calls: list[ToolCall]) -> None:
    run = calls[0].run
    customer = run.ticket.customer.reference
    records = sorted({record for call in calls for record in call.records})
    audit_log.record(
        action,
        target=("run", str(run.pk)),
        on_behalf_of=customer,
        ticket=run.ticket.number,
        run=str(run.pk),
        refs=[("customer", customer), *_pairs(records)],
        data={
            "turn": calls[0].turn,
            "calls": [[call.name, call.code or call.state.lower()] for call in calls],
        },
        private={"reasons": [call.stated_reason for call in calls]},
        subject=customer,
    )


def _pairs(references: list[str]) -> list[tuple[str, str]]:
    pairs = (reference.partition(":") for reference in references)
    return [(kind, identity) for kind, _, identity in pairs if identity]
