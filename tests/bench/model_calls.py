"""What one model call costs us: the client's processor and wall time against a local server that answers at once."""

import time
from collections.abc import Callable, Iterator

from django.test import override_settings

from agents.costs.prices import input_bound
from agents.providers.base import ModelRequest, Provider, Said, ToolSpec
from agents.providers.openai_chat import OpenAIChat
from agents.providers.openai_responses import OpenAIResponses
from tests.bench.processes import fake_model
from tests.bench.report import Row, per_call

TITLE = "One model call (12 tools, 1.5 KB of instructions, server in another process)"


def run(*, quick: bool) -> Iterator[Row]:
    """Both wire APIs, streaming and whole."""
    with fake_model() as address, override_settings(OPENAI_BASE_URL=address, OPENAI_API_KEY="none"):
        for provider in (OpenAIChat(), OpenAIResponses()):
            for stream in (False, True):
                what = f"{provider.name}, {'stream' if stream else 'whole'}"
                yield per_call(what, _asking(provider, stream), times=50 if quick else 200)
    yield per_call("input_bound (the reservation's estimate)", lambda: input_bound(request(False)))


def _asking(provider: Provider, stream: bool) -> Callable[[], object]:
    return lambda: provider.complete(request(stream))


def request(stream: bool) -> ModelRequest:
    """A first turn with as many tools as an agent usually has."""
    parameters = {
        "type": "object",
        "properties": {"order_id": {"type": "string"}, "stated_reason": {"type": "string"}},
        "required": ["order_id", "stated_reason"],
        "additionalProperties": False,
    }
    tools = tuple(ToolSpec(f"store__tool_{n}", "What the tool does. " * 10, parameters) for n in range(12))
    said = Said("customer", "Please refund my order ORD-1042.")
    instructions = "You are an agent of the shop. " * 50
    return ModelRequest("fake", instructions, (said,), tools, 1000, stream, time.monotonic() + 10)
