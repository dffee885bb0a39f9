"""What the next agent or the person who takes over is told, composed from the records and not by a model.

A brief carries only what its reader may read. A result goes along when the reader may use the tool that brought it
and may view in that domain whatever the account that read it may, so that no field of it was shown which the reader's
own call would hide. Otherwise the reader is told that there is a record, and looks it up itself.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.contrib.auth.models import Permission as PermissionRow
from django.db.models import Q

from agents.models import Run, ToolCall
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission
from supportagent.tickets.models import Message, Triage
from supportagent.tools import access

LEFT_OUT = "[left out]"
MAX_FACTS = 12
MAX_FACT = 4_000  # characters of one result
MIN_SECRET = 4  # characters; what is shorter says nothing by itself
_TELLING = re.compile(r"[\d@ ]")  # a number, an address, more than one word; not "delivered" or "card"
# What a colleague is advised to do first, by why they have the conversation.
NEXT_STEPS = {
    "customer_asked": "Answer the customer; they asked for a person.",
    "angry_customer": "Read the last messages, then answer in person; do not let the agent go on.",
    "cannot_resolve": "Find out what the agent could not, then answer or hand back with a brief.",
    "out_of_policy": "Decide whether an exception is made, and say so to the customer.",
    "technical": "See whether an engineering issue was filed, and tell the customer what happens.",
    "budget": "Answer yourself; the agent may not spend more. An admin can raise the budget.",
    "limit": "See what was tried; the agent was going in circles.",
    "guardrail": "Read the withheld reply in the run, and answer in your own words.",
    "unsorted": "Sort the request, and return it to the agents or keep it.",
    "failure": "Answer the customer; an admin should look at the run.",
}


def compose(run: Run, *, reader: User | None = None) -> dict[str, Any]:
    """Facts with their sources, what was tried, the open question. `reader` None is a person, who asks the pages."""
    calls = list(_calls_of(run))
    reads = [c for c in calls if c.state == ToolCall.State.SUCCEEDED and c.tool and not c.tool.writes]
    readable = _readable(run, reads, reader)
    return {
        "customer": run.customer or "not verified",
        "sorted": _sorted(run),
        "facts": [_fact(call, whole=call in readable) for call in reads[-MAX_FACTS:] if _may_name(call, reader)],
        "left_out": sum(not _may_name(call, reader) for call in reads),
        "tried": [_tried(call) for call in calls if call not in reads and call.name != "hand_off"],
        "question": _question(run),
    }


def filtered(summary: str, run: Run, *, reader: User) -> str:
    """An agent's own words without the values of results that the reader may not read.

    A summary is free text, so this is a net and no proof: what the customer wrote stays, what stands in a result that
    is kept back goes, as text or as a sum of money.
    """
    reads = [c for c in _calls_of(run) if c.state == ToolCall.State.SUCCEEDED and c.tool and not c.tool.writes]
    readable = _readable(run, reads, reader)
    open_values = {value for call in readable for value in _values(call.result)}
    open_values |= {value for call in reads if _may_name(call, reader) for value in _values(json.loads(call.arguments))}
    said = " ".join(run.ticket.messages.filter(kind=Message.Kind.CUSTOMER).values_list("body", flat=True)).lower()
    hidden = {value for call in reads if call not in readable for value in _values(call.result)} - open_values
    for value in sorted(hidden, key=len, reverse=True):
        if value.lower() not in said:
            summary = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", LEFT_OUT, summary, flags=re.IGNORECASE)
    return summary


def _calls_of(run: Run) -> Iterator[ToolCall]:
    """Of this run and, when its own brief came from another agent, nothing of that one: it was filtered already."""
    calls = run.tool_calls.exclude(state=ToolCall.State.PROPOSED).select_related("tool__server")
    yield from calls.order_by("turn", "index")


def _readable(run: Run, reads: list[ToolCall], reader: User | None) -> list[ToolCall]:
    """The reads whose results the reader would see whole if it asked itself."""
    if reader is None or not reads:
        return reads
    ours, theirs = _views(run.actor), _views(reader)
    return [call for call in reads if call.name in _usable(reader) and _that_matter(ours, call) <= theirs]


def _may_name(call: ToolCall, reader: User | None) -> bool:
    return reader is None or call.name in _usable(reader)


def _usable(reader: User) -> frozenset[str]:
    known: frozenset[str] | None = reader.__dict__.get("_usable_tools")
    if known is None:
        known = reader.__dict__["_usable_tools"] = frozenset(access.granted(reader))
    return known


def _views(user: User) -> frozenset[str]:
    """What decides which fields a domain shows to an account: its rights to view. Those to act show nothing."""
    held = PermissionRow.objects.filter(Q(user=user.pk) | Q(group__user=user.pk), codename__startswith="view_")
    return frozenset(".".join(row) for row in held.values_list("content_type__app_label", "codename"))


def _that_matter(views: frozenset[str], call: ToolCall) -> frozenset[str]:
    domain = call.name.partition("__")[0]
    return frozenset(right for right in views if right.partition(".")[0] == domain or right == Permission.VIEW_PII)


def _fact(call: ToolCall, *, whole: bool) -> dict[str, Any]:
    fact: dict[str, Any] = {"source": call.name, "about": call.arguments, "turn": call.turn, "call": str(call.pk)}
    if not whole:
        return {**fact, "note": "read it yourself: your role may see less of it"}
    if len(str(call.result)) > MAX_FACT:
        return {**fact, "note": "long: read it yourself"}
    return {**fact, "result": call.result}


def _tried(call: ToolCall) -> str:
    return f"{call.name}: {call.get_state_display().lower()} {call.code}".strip()


def _sorted(run: Run) -> dict[str, Any]:
    triage = Triage.objects.filter(ticket=run.ticket_id).first()
    if triage is None:
        return {}
    return {
        "category": triage.category,
        "priority": triage.priority,
        "language": triage.language,
        "sentiment": triage.sentiment,
        "confidence": triage.confidence,
    }


def _question(run: Run) -> str:
    """What the customer wrote last: whatever it is, it is not answered yet."""
    last = run.ticket.messages.filter(kind=Message.Kind.CUSTOMER).order_by("-seq").first()
    return last.body if last is not None else ""


def _values(result: Any) -> Iterator[str]:
    """The texts and sums in a result that say something by themselves."""
    if isinstance(result, str):
        if len(result) >= MIN_SECRET and _TELLING.search(result):
            yield result
    elif isinstance(result, bool) or result is None:
        return
    elif isinstance(result, int):
        if abs(result) >= 100:
            yield from {str(result), f"{result / 100:.2f}", f"{result / 100:.2f}".replace(".", ",")}
    elif isinstance(result, Mapping):
        for part in result.values():
            yield from _values(part)
    elif isinstance(result, list):
        for part in result:
            yield from _values(part)
