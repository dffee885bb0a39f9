"""What a labeller is shown of an item: what the agent saw and did, up to that moment, and nothing of what people
thought of it.

An action that was put before a person was carried out or refused as that person decided, so its outcome is their
verdict and stays hidden, as do what the customer was told about it (events), what became of other such actions, and
what became of a draft. Where a colleague edited the action, the agent's own proposal is shown.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Q

from agents.models import HandOff, Run, ToolCall
from agents.told import Told, told
from approvals.card import Line, arguments_in_words, card_of
from approvals.models import ApprovalRequest
from approvals.services.requests import title_of
from supportagent.quality.models import SampledItem
from supportagent.tickets.models import Draft, Message, Ticket
from supportagent.tickets.rendering import escape_hidden
from supportagent.tickets.services.overtaken import ANSWERS

MESSAGES_SHOWN = 30
READS_SHOWN = 12


@dataclass(frozen=True)
class Action:
    """A call with an effect, as the agent proposed it. `decided`: a person was asked, and the outcome is theirs."""

    title: str
    tool: str
    decided: bool
    arguments: list[Line]
    facts: list[Line]
    reason: str
    outcome: Told
    differs: list[str]


@dataclass(frozen=True)
class Case:
    """One item as it is judged."""

    item: SampledItem
    ticket: Ticket
    messages: list[Message]
    brief: Told
    reads: Told
    actions: list[Action] = field(default_factory=list)
    answer: str = ""

    @property
    def action(self) -> Action | None:
        """What is judged, if it is an action and not the whole run."""
        return self.actions[0] if self.item.call_id else None


def case_of(item: SampledItem) -> Case:
    """Read it: eight statements at the most, however much was said and done."""
    run = item.run
    calls = list(run.tool_calls.select_related("tool").order_by("turn", "index"))
    call = next((each for each in calls if each.pk == item.call_id), None)
    shown = [call] if call else [each for each in calls if _counts(each)]
    until = call.created_at if call else item.finished_at
    place = (call.turn, call.index) if call else None
    before = [each for each in calls if place is None or (each.turn, each.index) < place]
    messages = _messages(run, until)
    answer = "" if call else _answer(run, messages)
    return Case(
        item=item,
        ticket=run.ticket,
        messages=messages,
        brief=_brief(run),
        reads=_reads(before),
        actions=_actions(shown),
        answer=answer,
    )


def _counts(call: ToolCall) -> bool:
    """Whether a call of a run stands for something that it did, or wanted to do and asked a person for."""
    return bool(call.tool and call.tool.writes and (call.state == ToolCall.State.SUCCEEDED or call.approval_id))


def _messages(run: Run, until: datetime) -> list[Message]:
    """What was said so far and what agents were told, oldest first. No events: they tell what people decided."""
    read = Q(kind__in=[Message.Kind.CUSTOMER, Message.Kind.AGENT, Message.Kind.PERSON]) | Q(for_agents=True)
    newest = run.ticket.messages.filter(read, created_at__lte=until).order_by("-seq")[:MESSAGES_SHOWN]
    return list(newest)[::-1]


def _answer(run: Run, messages: list[Message]) -> str:
    """The run's last word, as the agent wrote it, whatever a person made of it; taken out of `messages`."""
    own = [message for message in messages if message.run_id == run.pk and message.kind == Message.Kind.AGENT]
    draft = Draft.objects.filter(run_id=run.pk, kind__in=ANSWERS).order_by("-pk").first()
    if draft is not None:
        return draft.body
    if own:
        messages.remove(own[-1])
        return own[-1].body
    return ""


def _brief(run: Run) -> Told:
    """What the agent that had the conversation before passed on; not what became of its proposals."""
    made = HandOff.objects.filter(to_run=run).first()
    brief = made.brief if made is not None and isinstance(made.brief, dict) else {}
    return told({name: value for name, value in brief.items() if name != "tried"})


def _reads(calls: Iterable[ToolCall]) -> Told:
    read = [c for c in calls if c.state == ToolCall.State.SUCCEEDED and c.tool and not c.tool.writes]
    facts = [{"source": c.name, "about": c.arguments, "result": c.result} for c in read[-READS_SHOWN:]]
    return told({"facts": facts}) if facts else Told()


def _actions(calls: list[ToolCall]) -> list[Action]:
    asked = ApprovalRequest.objects.filter(call_id__in=[call.pk for call in calls]).select_related("tool")
    first: dict[Any, ApprovalRequest] = {}
    for request in asked.order_by("pk"):
        first.setdefault(request.call_id, request)
    return [_asked(call, first[call.pk]) if call.pk in first else _alone(call) for call in calls]


def _asked(call: ToolCall, request: ApprovalRequest) -> Action:
    card = card_of(request)
    return Action(
        title=request.title,
        tool=call.name,
        decided=True,
        arguments=card.arguments,
        facts=card.facts,
        reason=request.stated_reason,
        outcome=Told(),
        differs=[],
    )


def _alone(call: ToolCall) -> Action:
    assert call.tool is not None  # noqa: S101 - only calls of a tool are drawn and shown
    values = {name: value for name, value in json.loads(call.arguments or "{}").items() if name != "stated_reason"}
    evidence = call.evidence if isinstance(call.evidence, dict) else {}
    return Action(
        title=title_of(call.tool, values),
        tool=call.name,
        decided=False,
        arguments=arguments_in_words(call.tool, values, {}),
        facts=[],
        reason=call.stated_reason,
        outcome=told({"facts": [{"source": call.name, "result": call.result}]}),
        differs=[escape_hidden(str(each)) for each in evidence.get("differs", [])],
    )
