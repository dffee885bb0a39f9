import time
from collections.abc import Iterator
from typing import Any

import pytest

from agents.providers.base import ModelRequest, Provider, Said, ToolSpec
from agents.providers.openai_chat import OpenAIChat
from agents.providers.openai_responses import OpenAIResponses
from tests.fake_openai import FakeOpenAI

KEY = "sk-fake-secret"
GET_ORDER = ToolSpec(
    "store__get_order",
    "Look an order up.",
    {
        "type": "object",
        "properties": {"order_id": {"type": "string"}, "stated_reason": {"type": "string"}},
        "required": ["order_id", "stated_reason"],
        "additionalProperties": False,
    },
)
ASKS_FOR_REFUND = Said("customer", "Please refund my order ORD-1042.")


@pytest.fixture(scope="module")
def running_server() -> Iterator[FakeOpenAI]:
    with FakeOpenAI() as server:
        yield server


@pytest.fixture
def server(running_server: FakeOpenAI, settings: Any) -> FakeOpenAI:
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = running_server.base_url, KEY
    running_server.requests.clear()
    return running_server


@pytest.fixture(params=[OpenAIResponses, OpenAIChat], ids=["responses", "chat"])
def provider(request: pytest.FixtureRequest) -> Provider:
    return request.param()


@pytest.fixture(params=[True, False], ids=["streaming", "whole"])
def stream(request: pytest.FixtureRequest) -> bool:
    return request.param


def asking(*items: Any, **changes: Any) -> ModelRequest:
    """A request about the refund of ORD-1042, with ten seconds to answer."""
    usual: dict[str, Any] = {
        "model": "fake",
        "instructions": "You are an agent of the shop.",
        "items": items or (ASKS_FOR_REFUND,),
        "tools": (GET_ORDER,),
        "max_output_tokens": 500,
        "stream": False,
        "deadline": time.monotonic() + 10,
    }
    return ModelRequest(**{**usual, **changes})
