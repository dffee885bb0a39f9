"""The loopback model: OpenAI's wire, with a brain of ours behind it that sees exactly what a real model would."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fake_openai import Call, FakeOpenAI, Line, Turn, read_chat, read_responses

REASON = "the customer asked for it"


@dataclass(frozen=True)
class Seen:
    """One request as the model reads it. `tools` maps each offered name to its schema and description."""

    lines: list[Line]
    tools: dict[str, dict[str, Any]]
    uid: str
    body: dict[str, Any]

    @property
    def turn(self) -> int:
        """How many turns of its own the model finds in the conversation."""
        return sum(line.who == "model" for line in self.lines)

    def since_own(self) -> list[Line]:
        """What came after the model's last turn."""
        own = max((n for n, line in enumerate(self.lines) if line.who == "model"), default=-1)
        return self.lines[own + 1 :]


Brain = Callable[[Seen], Turn]


def call(uid: str, name: str, arguments: dict[str, Any] | str, *, reason: str = REASON) -> Call:
    """A call on the wire; text is sent as it stands, an object with a stated reason added."""
    text = arguments if isinstance(arguments, str) else json.dumps({"stated_reason": reason, **arguments})
    return Call(uid, name, text)


@dataclass
class LoopbackModel(FakeOpenAI):
    """`brain` answers; `fault` is the error that it died of, if it did."""

    brain: Brain | None = None
    fault: Exception | None = field(default=None, init=False)

    async def _answer(self, path: str, body: dict[str, Any], uid: str, writer: asyncio.StreamWriter) -> bool:
        lines = read_chat(body) if path.endswith("/chat/completions") else read_responses(body)
        self.story = lambda _lines, _uid: self._think(Seen(lines, _offered(body), uid, body))
        return await super()._answer(path, body, uid, writer)

    def _think(self, seen: Seen) -> Turn:
        assert self.brain is not None
        try:
            return self.brain(seen)
        except Exception as error:
            self.fault = error
            return Turn("The hostile brain is broken.")


def _offered(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    functions = (tool.get("function") or tool for tool in body.get("tools", ()))
    return {function["name"]: function for function in functions}
