"""One model call: priced, reserved, made, and retried only where that is safe and paid for."""

import random
import time
from dataclasses import dataclass

from django.conf import settings

from agents import failpoints
from agents.costs import budgets, prices
from agents.costs.prices import Price
from agents.lease import Claim, step
from agents.loop import fallback, limits
from agents.loop.limits import LimitReached
from agents.models import Agent, Run, Spend
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


@dataclass(frozen=True)
class _Terms:
    """A request with its price: what it may cost and count at most."""

    request: ModelRequest
    price: Price
    amount: int  # micro-units
    tokens: int
    is_fallback: bool


def think(claim: Claim, agent: Agent, provider: Provider, request: ModelRequest) -> Thought:
    """Ask the model, reserving the worst case before every attempt; the agent's cheaper one where a cap is near.

    Raises BudgetDenied, FenceLost, LimitReached, PriceUnknown and ModelFailed.
    """
    terms = _terms(claim.run, agent, provider, request)
    for attempt in range(1, ATTEMPTS + 1):
        try:
            spend = _reserve(claim, provider, terms)
        except (budgets.BudgetDenied, LimitReached):
            # Race: others took what was left since the caps were read. The cheaper model may still fit.
            if terms.is_fallback or not agent.fallback_model:
                raise
            terms = _fallback_terms(agent, provider, request)
            spend = _reserve(claim, provider, terms)
        started = time.monotonic()
        failpoints.reach("reserved")
        try:
            reply = provider.complete(terms.request)
        except ProviderError as error:
            _account(spend, error, terms.price)
            _pause_or_give_up(error, attempt, request.deadline)
            continue
        cost = terms.amount if reply.usage is None else prices.cost(reply.usage, terms.price)
        latency = int((time.monotonic() - started) * 1000)
        return Thought(
            reply=reply, provider=provider.name, spend=spend, cost=cost, price_id=terms.price.id, latency_ms=latency
        )
    raise ModelFailed("the model gave no usable reply")


def settle(thought: Thought, run: Run | None = None) -> None:
    """Pay for a reply, whether or not it is used. A `run` that is loaded and locked counts it as its row does."""
    reply, usage = thought.reply, thought.reply.usage
    paid = budgets.settle(thought.spend, charged=thought.cost, usage=usage, request_id=reply.request_id)
    if run is None or not paid:
        return  # the reaper was faster: what it charged is in the row that was read under the lock
    run.cost_micros += thought.cost
    if usage is not None:
        run.input_tokens += usage.input_tokens
        run.output_tokens += usage.output_tokens


def _terms(run: Run, agent: Agent, provider: Provider, request: ModelRequest) -> _Terms:
    if run.fallback_model:
        return _fallback_terms(agent, provider, request, model=run.fallback_model)
    price = prices.price_for(provider=provider.name, model=request.model, override=_override(agent))
    usual = _priced(request, price)
    if agent.fallback_model and fallback.is_near(run, agent, usual.amount):
        return _fallback_terms(agent, provider, request)
    return usual


def _fallback_terms(agent: Agent, provider: Provider, request: ModelRequest, *, model: str = "") -> _Terms:
    """With the price of that model: the agent's own prices are those of its usual one."""
    asked = fallback.with_model(request, model or agent.fallback_model)
    return _priced(asked, prices.price_for(provider=provider.name, model=asked.model), is_fallback=True)


def _priced(request: ModelRequest, price: Price, *, is_fallback: bool = False) -> _Terms:
    bound = prices.input_bound(request)
    amount = prices.worst_case(input_tokens=bound, max_output_tokens=request.max_output_tokens, price=price)
    return _Terms(request, price, amount, bound + request.max_output_tokens, is_fallback)


def _reserve(claim: Claim, provider: Provider, terms: _Terms) -> Spend:
    with step(claim) as current:
        run = current.run
        limits.check_tokens(run, terms.tokens)
        limits.check_cost(run, terms.amount, committed=limits.committed(run))
        if terms.is_fallback:
            fallback.note(current, terms.request.model)
        return budgets.reserve(
            run=run,
            amount=terms.amount,
            price_id=terms.price.id,
            provider=provider.name,
            model=terms.request.model,
        )


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
