"""The provider: from a request to a reply, without network, clock or chance."""

from __future__ import annotations

import hashlib
import json
import logging
from functools import cache
from typing import Any

from agents.providers.base import Item, ModelReply, ModelRequest, ModelTurn, RequestedCall, Usage

from .desk import Desk, Wanted
from .planner import Step, plan
from .routing import HAND_OFF
from .transcript import read_items

logger = logging.getLogger(__name__)

MODEL = "offline-demo"
_CHARACTERS_PER_TOKEN = 4


class OfflineModel:
    """Plays a language model where no key is configured: a deterministic planner behind the same interface.

    It sees what a model sees, the conversation and the offered tools, and nothing else. It is a demo:
    `demo` keeps it out of production.
    """

    name = "offline"
    demo = True

    def __init__(self) -> None:
        _say_once_that_this_is_a_demo()

    def complete(self, request: ModelRequest) -> ModelReply:
        """The next turn. The same request always gets the same reply."""
        transcript = read_items(request.items)
        step = plan(transcript, Desk(transcript, request.tools))
        calls = _requested(step, transcript.size)
        if step.text and request.stream and request.on_text is not None:
            request.on_text(step.text)
        return ModelReply(
            text=step.text,
            tool_calls=calls,
            usage=_usage(request, step, calls),
            reasoning=step.thought,
            raw=None,
            finish="tool_calls" if calls else "stop",
            request_id=_request_id(request),
            model=MODEL,
        )


@cache
def _say_once_that_this_is_a_demo() -> None:
    logger.warning("The offline demo model answers: a planner with fixed rules, not a language model.")


def _requested(step: Step, size: int) -> tuple[RequestedCall, ...]:
    """Ids follow from the length of the conversation, so they never repeat in it."""
    return tuple(
        RequestedCall(
            id=f"offline_{size}_{place}",
            name=call.tool,
            arguments=json.dumps(_arguments(call), ensure_ascii=False, sort_keys=True),
        )
        for place, call in enumerate(step.calls)
    )


def _arguments(call: Wanted) -> dict[str, Any]:
    """A hand-off has a reason of its own."""
    return dict(call.arguments) if call.tool == HAND_OFF else {**call.arguments, "stated_reason": call.reason}


def _usage(request: ModelRequest, step: Step, calls: tuple[RequestedCall, ...]) -> Usage:
    """A count that grows as a real one would: a token for every four characters."""
    read = len(request.instructions) + sum(_length(item) for item in request.items)
    read += sum(len(tool.name) + len(tool.description) + len(json.dumps(tool.parameters)) for tool in request.tools)
    written = len(step.text) + sum(len(call.name) + len(call.arguments) for call in calls)
    thought = len(step.thought) // _CHARACTERS_PER_TOKEN
    return Usage(
        input_tokens=read // _CHARACTERS_PER_TOKEN,
        output_tokens=min(written // _CHARACTERS_PER_TOKEN + thought, request.max_output_tokens),
        reasoning_tokens=thought,
    )


def _length(item: Item) -> int:
    if isinstance(item, ModelTurn):
        return len(item.text) + sum(len(call.name) + len(call.arguments) for call in item.tool_calls)
    return len(getattr(item, "text", "")) + len(getattr(item, "content", ""))


def _request_id(request: ModelRequest) -> str:
    digest = hashlib.sha256(repr((request.instructions, request.items)).encode("utf-8", "replace")).hexdigest()
    return f"offline-{digest[:16]}"
