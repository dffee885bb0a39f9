"""The gate: whether a call may happen, asked when it is planned and asked again in the commit that sends it.

The intent (state SENDING, audit entry, sums) is committed before the first byte leaves. Everything that was true when
a call was planned or approved is checked again under that commit, because time has passed.
"""

import json
from typing import Any

from django.db.models import Exists, Sum
from django.db.models.functions import Now

from agents.lease import Step
from agents.loop import arrows, planning
from agents.loop.refusal import CallRefused, answer_refusal
from agents.models import Agent, EffectSubject, KillSwitch, ToolCall
from approvals import services as approvals
from approvals.models import ApprovalRequest
from approvals.policy import Ruling
from approvals.services import Proposal
from supportagent.tools import access
from supportagent.tools.models import Tool

State = ToolCall.State


def plan(step: Step, call: ToolCall, facts: dict[str, Any], *, words: str, provenance: dict[str, str]) -> None:
    """Decide under the run's and the ticket's lock what becomes of a proposed write: ready, held or refused."""
    try:
        ruling = planning.rule(call, facts=facts)
    except CallRefused as refusal:
        arrows.refuse(step, call, refusal)
        return
    if ruling.outcome == "allow":
        arrows.move(call, State.PROPOSED, State.READY)
        return
    request = approvals.request_approval(_proposal(call, facts, words, provenance), ruling)
    arrows.move(call, State.PROPOSED, State.AWAITING_APPROVAL, approval_id=request.pk)
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
        arrows.refuse(step, call, refusal)
        return False
    arrows.move(call, State.READY, State.SENDING, sent_at=Now())
    arrows.record("agents.tool_call.intended", call)
    return True


def intend_reads(step: Step, calls: list[ToolCall]) -> list[ToolCall]:
    """Commit to sending the unsaved reads of a turn, with one audit entry that covers them. Returns those to send."""
    stopped = _stopped(calls) if calls else {}
    for call in calls:
        try:
            _check_switches(call, stopped)
            call.state, call.sent_at = State.SENDING, Now()
        except CallRefused as refusal:
            answer_refusal(call, refusal)
            arrows.note_refused(step, call)
    sending = [call for call in calls if call.state == State.SENDING]
    if sending:
        arrows.record_reads("agents.reads.intended", sending)
    return sending


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
    arrows.move(
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
        arrows.move(call, State.READY, State.READY, amount_minor=facts["captured_minor"] - facts["refunded_minor"])
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
