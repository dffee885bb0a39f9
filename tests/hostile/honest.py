"""An honest model on the same wire: the demo's offline planner, which sees what the hostile ones see."""

from collections.abc import Callable, Iterator
from typing import Any

from agents.providers.base import (
    HostNote,
    Item,
    ModelRequest,
    ModelTurn,
    RequestedCall,
    Said,
    ToolResult,
    ToolSpec,
)
from supportagent.demo.offline_model import OfflineModel
from tests.fake_openai import Call, Turn
from tests.hostile.server import Brain, Seen

WIRE = "openai_chat"  # the one whose requests are read here


def planner() -> Callable[[], Brain]:
    def brain(seen: Seen) -> Turn:
        instructions, *rest = seen.body["messages"]
        specs = tuple(ToolSpec(name, tool["description"], tool["parameters"]) for name, tool in seen.tools.items())
        request = ModelRequest("offline", instructions["content"], tuple(_items(rest)), specs, 1024, False, 0.0)
        reply = OfflineModel().complete(request)
        return Turn(reply.text, tuple(Call(call.id, call.name, call.arguments) for call in reply.tool_calls))

    return lambda: brain


def _items(messages: list[dict[str, Any]]) -> Iterator[Item]:
    names: dict[str, str] = {}
    for message in messages:
        text = message.get("content") or ""
        if message["role"] == "user":
            yield Said("customer", text)
        elif message["role"] == "tool":
            yield ToolResult(message["tool_call_id"], names[message["tool_call_id"]], text)
        elif message["role"] == "assistant":
            calls = [_call(call) for call in message.get("tool_calls", ())]
            names |= {call.id: call.name for call in calls}
            yield ModelTurn(text, tuple(calls)) if calls else Said("agent", text)
        else:
            yield HostNote(text)


def _call(call: dict[str, Any]) -> RequestedCall:
    return RequestedCall(call["id"], call["function"]["name"], call["function"]["arguments"])
