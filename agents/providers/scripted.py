"""A model that follows a script: for tests, and for nothing else.

The script is a JSON file (settings.SCRIPTED_MODEL_FILE), so that worker processes follow it too:

    {"vars": {"order": "(ORD-\\\\d+)"},
     "usage": {"input_tokens": 1000, "output_tokens": 100},
     "scripts": [{"when": "refund", "model": "billing", "turns": [TURN, ...]}, {"turns": [TURN, ...]}]}

    TURN = {"text": "...", "calls": [{"name": "...", "arguments": {...} or "raw text", "id": "..."}],
            "reasoning": "...", "finish": "...", "usage": {...}, "delay": seconds,
            "error": "unavailable" | "timeout" | "misconfigured" | "garbage", "sent": true}

"$order" in texts and arguments is the first group of its pattern in the customer's last words. A usage of
null is a server that counts nothing. One script alone may be written {"turns": [...]}.

The first script whose `when` (a regular expression, any case) is found in the customer's last words, and whose
`model`, if it names one, is the model asked for, is followed, and in it the turn numbered by the ModelTurns since
those words. So the conversation alone decides: a repeated request gets the same answer, in any process. After the
last turn, the last turn.
"""

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings

from agents.providers.base import (
    ModelReply,
    ModelRequest,
    ModelTurn,
    ProviderError,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderTimeout,
    ProviderUnavailable,
    RequestedCall,
    Said,
    Usage,
)

ERRORS: dict[str, type[ProviderError]] = {
    "unavailable": ProviderUnavailable,
    "timeout": ProviderTimeout,
    "misconfigured": ProviderMisconfigured,
    "garbage": ProviderGarbage,
}
DEFAULT_USAGE = {"input_tokens": 1000, "output_tokens": 100}


class Scripted:
    """Provider that plays the script in force."""

    name = "scripted"
    demo = True

    def complete(self, request: ModelRequest) -> ModelReply:
        """Play the turn that the conversation asks for. Raises the ProviderError that the script names."""
        script = _read()
        words, customer_turns, model_turns = _position(request)
        turn = _fill(_turn(script, words, request.model, model_turns), _variables(script, words))
        _wait(turn.get("delay", 0), request.deadline)
        if "error" in turn:
            raise ERRORS[turn["error"]]("The script says so.", sent=turn.get("sent", True))
        reply = _reply(script, turn, request.model, f"{customer_turns}_{model_turns}")
        if request.stream and request.on_text:
            _speak(reply.text, request.on_text)
        return reply


def _read() -> dict[str, Any]:
    if not settings.SCRIPTED_MODEL_FILE:
        raise ProviderMisconfigured("SUPPORTAGENT_SCRIPTED_MODEL_FILE names no script.")
    try:
        script = json.loads(Path(settings.SCRIPTED_MODEL_FILE).read_text())
    except (OSError, ValueError) as error:
        raise ProviderMisconfigured(f"The script cannot be read: {error}.") from error
    return script if "scripts" in script else {**script, "scripts": [{"turns": script["turns"]}]}


def _position(request: ModelRequest) -> tuple[str, int, int]:
    """The customer's last words, how often the customer spoke, and the model's turns since."""
    words, customer_turns, model_turns = "", 0, 0
    for item in request.items:
        if isinstance(item, Said) and item.speaker == "customer":
            words, customer_turns, model_turns = item.text, customer_turns + 1, 0
        elif isinstance(item, ModelTurn):
            model_turns += 1
    return words, customer_turns, model_turns


def _turn(script: dict[str, Any], words: str, model: str, number: int) -> dict[str, Any]:
    for candidate in script["scripts"]:
        if candidate.get("model", model) == model and re.search(candidate.get("when", ""), words, re.IGNORECASE):
            turns = candidate["turns"]
            return turns[min(number, len(turns) - 1)]
    raise ProviderMisconfigured("The script has no turns for these words.")


def _variables(script: dict[str, Any], words: str) -> dict[str, str]:
    found = {name: re.search(pattern, words) for name, pattern in script.get("vars", {}).items()}
    return {name: match[1] for name, match in found.items() if match}


def _fill(value: Any, variables: dict[str, str]) -> Any:
    if isinstance(value, str):
        return re.sub(r"\$(\w+)", lambda match: variables.get(match[1], match[0]), value)
    if isinstance(value, list):
        return [_fill(part, variables) for part in value]
    if isinstance(value, dict):
        return {key: _fill(part, variables) for key, part in value.items()}
    return value


def _wait(seconds: float, deadline: float) -> None:
    left = deadline - time.monotonic()
    time.sleep(max(0, min(seconds, left)))
    if seconds > left:
        raise ProviderTimeout("The script waited beyond the deadline.")


def _reply(script: dict[str, Any], turn: dict[str, Any], model: str, position: str) -> ModelReply:
    calls = tuple(
        RequestedCall(call.get("id", f"call_{position}_{number}"), call["name"], _arguments(call))
        for number, call in enumerate(turn.get("calls", ()))
    )
    usage = turn.get("usage", script.get("usage", DEFAULT_USAGE))
    return ModelReply(
        text=turn.get("text", ""),
        tool_calls=calls,
        usage=Usage(**usage) if usage else None,
        reasoning=turn.get("reasoning", ""),
        raw=None,
        finish=turn.get("finish", "tool_calls" if calls else "stop"),
        request_id=f"scripted_{position}",
        model=model,
    )


def _arguments(call: dict[str, Any]) -> str:
    arguments = call.get("arguments", {})
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _speak(text: str, on_text: Callable[[str], None]) -> None:
    for word in re.findall(r"\S+\s*", text):
        on_text(word)
