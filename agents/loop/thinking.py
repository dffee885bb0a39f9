"""One model call: priced, reserved, made, and retried only where that is safe and paid for."""

import random
import time
from dataclasses import dataclass

from django.conf import settings

from agents import failpoints
from agents.costs import budgets, prices
from agents.costs.prices import Price
from agents.lease import Claim, step
from agents.models import Agent, Spend
from agents.providers.base import (
    ModelReply,
    ModelRequest,
    Provider,
    ProviderError,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderUnavailable,
)
from audit import log as audit_log

ATTEMPTS = 3
BACKOFF_SECONDS = 0.5


class ModelFailed(Exception):
    """No usable reply after every attempt; the ticket goes to a person."""


@dataclass(frozen=True)
class Thought:
    """A reply with what it cost and the reservation that it settles."""

    reply: ModelReply
    provider: str
    spend: Spend
    cost: int
    price_id: str
    latency_ms: int


def think(claim: Claim, agent: Agent, provider: Provider, request: ModelRequest) -> Thought:
    """Ask the model, reserving the worst case before every attempt.

    Raises BudgetDenied, FenceLost, PriceUnknown and ModelFailed.
    """
    price = prices.price_for(provider=provider.name, model=request.model, override=_override(agent))
    amount = prices.worst_case(
        input_tokens=prices.input_bound(request), max_output_tokens=request.max_output_tokens, price=price
    )
    for attempt in range(1, ATTEMPTS + 1):
        with step(claim) as current:
            spend = budgets.reserve(
                run=current.run, amount=amount, price_id=price.id, provider=provider.name, model=request.model
            )
        started = time.monotonic()
        failpoints.reach("reserved")
        try:
            reply = provider.complete(request)
        except ProviderError as error:
            _account(spend, error, price)
            _pause_or_give_up(error, attempt, request.deadline)
            continue
        cost = amount if reply.usage is None else prices.cost(reply.usage, price)
        latency = int((time.monotonic() - started) * 1000)
        return Thought(
            reply=reply, provider=provider.name, spend=spend, cost=cost, price_id=price.id, latency_ms=latency
        )
    raise ModelFailed("the model gave no usable reply")


def settle(thought: Thought) -> None:
    """Pay for a reply, whether or not it is used."""
    reply = thought.reply
    budgets.settle(thought.spend, charged=thought.cost, usage=reply.usage, request_id=reply.request_id)


def _override(agent: Agent) -> tuple[int, int] | None:
    if agent.input_price_micros is None or agent.output_price_micros is None:
        return None
    return agent.input_price_micros, agent.output_price_micros


def _account(spend: Spend, error: ProviderError, price: Price) -> None:
    """What certainly did not start costs nothing; where nobody counted, the maximum is charged."""
    usage = getattr(error, "usage", None)
    with audit_log.transaction():
        if usage is not None:
            budgets.settle(spend, charged=prices.cost(usage, price), usage=usage)
        elif error.sent:
            budgets.forfeit(spend, note=type(error).__name__)
        else:
            budgets.release(spend)


def _pause_or_give_up(error: ProviderError, attempt: int, deadline: float) -> None:
    if isinstance(error, ProviderMisconfigured) or attempt == ATTEMPTS:
        raise ModelFailed(str(error)) from error
    if not isinstance(error, ProviderUnavailable | ProviderGarbage):
        raise ModelFailed(str(error)) from error
    wait = BACKOFF_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311 - jitter, not a secret
    wait = max(wait, getattr(error, "retry_after", None) or 0)
    if time.monotonic() + wait >= deadline:
        raise ModelFailed(str(error)) from error
    time.sleep(wait)


def deadline() -> float:
    """When a model call that starts now must have ended, attempts and pauses included."""
    return time.monotonic() + settings.MODEL_SECONDS
