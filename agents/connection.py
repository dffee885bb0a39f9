"""Does the model answer? One tiny real call, asked for by an admin. It costs almost nothing and counts in no budget."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.conf import settings

from agents.providers.base import (
    ModelRequest,
    ProviderError,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderTimeout,
    ProviderUnavailable,
    Said,
)
from agents.providers.registry import get_provider
from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import User

SECONDS = 20
OUTPUT_TOKENS = 64
OK = "ok"
# What a vendor says may hold a part of a key or an address, so people read our words.
WORDS: tuple[tuple[type[ProviderError], str], ...] = (
    (ProviderMisconfigured, "The key, the name of the model or the address is wrong. Set them in the environment."),
    (ProviderTimeout, f"No whole answer came within {SECONDS} seconds."),
    (ProviderUnavailable, "The provider cannot be reached, or has too much to do. Try again in a minute."),
    (ProviderGarbage, "The server answered something that is no reply of a model. Is it the right address?"),
    (ProviderError, "The provider refused."),
)


@dataclass(frozen=True)
class Answer:
    """What came of a test: how long the model took, or what is wrong in plain words."""

    latency_ms: int
    problem: str = ""


def check_connection(*, by: User) -> Answer:
    """Ask the installation's default model for a word, once, and note in the trail what came of it."""
    started = time.monotonic()
    code, problem = OK, ""
    try:
        get_provider().complete(_request(started + SECONDS))
    except ProviderError as error:
        code = type(error).__name__
        problem = next(words for kind, words in WORDS if isinstance(error, kind))
    latency = int((time.monotonic() - started) * 1000)
    with audit_log.transaction():
        audit_log.record(
            "agents.provider.tested",
            target=("provider", settings.DEFAULT_MODEL_PROVIDER),
            actor=Actor.of(by),
            data={"model": settings.DEFAULT_MODEL, "milliseconds": latency},
            outcome=code,
        )
    return Answer(latency, problem)


def _request(deadline: float) -> ModelRequest:
    return ModelRequest(
        model=settings.DEFAULT_MODEL,
        instructions="This is a test of the connection. Answer with one word.",
        items=(Said("customer", "Hello?"),),
        tools=(),
        max_output_tokens=OUTPUT_TOKENS,
        stream=False,
        deadline=deadline,
    )
