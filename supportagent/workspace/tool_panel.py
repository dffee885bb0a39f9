"""The panel of a ticket's page in which a person calls tools: what is offered, the form, what came of a call."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from django.http import Http404, HttpRequest

from agents import direct
from agents.models import ToolCall
from supportagent.console.money import format_money
from supportagent.staff.models import User
from supportagent.tickets.models import Ticket
from supportagent.tickets.rendering import escape_hidden
from supportagent.tools.access import GrantedTool
from supportagent.tools.models import Tool
from supportagent.workspace.tool_form import Control, Unreadable, controls_of

MAX_LINES = 80  # of a result as a list; the whole of it stands below as JSON
KEPT = ("tool", "call")  # what the address of the page says of this panel


@dataclass(frozen=True)
class Panel:
    """`key` makes a form that is sent twice one call; `error` is of the form as a whole."""

    offered: Mapping[str, GrantedTool]
    tool: Tool | None = None
    controls: list[Control] = field(default_factory=list)
    reason: str = ""
    key: str = ""
    error: str = ""
    reason_error: str = ""
    call: ToolCall | None = None

    @property
    def reads(self) -> list[Tool]:
        return [granted.tool for granted in self.offered.values() if not granted.tool.writes]

    @property
    def writes(self) -> list[Tool]:
        return [granted.tool for granted in self.offered.values() if granted.tool.writes]

    @property
    def query(self) -> dict[str, str]:
        """What keeps this panel when the page fetches itself again."""
        tool = {"tool": self.tool.qualified_name} if self.tool else {}
        return tool | ({"call": str(self.call.pk)} if self.call else {})

    @property
    def under_way(self) -> bool:
        return self.call is not None and self.call.state in direct.UNDER_WAY

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The result as labelled values, in the order of the answer."""
        found = self.call.result if self.call is not None and self.call.state == ToolCall.State.SUCCEEDED else None
        return list(_lines(found))[:MAX_LINES] if found else []

    @property
    def problem(self) -> str:
        """Why a call was refused or failed, in the words of whoever said so."""
        result = self.call.result if self.call is not None else None
        error = result.get("error") if isinstance(result, dict) else None
        return escape_hidden(str(error.get("message", ""))) if isinstance(error, dict) else ""

    @property
    def raw(self) -> str:
        result = self.call.result if self.call is not None else None
        return escape_hidden(json.dumps(result, indent=2, ensure_ascii=False)) if result else ""


def panel_of(request: HttpRequest, ticket: Ticket) -> Panel:
    """The panel as the address asks for it: with the form of a tool, or with one of this person's own calls.

    A tool that is not offered here is as unknown as one that does not exist: 404. So is the call of another person,
    whose role may read what this one's may not.
    """
    user: User = request.user  # type: ignore[assignment]
    offered = direct.offered(ticket, user)
    name, call_id = (request.GET.get(each, "") for each in KEPT)
    call = _own_call(ticket, user, call_id) if call_id else None
    if not name:
        return Panel(offered, call=call)
    if name not in offered:
        raise Http404
    tool = offered[name].tool
    return Panel(offered, tool=tool, controls=controls_of(tool, {}), key=uuid4().hex, call=call)


def refused_panel(
    offered: Mapping[str, GrantedTool], tool: Tool, entered: Mapping[str, str], key: str, problem: Unreadable
) -> Panel:
    """The form again with what was typed, and the problem where it belongs: at a field, at the reason, or above."""
    controls = controls_of(tool, entered, problem)
    of_reason = problem.field == "reason"
    placed = of_reason or any(control.error for control in controls)
    return Panel(
        offered,
        tool=tool,
        controls=controls,
        reason=entered.get("reason", ""),
        key=key,
        error="" if placed else str(problem),
        reason_error=str(problem) if of_reason else "",
    )


def _own_call(ticket: Ticket, user: User, call_id: str) -> ToolCall:
    try:
        wanted = UUID(call_id)
    except ValueError:
        raise Http404 from None
    call = ToolCall.objects.filter(pk=wanted, run__ticket=ticket, run__caller=user).select_related("run").first()
    if call is None:
        raise Http404
    return call


def _lines(value: Any, *path: str, currency: str = "") -> Iterator[tuple[str, str]]:
    """A flat list of what a nested answer says; money in the words of its currency."""
    if isinstance(value, Mapping):
        currency = str(value.get("currency") or currency)
        for name, inner in value.items():
            yield from _lines(inner, *path, str(name), currency=currency)
    elif isinstance(value, list) and any(isinstance(inner, Mapping | list) for inner in value):
        for number, inner in enumerate(value, start=1):
            yield from _lines(inner, *path[:-1], f"{path[-1] if path else 'entry'} {number}", currency=currency)
    else:
        yield _label(path), escape_hidden(_text(value, path[-1] if path else "", currency))


def _label(path: tuple[str, ...]) -> str:
    words = " · ".join(part.removesuffix("_minor").replace("_", " ") for part in path)
    return escape_hidden(words[:1].upper() + words[1:])


def _text(value: Any, name: str, currency: str) -> str:
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) and name.endswith("_minor") and currency:
        return format_money(value, currency)
    return "–" if value is None or value == "" else str(value)
