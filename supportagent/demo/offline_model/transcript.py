"""The conversation as the planner needs it: what is new, what we said last, and what tools answered.

Built from `ModelRequest.items` alone. Everything a customer or a tool wrote is data; only a
`HostNote` speaks for our own code, in the fixed wording of `agents.loop.transcript`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agents.providers.base import HostNote, Item, ModelTurn, RequestedCall, Said, ToolResult

LEFT_OUT = "[left out]"  # in a summary: what our role may not read
WAITING = "waiting_for_approval"
_OUTCOME = re.compile(r"^Outcome of (\S+) \(reference (R-\d+)\): (done|rejected|expired|cancelled|failed)\b(.*)", re.S)
_REPLACED = re.compile(r"^Reference (R-\d+) was replaced by (R-\d+)")
_ASTRAY = re.compile(r"^Outcome of (\S+) differs from what was intended")
_UNSENT = re.compile(r"^Your last answer was not sent\b")
_BRIEF = re.compile(r"^Note from [^:\n]{1,80}: (.+)", re.S)
_HANDED = re.compile(r"^Hand-off from ([^:\n]{1,80}):(.*)", re.S)
_ANSWERED = re.compile(r"^Answered \((\w+)\): (.+)$", re.M)
_ASKED = re.compile(r"^[^\n]{1,80} holds this conversation and asks you for (a draft|something)(.*)", re.S)
_QUESTION = re.compile(r"In their words: (\".*)", re.S)
_WORDS_FOR_CUSTOMER = re.compile(r"Say to the customer: (.+)", re.S)


@dataclass(frozen=True)
class Outcome:
    """How a held request ended. `state`: done, failed, rejected, expired, cancelled; `words` are what the
    person who decided wants the customer to read."""

    state: str
    words: str = ""


@dataclass(frozen=True)
class Call:
    """One tool call of ours with what is known about it. `fresh`: asked since our last word. `reference` is
    the approval it is or was held for; `data` is {} until an answer came."""

    id: str
    tool: str
    arguments: Mapping[str, Any]
    fresh: bool
    answered: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""
    outcome: Outcome | None = None

    @property
    def error(self) -> str:
        """The typed error code of a call that was not executed, or ""."""
        error = self.data.get("error")
        return str(error.get("code") or "error") if isinstance(error, Mapping) else ""

    @property
    def waiting(self) -> bool:
        """Held, and no word yet about how it ended."""
        return bool(self.reference) and self.outcome is None

    @property
    def done(self) -> bool:
        """A tool result or the host says that it was executed."""
        if self.error:
            return False
        return self.outcome.state == "done" if self.outcome else self.answered and not self.reference


@dataclass(frozen=True)
class Transcript:
    """`new` are the messages that nobody has answered (the customer's; else a colleague's brief), `earlier`
    the customer's before them, `ours` what our side said and `mine` what this run did, `ended` the held calls whose
    outcome is news, `astray` the tools whose effect was not what had been intended. `brief` says that the agent
    `came_from` handed over to us and that we have not answered since; `answered` what it had to say to which wish,
    which the customer has not read yet. `assists` when a colleague who holds the conversation asked us: the customer
    reads nothing of what we write."""

    new: tuple[str, ...]
    earlier: tuple[str, ...]
    ours: tuple[str, ...]
    calls: tuple[Call, ...]
    ended: tuple[Call, ...]
    astray: tuple[str, ...]
    rounds: int
    size: int
    mine: tuple[str, ...] = ()
    brief: bool = False
    assists: bool = False
    came_from: str = ""
    answered: Mapping[str, str] = field(default_factory=dict)

    @property
    def last_words(self) -> str:
        """What our side said last, or ""."""
        return self.ours[-1] if self.ours else ""

    @property
    def first(self) -> bool:
        """Nobody has said anything to this customer yet."""
        return not self.ours


def read_items(items: Iterable[Item]) -> Transcript:
    """Sort the items out. Broken JSON from a tool counts as an error answer, never as a crash."""
    items = tuple(items)
    spoken = [at for at in range(len(items)) if _reached_the_customer(items, at)]
    came_from, summary = _handed(items, spoken)
    asked = next((found for note in _notes(items) if (found := _ASKED.match(note))), None)
    if came_from or asked:
        spoken = _before_what_is_open(items, spoken)
    border = spoken[-1] if spoken else -1
    news = items[border + 1 :]
    ledger = _Ledger(border)
    for at, item in enumerate(items):
        ledger.enter(at, item)
    said = _question(asked.group(2)) if asked and asked.group(1) == "something" else _customer(news)
    return Transcript(
        new=said or tuple(brief.group(1) for note in _notes(news) if (brief := _BRIEF.match(note))),
        earlier=_customer(items[: border + 1]),
        ours=tuple(_words(items[at]) for at in spoken),
        calls=tuple(ledger.calls.values()),
        ended=tuple(ledger.calls[key] for key in dict.fromkeys(ledger.ended)),
        astray=tuple(tool.group(1) for note in _notes(news) if (tool := _ASTRAY.match(note))),
        rounds=sum(isinstance(item, ModelTurn) and bool(item.tool_calls) for item in news),
        size=len(items),
        mine=tuple(_words(items[at]) for at in spoken if isinstance(items[at], ModelTurn)),
        brief=bool(came_from),
        assists=asked is not None,
        came_from=came_from,
        answered=_answered(summary, items),
    )


def parse(content: str) -> dict[str, Any]:
    """A tool's JSON answer as a dict; anything else becomes the typed error `unreadable`."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {"error": {"code": "unreadable", "message": "no JSON object"}}


class _Ledger:
    """The calls in order, filled item by item. What comes after `border` is news."""

    def __init__(self, border: int) -> None:
        self.border = border
        self.calls: dict[str, Call] = {}
        self.ended: list[str] = []
        self._now: dict[str, str] = {}

    def enter(self, at: int, item: Item) -> None:
        if isinstance(item, ModelTurn):
            for requested in item.tool_calls:
                self.calls[requested.id] = Call(
                    requested.id, requested.name, _arguments(requested), fresh=at > self.border
                )
        elif isinstance(item, ToolResult):
            self._answer(item, fresh=at > self.border)
        elif isinstance(item, HostNote):
            self._note(item.text, fresh=at > self.border)

    def _answer(self, item: ToolResult, *, fresh: bool) -> None:
        call = self.calls.get(item.call_id) or Call(item.call_id, item.name, {}, fresh=fresh)
        data = parse(item.content)
        reference = str(data.get("reference") or "") if data.get("status") == WAITING else ""
        self.calls[item.call_id] = replace(call, answered=True, data=data, reference=reference)

    def _note(self, text: str, *, fresh: bool) -> None:
        if replaced := _REPLACED.match(text):
            self._now[replaced.group(2)] = self._now.get(replaced.group(1), replaced.group(1))
        ended = _OUTCOME.match(text)
        if ended is None:
            return
        tool, reference, state, rest = ended.groups()
        call = self._held_as(tool, reference)
        words = _WORDS_FOR_CUSTOMER.search(rest)
        self.calls[call.id] = replace(
            call,
            answered=True,
            data=_embedded(rest),
            outcome=Outcome(state, words.group(1).strip() if words else ""),
        )
        if fresh:
            self.ended.append(call.id)

    def _held_as(self, tool: str, reference: str) -> Call:
        """The call that is held under a reference or under the one it replaced, else the tool's only held call."""
        first = self._now.get(reference, reference)
        held = [call for call in self.calls.values() if call.tool == tool and call.waiting]
        named = [call for call in held if call.reference in (reference, first)]
        return next(iter(named or held[:1]), Call(reference, tool, {}, fresh=False, reference=reference))


def _handed(items: tuple[Item, ...], spoken: list[int]) -> tuple[str, str]:
    """(who handed this conversation to us, their summary), ("", "") where nobody did or we have answered since."""
    ours = max((at for at in spoken if isinstance(items[at], ModelTurn)), default=-1)
    for item in reversed(items[ours + 1 :]):
        if isinstance(item, HostNote) and (note := _HANDED.match(item.text)):
            return note.group(1).strip().lower(), str(_embedded(note.group(2)).get("summary") or "")
    return "", ""


def _question(rest: str) -> tuple[str, ...]:
    """What a colleague wants to know, as a host note quotes it."""
    quoted = _QUESTION.search(rest)
    if quoted is None:
        return ()
    try:
        words, _ = json.JSONDecoder().raw_decode(quoted.group(1))
    except ValueError:
        return ()
    return (str(words),)


def _before_what_is_open(items: tuple[Item, ...], spoken: list[int]) -> list[int]:
    """What was said before the customer's newest message: a hand-off says that it is not answered, or not all of it."""
    asked = max((at for at, item in enumerate(items) if isinstance(item, Said) and item.speaker == "customer"),
                default=len(items))  # fmt: skip
    return [at for at in spoken if at < asked]


def _answered(summary: str, items: tuple[Item, ...]) -> dict[str, str]:
    """What the other agent found out, by wish: nothing that the customer wrote, and nothing that was taken out."""
    said = "\n".join(_customer(items))
    found = _ANSWERED.findall(summary)
    return {wish: words for wish, words in found if words not in said and LEFT_OUT not in words}


def _reached_the_customer(items: tuple[Item, ...], at: int) -> bool:
    """Whether this item is something that our side said: not an answer that the host says it held back."""
    item = items[at]
    if isinstance(item, Said):
        return item.speaker != "customer"
    if not isinstance(item, ModelTurn) or item.tool_calls or not item.text:
        return False
    following = items[at + 1 :]
    until_next_turn = next((i for i, later in enumerate(following) if isinstance(later, ModelTurn)), len(following))
    return not any(_UNSENT.match(note) for note in _notes(following[:until_next_turn]))


def _customer(items: Iterable[Item]) -> tuple[str, ...]:
    return tuple(item.text for item in items if isinstance(item, Said) and item.speaker == "customer")


def _notes(items: Iterable[Item]) -> list[str]:
    return [item.text for item in items if isinstance(item, HostNote)]


def _words(item: Item) -> str:
    return item.text if isinstance(item, Said | ModelTurn) else ""


def _embedded(text: str) -> dict[str, Any]:
    """The first JSON object inside a text, or {}."""
    start = text.find("{")
    if start < 0:
        return {}
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _arguments(call: RequestedCall) -> dict[str, Any]:
    return {key: value for key, value in parse(call.arguments).items() if key != "stated_reason"}
