"""What model calls cost, in whole micro-units of the price list's currency (US dollars).

Prices come from the snapshot inside the installed `genai-prices`; nothing is fetched. An unknown
price is an error and never zero: a budget that counts a call as free is no budget.
"""

import json
import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import genai_prices
from django.conf import settings

from agents.providers.base import HostNote, ModelRequest, ModelTurn, Said, ToolResult, Usage

MILLION = 1_000_000
CURRENCY = "USD"
TOOL_OVERHEAD_TOKENS = 24
ITEM_OVERHEAD_TOKENS = 8
REQUEST_OVERHEAD_TOKENS = 64


class PriceUnknown(LookupError):
    """Nobody states a price for this model: set the agent's own prices."""


@dataclass(frozen=True)
class Rate:
    """Micro-units per million tokens, for requests of at least `from_tokens` input tokens."""

    from_tokens: int
    input: int
    cached: int
    output: int


@dataclass(frozen=True)
class Price:
    """A price as it was when a call was made. `id` names its source and figures and never changes meaning,
    so a row that keeps it can be explained years later."""

    id: str
    rates: tuple[Rate, ...]

    def rate(self, input_tokens: int) -> Rate:
        """The rate of a request of that size: long requests cost more per token with some models."""
        return [rate for rate in self.rates if rate.from_tokens <= input_tokens][-1]


def price_for(*, provider: str, model: str, override: tuple[int, int] | None = None) -> Price:
    """The price of `model` at the provider with this alias.

    `override` is an agent's own (input, output) price in micro-units per million tokens and wins. Raises
    PriceUnknown.
    """
    if override is not None:
        return _price("agent", [Rate(0, override[0], override[0], override[1])])
    if provider in settings.NOMINAL_PRICES:
        rate_in, rate_out = settings.NOMINAL_PRICES[provider]
        return _price(f"nominal:{provider}", [Rate(0, rate_in, rate_in, rate_out)])
    return _listed(model, settings.OPENAI_BASE_URL)


def cost(usage: Usage, price: Price) -> int:
    """What a call of that usage costs, in micro-units, rounded up."""
    rate = price.rate(usage.input_tokens)
    fresh = usage.input_tokens - usage.cached_tokens
    total = fresh * rate.input + usage.cached_tokens * rate.cached + usage.output_tokens * rate.output
    return -(-total // MILLION)


def worst_case(*, input_tokens: int, max_output_tokens: int, price: Price) -> int:
    """The most that a call can cost, in micro-units: nothing cached, every output token used.

    `input_tokens` is an upper bound, as `input_bound` gives it.
    """
    return cost(Usage(input_tokens, max_output_tokens), price)


def input_bound(request: ModelRequest) -> int:
    """More input tokens than this request will count, without the model's tokenizer.

    English takes about 4 bytes a token, JSON about 3; two ASCII bytes a token leaves a margin that only
    noise exceeds. Other scripts and emoji can take a token for every byte, so each such byte counts as
    one. Roles, separators and a tool's own wrapping are added per item and per tool. Only the
    reservation rests on this figure: what is charged is what the vendor counted.
    """
    tools = sum(_tokens(tool.name + tool.description + json.dumps(tool.parameters)) for tool in request.tools)
    items = sum(_tokens(text) for item in request.items for text in _texts(item))
    overhead = len(request.tools) * TOOL_OVERHEAD_TOKENS + len(request.items) * ITEM_OVERHEAD_TOKENS
    return _tokens(request.instructions) + tools + items + overhead + REQUEST_OVERHEAD_TOKENS


def _texts(item: Said | ModelTurn | ToolResult | HostNote) -> Iterable[str]:
    match item:
        case ToolResult(_, _, content):
            return (content,)
        case ModelTurn(text, calls, raw, _):
            if raw:
                return (json.dumps(raw, ensure_ascii=False),)
            return (text, *(call.name + call.arguments for call in calls))
        case Said(_, text, name):
            return (text, name)
        case HostNote(text):
            return (text,)


def _tokens(text: str) -> int:
    plain = len(text.encode("ascii", "ignore"))
    return (plain + 1) // 2 + len(text.encode("utf-8", "replace")) - plain


@lru_cache(maxsize=256)
def _listed(model: str, address: str) -> Price:
    """The listed price at the server with this address. A gateway or a server of one's own is not in the
    list; there the price of the model's maker stands in, which is the upper bound one can name."""
    usage = genai_prices.Usage(input_tokens=1)
    found = None
    with suppress(LookupError):
        if address:
            found = genai_prices.calc_price(usage, model, provider_api_url=address)
        else:
            found = genai_prices.calc_price(usage, model, provider_id="openai")
    with suppress(LookupError):
        found = found or genai_prices.calc_price(usage, model)
    if found is None or found.model_price.input_mtok is None or found.model_price.output_mtok is None:
        raise PriceUnknown(f"No price is known for the model {model!r}: set the agent's own prices.")
    source = f"genai-prices-{version('genai-prices')}:{found.provider.id}/{found.model.id}"
    return _price(source, _rates(found.model_price))


def _rates(listed: Any) -> list[Rate]:
    cached = listed.input_mtok if listed.cache_read_mtok is None else listed.cache_read_mtok
    kinds = (listed.input_mtok, cached, listed.output_mtok)
    starts = {0} | {tier.start for kind in kinds for tier in getattr(kind, "tiers", ())}
    return [Rate(start, *(_micros(kind, start) for kind in kinds)) for start in sorted(starts)]


def _micros(listed: Any, tokens: int) -> int:
    dollars = getattr(listed, "base", listed)
    for tier in getattr(listed, "tiers", ()):
        if tier.start <= tokens:
            dollars = tier.price
    return math.ceil(Decimal(dollars) * MILLION)


def _price(source: str, rates: list[Rate]) -> Price:
    figures = ",".join(f"{rate.from_tokens}={rate.input}/{rate.cached}/{rate.output}" for rate in rates)
    return Price(f"{source}@{figures}"[:160], tuple(rates))
