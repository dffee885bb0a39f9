"""The only place that calls tools: what the gate let through, and the reads that our own code needs.

Afterwards the outcome is stored; after a crash it is found out. A built-in server's receipt says what happened. Of an
imported one only its answer does; without one the outcome is unknown: never "failed", never sent again blindly.
"""

import json
import logging
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from agents import tallies
from agents.lease import Step
from agents.loop import arrows, classes, ownership, paying, planning
from agents.mcp.client import NotExecuted, OutcomeUnknown, call_tool
from agents.models import ToolCall
from supportagent.grants import receipts, strict
from supportagent.grants.server import Outcome
from supportagent.prepared import first, prepared
from supportagent.tools.models import Tool

logger = logging.getLogger(__name__)

State = ToolCall.State
MAX_ATTEMPTS = 3
KEY_REUSED = "key_reused"
# Certainly not executed, or a read that may be made again, for a reason that may be over in a moment.
NOT_SENT = "not_executed"
PASSING = frozenset({NOT_SENT, "unreachable", paying.INTERRUPTED})
CODE_LIMIT = ToolCall._meta.get_field("code").max_length or 0


@dataclass(frozen=True)
class Unknown:
    """Nothing proves what became of a call. `late`: its answer is still being listened for."""

    message: str
    late: bool = False
    evidence: dict[str, Any] = field(default_factory=dict)


def send(call: ToolCall) -> Outcome | Unknown:
    """Make the call once."""
    tool = planning.tool_of(call)
    try:
        outcome = call_tool(
            tool,
            json.loads(call.bound_arguments),
            key=call.key,
            customer=call.run.customer,
            actor=call.run.actor.pk,
            approval=str(call.approval_id or ""),
        )
    except NotExecuted as refusal:
        return Outcome.refused(refusal.code, refusal.message)
    except OutcomeUnknown as unknown:
        return Unknown(unknown.message, late=unknown.late, evidence=unknown.evidence)
    except receipts.KeyReused:
        return _reused()
    except Exception as error:
        logger.exception("call %s did not answer", call.pk)
        return Unknown(f"the call ended in {type(error).__name__}") if tool.imported else settle_by_receipt(call)
    if outcome.code == "key_closed":
        return Outcome.refused(NOT_SENT, "the call was given up before it was carried out")
    return ownership.only_own(tool, outcome, call.run.customer)


def settle_interrupted(call: ToolCall) -> Outcome | Unknown:
    """What happened to a call whose worker died. A read may simply be made again."""
    tool = planning.tool_of(call)
    if not tool.writes:
        return Outcome.refused(paying.INTERRUPTED, "the read was interrupted")
    if tool.imported:
        return Unknown("the worker that sent it ended before the answer was stored")
    return settle_by_receipt(call)


def settle_by_receipt(call: ToolCall) -> Outcome:
    """What became of a call to a built-in server whose answer never came: its receipt, or that it never will be."""
    tool = planning.tool_of(call)
    if not tool.writes:
        return Outcome.refused(paying.INTERRUPTED, "the read was interrupted")
    receipt = receipts.close(call.key)
    if receipt.void or receipt.result is None:
        return Outcome.refused(NOT_SENT, "the call was interrupted before it was carried out")
    sent = (tool.server.name, tool.name, strict.digest(json.loads(call.bound_arguments)))
    if (receipt.server, receipt.tool, receipt.arguments_digest) != sent:
        return _reused()
    return Outcome(ok=True, data=receipt.result["data"], records=receipt.result["records"])


def read(call: ToolCall, qualified_name: str, *, purpose: str) -> Outcome:
    """Make the read that belongs to a call, with the arguments that both have. Outside transactions."""
    tool = first(_tool_named(qualified_name))
    if tool is None or tool.writes or not (tool.enabled and tool.server.enabled):
        return Outcome.refused("killed", f"{qualified_name}, which this call needs, is switched off")
    try:
        outcome = call_tool(
            tool,
            planning.shared_arguments(tool, call, facts=purpose == "facts"),
            key=f"{call.key}.{purpose}",
            customer=call.run.customer,
            actor=call.run.actor.pk,
        )
    except strict.InvalidArguments as error:
        return Outcome.refused("invalid_arguments", str(error))
    except NotExecuted as refusal:
        return Outcome.refused(refusal.code, refusal.message)
    except OutcomeUnknown as unknown:
        return Outcome.refused("no_answer", unknown.message)
    return ownership.only_own(tool, outcome, call.run.customer)


@prepared
def _tool_named(qualified_name: str) -> QuerySet[Tool]:
    return Tool.objects.select_related("server").filter(qualified_name=qualified_name)


def conclude(step: Step, call: ToolCall, outcome: Outcome, evidence: dict[str, Any] | None = None) -> None:
    """Store the outcome of a sent call. What was not executed is tried again, with every check, a few times."""
    tool = planning.tool_of(call)
    if not outcome.ok and tool.writes:
        tallies.uncount(call)
    paying.settle(call, outcome)
    if _may_try_again(call, tool, outcome):
        arrows.move(call, State.SENDING, State.READY, attempt=call.attempt + 1)
        step.emit("tool", f"{call.name} was not executed; trying again", call=str(call.pk))
        return
    arrows.move(
        call,
        State.SENDING,
        State.SUCCEEDED if outcome.ok else State.FAILED,
        code=outcome.code[:CODE_LIMIT],
        result=outcome.data,
        records=outcome.records,
        evidence=evidence,
        finished_at=Now(),
    )
    if tool.writes:
        arrows.record(f"agents.tool_call.{'succeeded' if outcome.ok else 'failed'}", call)
    if outcome.code == KEY_REUSED:
        arrows.alarm_key_reused(step, call)
    step.emit("tool", f"{call.name} {'succeeded' if outcome.ok else 'failed: ' + outcome.code}", call=str(call.pk))
    if evidence and evidence["differs"]:
        step.emit("guard", f"{call.name}: the outcome differs from what was intended", **evidence)


def conclude_reads(step: Step, answered: list[tuple[ToolCall, Outcome]]) -> None:
    """Store the answers of a turn's reads, with one audit entry that names the records they touched."""
    for call, outcome in answered:
        conclude(step, call, outcome)
    if answered:
        arrows.record_reads("agents.reads.finished", [call for call, _ in answered])


def _may_try_again(call: ToolCall, tool: Tool, outcome: Outcome) -> bool:
    """An opaque call is sent once in its life, whatever is proved; reads of foreign servers tried by themselves."""
    if outcome.code not in PASSING or call.attempt >= MAX_ATTEMPTS:
        return False
    if not tool.imported:
        return True
    if not tool.writes:
        return outcome.code != "unreachable"
    return classes.is_repeatable(tool) or classes.is_reconcilable(tool)


def _reused() -> Outcome:
    """Another call was carried out under this one's key, which no honest course of events explains: an alarm.

    Its result is not ours to tell, and this call is not sent under another key: somebody must look first.
    """
    return Outcome.refused(KEY_REUSED, "another call was carried out under the key of this one; nothing was executed")
