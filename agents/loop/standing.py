"""What is true at the moment of an intent: the call's own row, the switches, the clock, the agent's right.

Read under the locks of the run and the subject, in one statement (one more where the right has limits), so that
nothing that was true before counts.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Case, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum, Value, When
from django.db.models.functions import Now

from agents.loop.refusal import CallRefused
from agents.models import Agent, KillSwitch, ToolCall
from approvals.models import ApprovalDecision, RuleBook
from approvals.policy import Edition
from supportagent.prepared import prepared
from supportagent.tools import access
from supportagent.tools.models import Tool

LIVE = ("AWAITING_APPROVAL", "READY", "SENDING", "OUTCOME_UNKNOWN")  # as in the constraint one_live_call_per_effect
ALL_STOPPED = "all effects are stopped by the operator"
AGENT_STOPPED = "this agent is paused"
TOOL_STOPPED = "this tool is switched off"
NO_AGENT = 0  # the key of none: a person's calls are stopped by every switch but an agent's


@dataclass(frozen=True)
class Standing:
    """The call as it is now, why it may not be sent at all, the database's time, which rules are in force, whether the
    agent may use the tool without a limit, and what other calls have to do with it: whether a person rejected the same
    on this ticket, whether its effect is under way, and what was given back on its subject.

    Race: two runs want the same effect, or one order's money, at once. Who asks has locked the subject, so the second
    sees the first.
    """

    call: ToolCall
    stopped: str
    now: datetime
    edition: Edition
    unlimited: bool
    rejected_before: bool
    under_way: bool
    given_back: int

    def check_is_new(self) -> None:
        """Refuse what a person rejected on this ticket, and what waits or is being carried out already."""
        if self.rejected_before:
            raise CallRefused(
                "rejected_before", "a person rejected exactly this on this ticket; do not propose it again"
            )
        if self.under_way:
            raise CallRefused("already_under_way", "the same effect is already waiting or being carried out")


def standing_of(call: ToolCall) -> Standing:
    """Read a saved call anew, with its tool and every switch that can stop it. Keeps the run that the step holds."""
    fresh: Any
    [fresh] = _with_switches(call.pk)
    run, fresh.run = call.run, call.run
    assert fresh.run_id == run.pk  # noqa: S101 - a call never changes its run
    on = fresh.tool is not None and fresh.tool.enabled and fresh.tool.server.enabled
    return Standing(
        call=fresh,
        stopped=_why_stopped(fresh.everything, fresh.agent, on),
        now=fresh.now,
        edition=Edition(fresh.book_version or 0, fresh.book_stamp or ""),
        unlimited=fresh.unlimited,
        rejected_before=fresh.rejected_before,
        under_way=fresh.under_way,
        given_back=fresh.given_back or 0,
    )


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
    book = RuleBook.objects.filter(pk=1)
    rejected = ApprovalDecision.objects.filter(
        verdict=ApprovalDecision.Verdict.REJECT,
        request__ticket=OuterRef("run__ticket_id"),
        request__action_key=OuterRef("action_key"),
    )
    others = ToolCall.objects.filter(subject=OuterRef("subject")).exclude(pk=OuterRef("pk")).order_by()
    # The subject is part of the effect's name; by it SQLite finds the rows, which cannot use a partial index here.
    same = others.filter(effect_key=OuterRef("effect_key"), state__in=LIVE)
    given_back = others.filter(state__in=ToolCall.COUNTED).values("subject").annotate(total=Sum("amount_minor"))
    # Calls that have an effect on nothing are many, and not looked at.
    has_subject, has_effect = ~Q(subject=""), ~Q(effect_key="")
    rows = ToolCall.objects.select_related("tool__server").annotate(
        everything=Exists(KillSwitch.objects.filter(engaged=True)),
        agent=Exists(_not_live().filter(pk=OuterRef("run__agent_id"))),
        now=Now(),
        book_version=Subquery(book.values("version")),
        book_stamp=Subquery(book.values("stamp")),
        unlimited=Exists(access.unlimited(OuterRef("run__agent__service_user_id"), access.USE, OuterRef("tool_id"))),
        rejected_before=Exists(rejected),
        under_way=Case(When(has_effect, then=Exists(same)), default=Value(False), output_field=BooleanField()),
        given_back=Case(
            When(has_subject, then=Subquery(given_back.values("total"))), output_field=IntegerField(null=True)
        ),
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


def check_right(now: Standing, arguments: dict[str, Any]) -> None:
    """Refuse what the roles of who acts may not do any more, or not this far."""
    call = now.call
    if now.unlimited:
        return
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
