"""Whether a call was carried out, as the reads before and after it show. Outside transactions."""

import json
from dataclasses import dataclass
from typing import Any

from agents.loop import classes, execution, planning
from agents.loop.refusal import CallRefused
from agents.models import ToolCall
from supportagent.tools.reconciliation import carried_out


@dataclass(frozen=True)
class Finding:
    """What the paired read shows: it happened, it did not as far as one sees, or (None) it does not say."""

    happened: bool | None
    after: dict[str, Any]
    unchanged: bool


def snapshot(call: ToolCall) -> dict[str, Any] | None:
    """The record before the call, None for a call that is not reconciled. Without it nothing is sent: CallRefused."""
    tool = planning.tool_of(call)
    if not tool.writes or not classes.is_reconcilable(tool):
        return None
    before = execution.read(call, tool.reconcile_tool, purpose="before")
    if not before.ok:
        raise CallRefused("no_snapshot", "the record could not be read before the call, so nothing was sent")
    return before.data


def look(call: ToolCall) -> Finding | None:
    """Read the record again and compare; None for a call that has nothing to compare."""
    tool = planning.tool_of(call)
    before = call.reconciliation.get("before")
    if before is None or not classes.is_reconcilable(tool):
        return None
    after = execution.read(call, tool.reconcile_tool, purpose="after")
    if not after.ok:
        return Finding(None, after.data, unchanged=False)
    arguments = json.loads(call.bound_arguments)
    happened = carried_out(tool.reconcile_when, before=before, after=after.data, arguments=arguments)
    return Finding(happened, after.data, unchanged=after.data == before)
