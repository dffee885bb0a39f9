"""What a model provider is given, what it answers, and how it fails.

A provider is stateless: the whole conversation goes in with every request and nothing is kept
at the vendor. It never retries (every attempt needs its own budget reservation, so the loop
decides) and never runs a tool.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Speaker = Literal["customer", "agent", "person"]
Finish = Literal["stop", "tool_calls", "length", "refusal"]

MAX_REPLY_BYTES = 1_000_000
"""More text, arguments and reasoning than this in one reply is `ProviderGarbage`."""


@dataclass(frozen=True)
class ToolSpec:
    """A tool as the model sees it: `parameters` is a JSON schema without host-bound arguments."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True)
class RequestedCall:
    """A call the model asks for. `id` is unique within the reply; `arguments` is the JSON text as the
    model wrote it and may be invalid: the caller judges it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Said:
    """A line that somebody said to the customer or the customer to us. A person is shown by `name`."""

    speaker: Speaker
    text: str
    name: str = ""


@dataclass(frozen=True)
class ModelTurn:
    """An earlier reply. `raw` is the vendor's own form, replayed as it was to the same `provider` only."""

    text: str
    tool_calls: tuple[RequestedCall, ...]
    raw: list[dict[str, Any]] | None = None
    provider: str = ""


@dataclass(frozen=True)
class ToolResult:
    """What a requested call led to. `content` is JSON text."""

    call_id: str
    name: str
    content: str


@dataclass(frozen=True)
class HostNote:
    """A statement from our own code, which the model may trust as it trusts its instructions."""

    text: str


Item = Said | ModelTurn | ToolResult | HostNote


@dataclass(frozen=True)
class Usage:
    """Tokens as the vendor counted them: cached ones are part of the input, reasoning part of the output."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True)
class ModelRequest:
    """One call of a model. `items` is the conversation, oldest first; `deadline` is a `time.monotonic()`
    moment; `on_text` hears text as it arrives when `stream` is set; `reasoning` is "" or an effort."""

    model: str
    instructions: str
    items: tuple[Item, ...]
    tools: tuple[ToolSpec, ...]
    max_output_tokens: int
    stream: bool
    deadline: float
    on_text: Callable[[str], None] | None = None
    reasoning: str = ""


@dataclass(frozen=True)
class ModelReply:
    """One whole reply. `usage` is None where the server does not count: charge the reserved maximum.

    With finish "length" or "refusal" no tool call is offered: a cut or refused turn must not act.
    """

    text: str
    tool_calls: tuple[RequestedCall, ...]
    usage: Usage | None
    reasoning: str
    raw: list[dict[str, Any]] | None
    finish: Finish
    request_id: str
    model: str


class Provider(Protocol):
    """A model behind one wire API. `demo` providers are refused in production."""

    name: str
    demo: bool

    def complete(self, request: ModelRequest) -> ModelReply:
        """Ask once. Raises a `ProviderError`; safe to call from many threads at once."""
        ...


class ProviderError(Exception):
    """A model call gave no usable reply. `sent` is False only where it certainly cost nothing: the
    request never left, or the vendor refused it before working on it."""

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent


class ProviderUnavailable(ProviderError):
    """Try again later, within the deadline. `retry_after` is in seconds, if the vendor named a wait."""

    def __init__(self, message: str, *, sent: bool, retry_after: float | None = None) -> None:
        super().__init__(message, sent=sent)
        self.retry_after = retry_after


class ProviderTimeout(ProviderError):
    """The deadline passed with the reply incomplete: the vendor may charge for it."""

    def __init__(self, message: str, *, sent: bool = True) -> None:
        super().__init__(message, sent=sent)


class ProviderMisconfigured(ProviderError):
    """Key, model name, address or alias are wrong: no retry helps until a person changes them. `param`
    names the parameter that the vendor refused, if it said so."""

    def __init__(self, message: str, *, sent: bool = False, param: str = "") -> None:
        super().__init__(message, sent=sent)
        self.param = param


class ProviderGarbage(ProviderError):
    """The server answered with something that is no reply. Asking again, with a word about it, may help.
    `usage` is what it cost, where that much could be read."""

    def __init__(self, message: str, *, sent: bool = True, usage: Usage | None = None) -> None:
        super().__init__(message, sent=sent)
        self.usage = usage
