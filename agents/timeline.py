"""What a run did, in one line of time: model turns, tool calls, guardrails and what people did."""

import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents.loop.guardrails import SAID_ONLY
from agents.models import ModelCall, Run, RunEvent, ToolCall
from approvals.models import ApprovalRequest
from supportagent.console.money import format_micros
from supportagent.tickets.rendering import escape_hidden

SHORT = 2_000  # characters of a value shown in the page; the rest is fetched on demand
FILTERS = {
    "tools": ("tool", "guard"),
    "model": ("model",),
    "humans": ("human", "approval"),
    "hand-offs": ("hand_off",),
    "errors": ("error", "guard"),
}
_STYLES = {"guard": "policy", "approval": "human", "state": "", "message": "model", "hand_off": "human"}


@dataclass(frozen=True)
class Field:
    """A labelled value; `cut` when the page shows only its beginning."""

    label: str
    value: str
    cut: bool = False


@dataclass
class Entry:
    """One line of the timeline with what can be opened in it."""

    event: RunEvent
    style: str
    seconds: float
    fields: list[Field] = field(default_factory=list)
    claim: str = ""
    cost_micros: int = 0
    call: ToolCall | None = None
    approval: ApprovalRequest | None = None
    is_fault: bool = False


def entries_of(run: Run, *, only: str = "", personal_data: bool = True) -> list[Entry]:
    """The run's timeline, oldest first: four queries, however long it is.

    Without `personal_data` arguments, results and texts stay hidden.
    """
    calls = {str(call.pk): call for call in run.tool_calls.all()}
    turns = {turn.turn: turn for turn in run.model_calls.all()}
    requests = {r.pk: r for r in ApprovalRequest.objects.filter(call_id__in=list(calls)).select_related("tool")}
    kinds = FILTERS.get(only)
    entries = []
    for event in run.events.all():
        if kinds and event.kind not in kinds:
            continue
        entry = Entry(
            event=event,
            style=_STYLES.get(event.kind, event.kind),
            seconds=(event.at - run.created_at).total_seconds(),
            call=calls.get(event.body.get("call", "")),
            approval=requests.get(event.body.get("approval", 0)),
        )
        if event.kind == RunEvent.Kind.GUARD and SAID_ONLY in event.title:
            entry.is_fault, entry.style = True, "error"
        _explain(entry, turns, personal_data)
        entries.append(entry)
    return entries


def sentence(run: Run) -> str:
    """Why the run did what it did, composed from records, not by a model."""
    parts = []
    for request in ApprovalRequest.objects.filter(call_id__in=run.tool_calls.values("pk")).order_by("pk"):
        decision = request.decisions.select_related("decided_by").last()
        by = f" by {decision.decided_by.display_name}" if decision else ""
        verdict = request.get_state_display().lower()
        parts.append(f"{request.title} needed a person because of “{request.rule_name}”; {verdict}{by}.")
    done = run.tool_calls.filter(state=ToolCall.State.SUCCEEDED, tool__effect="WRITE").count()
    if run.is_direct:
        called = ", ".join(f"{call.name} ({call.get_state_display().lower()})" for call in run.tool_calls.all())
        return " ".join([f"{run.actor_name} called {called} without a model{_through(run)}.", *parts])
    parts.append(f"{_count(run.turns, 'model call')}, {_count(done, 'write')} carried out.")
    return " ".join(parts)


def _through(run: Run) -> str:
    return ", through an outside MCP client" if run.via == Run.Via.MCP else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _explain(entry: Entry, turns: dict[int, ModelCall], personal_data: bool) -> None:
    turn = turns.get(entry.event.body.get("turn", 0)) if entry.event.kind == RunEvent.Kind.MODEL else None
    if turn is not None:
        entry.cost_micros = turn.cost_micros
        entry.claim = escape_hidden(turn.reasoning) if personal_data else ""
        entry.fields = [
            Field("Model", f"{turn.model} ({turn.provider})"),
            Field("Tokens", f"{turn.input_tokens} in, {turn.output_tokens} out"),
            Field("Price", turn.price_id),
            Field("Took", f"{turn.latency_ms} ms"),
        ]
        if turn.text and personal_data:
            entry.fields.append(_field("Said", turn.text))
    elif entry.call is not None:
        entry.claim = escape_hidden(entry.call.stated_reason)
        entry.fields = [Field("Tool", entry.call.name), Field("State", entry.call.get_state_display())]
        if entry.call.price_micros:
            entry.fields.append(Field("Price of the call", format_micros(entry.call.price_micros)))
        if personal_data:
            entry.fields += [
                _field("Arguments", _pretty(entry.call.arguments)),
                _field("Result", _pretty(entry.call.result)),
            ]
        if entry.call.evidence:
            entry.fields.append(_field("Read back", _pretty(entry.call.evidence)))
    elif personal_data:
        entry.fields = [_field(name.replace("_", " ").capitalize(), _pretty(v)) for name, v in entry.event.body.items()]


def _field(label: str, value: str) -> Field:
    return Field(label, escape_hidden(value[:SHORT]), cut=len(value) > SHORT)


def _pretty(value: Any) -> str:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def changed_since(run: Run) -> list[str]:
    """Which parts of the configuration are newer than what was in force when the run started."""
    if run.agent is None:
        return []
    newest = run.agent.history.order_by("-history_id").values_list("history_id", flat=True).first()
    return ["agent"] if newest != run.configuration.get("agent") else []


def version_in_force(run: Run) -> tuple[Any, datetime | None]:
    """The agent as it was configured then, from its history; None when the history is gone."""
    if run.agent is None:
        return None, None
    record = run.agent.history.filter(history_id=run.configuration.get("agent")).first()
    return record, record.history_date if record else None
