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

from agents.loop import handing
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


class Records:
    """What the records of a run say, as far as `reader` may read them: read once, for a brief and for words beside it.

    Without a reader it is for a person, who asks the pages.
    """

    def __init__(self, run: Run, *, reader: User | None = None) -> None:
        self._run = run
        calls = run.tool_calls.exclude(state=ToolCall.State.PROPOSED).select_related("tool").order_by("turn", "index")
        self._calls = list(calls)
        self._reads = [c for c in self._calls if c.state == ToolCall.State.SUCCEEDED and c.tool and not c.tool.writes]
        self._named = self._whole = self._reads
        if reader is not None and self._reads:
            usable, ours, theirs = access.granted(reader), _views(run.actor), _views(reader)
            self._named = [call for call in self._reads if call.name in usable]
            self._whole = [call for call in self._named if _that_matter(ours, call) <= theirs]

    def brief(self) -> dict[str, Any]:
        """Facts with their sources, what was tried, the open question."""
        named = [call for call in self._reads[-MAX_FACTS:] if call in self._named]
        return {
            "customer": self._run.customer or "not verified",
            "sorted": _sorted(self._run),
            "facts": [_fact(call, whole=call in self._whole) for call in named],
            "left_out": len(self._reads) - len(self._named),
            "tried": [_tried(c) for c in self._calls if c not in self._reads and c.name != handing.NAME],
            "question": _question(self._run),
        }

    def without_hidden(self, summary: str) -> str:
        """An agent's own words without the values of results that the reader may not read.

        A summary is free text, so this is a net and no proof: what the customer wrote stays, what stands in a result
        that is kept back goes, as text or as a sum of money.
        """
        known = {value for call in self._whole for value in _values(call.result)}
        known |= {value for call in self._named for value in _values(json.loads(call.arguments))}
        hidden = {value for call in self._reads if call not in self._whole for value in _values(call.result)} - known
        said = _said_by_customer(self._run)
        for value in sorted(hidden, key=len, reverse=True):
            if value.lower() not in said:
                summary = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", LEFT_OUT, summary, flags=re.IGNORECASE)
        return summary


def _said_by_customer(run: Run) -> str:
    return " ".join(run.ticket.messages.filter(kind=Message.Kind.CUSTOMER).values_list("body", flat=True)).lower()


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
