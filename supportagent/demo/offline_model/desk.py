"""The desk an answer is written at: it hands out tool results and says which call is still missing.

Skills are written as if every tool answered at once. A result that is not in the transcript yet
raises `CallNeeded`; the planner asks for it and the same skill runs again from the start on the next
turn, now one step further. So no state is kept between turns and no call is made twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from agents.providers.base import ToolSpec

from .transcript import Call, Transcript

MAX_ROUNDS = 6
IDENTITY_ERRORS = frozenset({"identity_required", "not_verified", "unverified"})
MISSING_ERRORS = frozenset({"not_found", "order_not_found", "unknown_order"})


@dataclass(frozen=True)
class Wanted:
    """A call to ask for, with its one-line reason."""

    tool: str
    arguments: Mapping[str, Any]
    reason: str


class CallNeeded(Exception):
    """An answer needs calls that have no result yet."""

    def __init__(self, *wanted: Wanted) -> None:
        super().__init__(", ".join(call.tool for call in wanted))
        self.wanted = wanted


class CannotHelp(Exception):
    """A person has to take over: `code` is one of the hand-over reasons, `why` one line for the colleague,
    `words` what the customer should read first."""

    def __init__(self, code: str, why: str, words: str = "") -> None:
        super().__init__(why)
        self.code, self.why, self.words = code, why, words


class AskCustomer(Exception):
    """The customer has to say more first; `question` is what to ask."""

    def __init__(self, question: str) -> None:
        super().__init__(question)
        self.question = question


class LoginNeeded(Exception):
    """The shop's data stays closed to this customer until a log-in proves who writes."""


class Desk:
    """Tool access of one turn. Offers exactly the tools that the request offers."""

    def __init__(self, transcript: Transcript, tools: Iterable[ToolSpec]) -> None:
        self.transcript = transcript
        self._tools = {tool.name: tool for tool in tools}

    def offers(self, tool: str) -> bool:
        """Whether this agent may ask for the tool at all."""
        return tool in self._tools

    def offers_any(self, prefix: str) -> bool:
        """Whether any tool of a server is offered."""
        return any(name.startswith(prefix) for name in self._tools)

    def choices(self, tool: str, argument: str) -> tuple[str, ...]:
        """The values that the offered schema lists for an argument; none where it does not."""
        properties = self._tools[tool].parameters.get("properties") if tool in self._tools else None
        schema = properties.get(argument) if isinstance(properties, Mapping) else None
        values = schema.get("enum") if isinstance(schema, Mapping) else None
        return tuple(str(value) for value in values) if isinstance(values, list | tuple) else ()

    def read(self, tool: str, reason: str, /, **arguments: Any) -> Mapping[str, Any]:
        """Facts from a reading tool; {} where the thing does not exist. Raises `CallNeeded`,
        `LoginNeeded`, or `CannotHelp` for a tool that is not offered or failed."""
        call = self._result(tool, reason, arguments, fresh=True)
        if call.error in MISSING_ERRORS:
            return {}
        self._raise_for(call)
        return call.data

    def recall(self, tool: str, reason: str, /, **arguments: Any) -> Mapping[str, Any]:
        """Like `read`, but what was read earlier in this conversation will do: for finding out what is meant,
        never for what is said about it."""
        known = [call for call in self.find_calls(tool) if call.done and dict(call.arguments) == arguments]
        return known[-1].data if known else self.read(tool, reason, **arguments)

    def request(self, tool: str, reason: str, /, **arguments: Any) -> Call:
        """Ask for an effect once in this conversation; the call says whether it is held, done or ended."""
        return self._result(tool, reason, arguments, fresh=False)

    def request_anew(self, tool: str, reason: str, /, **arguments: Any) -> Call:
        """Ask for an effect that may be right again after the customer's next message."""
        return self._result(tool, reason, arguments, fresh=True)

    def find_calls(self, tool: str, **arguments: Any) -> list[Call]:
        """Earlier and present calls of a tool whose arguments include the given ones."""
        return [
            call
            for call in self.transcript.calls
            if call.tool == tool and all(call.arguments.get(key) == value for key, value in arguments.items())
        ]

    def _result(self, tool: str, reason: str, arguments: Mapping[str, Any], *, fresh: bool) -> Call:
        if tool not in self._tools:
            if tool.startswith("store__") and not self.offers_any("store__"):
                raise LoginNeeded
            raise CannotHelp("cannot_resolve", f"this agent has no {tool.partition('__')[2].replace('_', ' ')} tool")
        for call in reversed(self.transcript.calls):
            if call.tool == tool and dict(call.arguments) == dict(arguments) and (call.fresh or not fresh):
                if call.answered:
                    return call
                raise CannotHelp("cannot_resolve", f"{tool} gave no answer")
        raise CallNeeded(Wanted(tool, arguments, reason))

    @staticmethod
    def _raise_for(call: Call) -> None:
        if call.error in IDENTITY_ERRORS:
            raise LoginNeeded
        if call.error:
            raise CannotHelp("cannot_resolve", f"{call.tool} failed with {call.error}")
