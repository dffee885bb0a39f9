"""What is true at the moment of an intent: the call's own row, the switches, the clock, the agent's right.

Read under the run's lock, in one statement for the row and the switches, so that nothing that was true before counts.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from agents.loop.refusal import CallRefused
from agents.models import Agent, KillSwitch, ToolCall
from supportagent.prepared import prepared
from supportagent.tools import access
from supportagent.tools.models import Tool

ALL_STOPPED = "all effects are stopped by the operator"
AGENT_STOPPED = "this agent is paused"
TOOL_STOPPED = "this tool is switched off"
NO_AGENT = 0  # the key of none: a person's calls are stopped by every switch but an agent's


@dataclass(frozen=True)
class Standing:
    """The call as it is now, why it may not be sent at all, and the database's time."""

    call: ToolCall
    stopped: str
    now: datetime


def standing_of(call: ToolCall) -> Standing:
    """Read a saved call anew, with its tool and every switch that can stop it. Keeps the run that the step holds."""
    fresh: Any
    [fresh] = _with_switches(call.pk)
    run, fresh.run = call.run, call.run
    assert fresh.run_id == run.pk  # noqa: S101 - a call never changes its run
    on = fresh.tool is not None and fresh.tool.enabled and fresh.tool.server.enabled
    return Standing(fresh, _why_stopped(fresh.everything, fresh.agent, on), fresh.now)


def stopped_tools(calls: list[ToolCall]) -> dict[int | None, str]:
    """Which tools of these unsaved calls of one run may not be called, and why."""
    found = why_stopped(calls[0].run.agent_id or NO_AGENT, {call.tool_id for call in calls if call.tool_id})
    return {call.tool_id: found.get(call.tool_id or 0, TOOL_STOPPED) for call in calls}


def why_stopped(agent_id: int, tools: Collection[int]) -> dict[int, str]:
    """For each tool that there is, which switch stops this agent's calls of it (with NO_AGENT: a person's); empty for
    none."""
    switches = _switches(tuple(sorted(tools)), agent_id)
    return {pk: _why_stopped(everything, agent, tool and server) for pk, everything, agent, tool, server in switches}


@prepared
def _with_switches(call_id: UUID) -> QuerySet[ToolCall]:
    rows = ToolCall.objects.select_related("tool__server").annotate(
        everything=Exists(KillSwitch.objects.filter(engaged=True)),
        agent=Exists(_not_live().filter(pk=OuterRef("run__agent_id"))),
        now=Now(),
    )
    return rows.order_by().filter(pk=call_id)


@prepared
def _switches(tool_ids: tuple[int, ...], agent_id: int) -> QuerySet[Tool, tuple[int, bool, bool, bool, bool]]:
    everything, paused = KillSwitch.objects.filter(engaged=True), _not_live().filter(pk=agent_id)
    tools = Tool.objects.filter(pk__in=tool_ids).order_by()
    return tools.values_list("pk", Exists(everything), Exists(paused), "enabled", "server__enabled")


def check_running(stopped: str) -> None:
    """Refuse what a kill switch stops."""
    if stopped:
        raise CallRefused("killed", stopped)


def check_right(call: ToolCall, arguments: dict[str, Any]) -> None:
    """Refuse what the roles of who acts may not do any more, or not this far."""
    assert call.tool is not None  # noqa: S101 - only planned calls get here
    user, whose = call.run.actor, "your" if call.run.is_direct else "the agent's"
    reach = access.reaches(user, access.USE, call.tool, arguments)
    if reach.allowed:
        return
    if access.may(user, access.USE, call.tool):
        raise CallRefused("outside_role", f"{whose} role does not reach this far any more: {reach.because}")
    raise CallRefused("permission_denied", f"{whose} role may not use this tool any more: {reach.because}")


def _not_live() -> Any:
    return Agent.objects.exclude(status=Agent.Status.LIVE)


def _why_stopped(everything: bool, agent: bool, on: bool) -> str:
    if everything:
        return ALL_STOPPED
    if agent:
        return AGENT_STOPPED
    return "" if on else TOOL_STOPPED
