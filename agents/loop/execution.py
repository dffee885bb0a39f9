"""The only place that calls tools: what the gate let through, and the reads that our own code needs.

Afterwards the outcome is stored; after a crash it is found out.
"""

import json
import logging
from typing import Any

from django.db.models.functions import Now

from agents import tallies
from agents.lease import Step
from agents.loop import arrows, planning
from agents.mcp.client import call_tool
from agents.models import ToolCall
from supportagent.grants import receipts, strict
from supportagent.grants.server import Outcome
from supportagent.tools.models import Tool

logger = logging.getLogger(__name__)

State = ToolCall.State
MAX_ATTEMPTS = 3
KEY_REUSED = "key_reused"


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
    except receipts.KeyReused:
        return _reused(call)
    except Exception:
        logger.exception("call %s did not answer", call.pk)
        return settle_by_receipt(call)
    if outcome.code == "key_closed":
        return Outcome.refused("not_executed", "the call was given up before it was carried out")
    return outcome


def settle_by_receipt(call: ToolCall) -> Outcome:
    """What happened to a call whose answer never came: its receipt, or the certainty that it was not executed."""
    assert call.tool is not None  # noqa: S101 - only planned calls are sent
    if not call.tool.writes:
        return Outcome.refused("not_executed", "the read was interrupted")
    receipt = receipts.close(call.key)
    if receipt.void or receipt.result is None:
        return Outcome.refused("not_executed", "the call was interrupted before it was carried out")
    sent = (call.tool.server.name, call.tool.name, strict.digest(json.loads(call.bound_arguments)))
    if (receipt.server, receipt.tool, receipt.arguments_digest) != sent:
        return _reused(call)
    return Outcome(ok=True, data=receipt.result["data"], records=receipt.result["records"])


def _reused(call: ToolCall) -> Outcome:
    """Another call was carried out under this one's key, which no honest course of events explains: an alarm.

    Its result is not ours to tell, and this call is not sent under another key: somebody must look first.
    """
    logger.critical("the key of call %s was used for another call", call.pk)
    return Outcome.refused(KEY_REUSED, "another call was carried out under the key of this one; nothing was executed")


def read(call: ToolCall, qualified_name: str, *, purpose: str) -> Outcome:
    """Make the read that belongs to a call, with the arguments that both have. Outside transactions."""
    tool = Tool.objects.select_related("server").filter(qualified_name=qualified_name).first()
    if tool is None or not (tool.enabled and tool.server.enabled):
        return Outcome.refused("killed", f"{qualified_name}, which this call needs, is switched off")
    return call_tool(
        tool,
        planning.shared_arguments(tool, call, facts=purpose == "facts"),
        key=f"{call.key}.{purpose}",
        customer=call.run.customer,
        actor=call.run.agent.service_user_id,
    )


def conclude(step: Step, call: ToolCall, outcome: Outcome, evidence: dict[str, Any] | None = None) -> None:
    """Store the outcome of a sent call. What was not executed is tried again, with every check, a few times."""
    if not outcome.ok and call.tool is not None and call.tool.writes:
        tallies.uncount(call)
    if outcome.code == "not_executed" and call.attempt < MAX_ATTEMPTS:
        arrows.move(call, State.SENDING, State.READY, attempt=call.attempt + 1)
        step.emit("tool", f"{call.name} was not executed; trying again", call=str(call.pk))
        return
    arrows.move(
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
        arrows.record(f"agents.tool_call.{'succeeded' if outcome.ok else 'failed'}", call)
    if outcome.code == KEY_REUSED:
        arrows.record("agents.tool_call.key_reused", call)
        step.emit("error", f"Alarm: the key of {call.name} was used for another call", call=str(call.pk))
    step.emit("tool", f"{call.name} {'succeeded' if outcome.ok else 'failed: ' + outcome.code}", call=str(call.pk))
    if evidence and evidence["differs"]:
        step.emit("guard", f"{call.name}: the outcome differs from what was intended", **evidence)


def conclude_reads(step: Step, answered: list[tuple[ToolCall, Outcome]]) -> None:
    """Store the answers of a turn's reads, with one audit entry that names the records they touched."""
    for call, outcome in answered:
        conclude(step, call, outcome)
    if answered:
        arrows.record_reads("agents.reads.finished", [call for call, _ in answered])
