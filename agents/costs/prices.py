"""What model calls cost, in whole micro-units of the price list's currency (US dollars).

Prices come from the price book that admins keep, and behind it from the snapshot inside the installed
`genai-prices`; nothing is fetched. An unknown price is an error and never zero: a budget that counts a
call as free is no budget.
"""

import datetime as dt
import json
import math
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from importlib.metadata import version
from typing import Any

import genai_prices
from django.conf import settings
from django.db.models import OuterRef, QuerySet, Subquery
from django.utils import timezone

from agents.models import Price as BookRow
from agents.providers.base import HostNote, ModelRequest, ModelTurn, Said, ToolResult, Usage
from supportagent.prepared import first, prepared

MILLION = 1_000_000
CURRENCY = "USD"
TOOL_OVERHEAD_TOKENS = 24
ITEM_OVERHEAD_TOKENS = 8
REQUEST_OVERHEAD_TOKENS = 64
PRICE_ID_LENGTH = 160


class PriceUnknown(LookupError):
    """Nobody states a price for this model: add it to the price book, or set the agent's own prices."""


@dataclass(frozen=True)
class Rate:
    """Micro-units per million tokens, for requests of at least `from_tokens` input tokens.

    Reasoning costs what other output costs where nobody states a price of its own.
    """

    from_tokens: int
    input: int
    cached: int
    output: int
    reasoning: int | None = None

    @property
    def thinking(self) -> int:
        return self.output if self.reasoning is None else self.reasoning


@dataclass(frozen=True)
class Price:
    """A price as it was when a call was made. `id` names its source and figures and never changes meaning,
    so a row that keeps it can be explained years later."""

    id: str
    rates: tuple[Rate, ...]

    def rate(self, input_tokens: int) -> Rate:
        """The rate of a request of that size: long requests cost more per token with some models."""
        return [rate for rate in self.rates if rate.from_tokens <= input_tokens][-1]


def price_for(
    *, provider: str, model: str, override: tuple[int, int] | None = None, at: dt.datetime | None = None
) -> Price:
    """The price of `model` at the provider with this alias, now or at a moment.

    `override` is an agent's own (input, output) price in micro-units per million tokens and wins. Then comes the
    newest row of the price book that is in force, read with one statement, so that a new row counts at once and one
    of tomorrow by itself. Then the list. Raises PriceUnknown.
    """
    if override is not None:
        return _price("agent", [Rate(0, override[0], override[0], override[1])])
    row = first(_in_force(provider, model, at or timezone.now()))
    if row is not None:
        pk, version_id, *figures = row
        return _price(f"book:{pk}/{version_id}", [book_rate(*figures)])
    return listed(provider=provider, model=model)


def book_rate(input_micros: int, cached_micros: int | None, output_micros: int, reasoning_micros: int | None) -> Rate:
    """The rate that a row of the price book states."""
    cached = input_micros if cached_micros is None else cached_micros
    return Rate(0, input_micros, cached, output_micros, reasoning_micros)


def listed(*, provider: str, model: str) -> Price:
    """The price without the price book. Raises PriceUnknown."""
    if provider in settings.NOMINAL_PRICES:
        rate_in, rate_out = settings.NOMINAL_PRICES[provider]
        return _price(f"nominal:{provider}", [Rate(0, rate_in, rate_in, rate_out)])
    return _listed(model, settings.OPENAI_BASE_URL)


def cost(usage: Usage, price: Price) -> int:
    """What a call of that usage costs, in micro-units, rounded up."""
    rate = price.rate(usage.input_tokens)
    fresh, said = usage.input_tokens - usage.cached_tokens, usage.output_tokens - usage.reasoning_tokens
    read = fresh * rate.input + usage.cached_tokens * rate.cached
    written = said * rate.output + usage.reasoning_tokens * rate.thinking
    return -(-(read + written) // MILLION)


def worst_case(*, input_tokens: int, max_output_tokens: int, price: Price) -> int:
    """The most that a call can cost, in micro-units: every output token used, each token of its dearest kind.

    `input_tokens` is an upper bound, as `input_bound` gives it.
    """
    rate = price.rate(input_tokens)
    total = input_tokens * max(rate.input, rate.cached) + max_output_tokens * max(rate.output, rate.thinking)
    return -(-total // MILLION)


_VERSIONS = BookRow.history.filter(id=OuterRef("pk")).order_by("-history_id").values("history_id")[:1]


@prepared
def _in_force(provider: str, model: str, at: dt.datetime) -> QuerySet[BookRow, tuple[Any, ...]]:
    rows = BookRow.objects.filter(provider=provider, model=model, effective_from__lte=at)
    figures = ("input_micros", "cached_micros", "output_micros", "reasoning_micros")
    return rows.order_by("-effective_from").values_list("pk", Subquery(_VERSIONS), *figures)[:1]


_BOOK = re.compile(r"book:(\d{1,18})/(\d{1,18})", re.ASCII)


def explain(price_id: str) -> str:
    """Which price that was, in words: of a row of the price book also who wrote it, whatever became of it since."""
    source, _, figures = price_id.partition("@")
    if source.startswith("tool:") and figures.isdecimal():
        return f"{_dollars(int(figures))} per call of {source.removeprefix('tool:')}"
    words = _rates_in_words(figures)
    return f"{_source_in_words(source)}: {words}" if words else f"No known price: {price_id}"


def _source_in_words(source: str) -> str:
    if source == "agent":
        return "The agent's own price"
    if found := _BOOK.fullmatch(source):
        return _version_in_words(*map(int, found.groups()))
    kind, _, name = source.partition(":")
    if kind == "nominal":
        return f"Stated by the installation for the provider {name}"
    return f"Listed by {kind} for {name}"


def _version_in_words(pk: int, version_id: int) -> str:
    row = BookRow.history.filter(id=pk, history_id=version_id).select_related("history_user").first()
    if row is None:
        return f"Price book, row {pk}, whose history is gone"
    by = f" by {row.history_user.display_name}" if row.history_user is not None else ""
    note = f" ({row.note})" if row.note else ""
    return f"Price book, row {pk}, {row.instance}{note}, as written {row.history_date:%Y-%m-%d %H:%M}{by}"


def _rates_in_words(figures: str) -> str:
    """Empty where they cannot be read."""
    return "; ".join(filter(None, map(_rate_in_words, figures.split(","))))


def _rate_in_words(figures: str) -> str:
    start, _, rest = figures.partition("=")
    prices = rest.split("/")
    if not start.isdecimal() or len(prices) not in (3, 4) or not all(price.isdecimal() for price in prices):
        return ""
    kinds = ("input", "cached input", "output", "reasoning")
    named = ", ".join(f"{kind} {_dollars(int(price))}" for kind, price in zip(kinds, prices, strict=False))
    size = f" for requests of {int(start):,} input tokens or more" if int(start) else ""
    return f"{named} per million tokens{size}"


def _dollars(micros: int) -> str:
    return f"{CURRENCY} {Decimal(micros) / MILLION:f}"


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
        raise PriceUnknown(
            f"No price is known for the model {model!r}: add it to the price book, or set the agent's own prices."
        )
    source = f"genai-prices-{version('genai-prices')}:{found.provider.id}/{found.model.id}"
    return _price(source, _rates(found.model_price))


def _rates(listed: Any) -> list[Rate]:
    cached = listed.input_mtok if listed.cache_read_mtok is None else listed.cache_read_mtok
    kinds = [listed.input_mtok, cached, listed.output_mtok]
    reasoning = getattr(listed, "output_reasoning_mtok", None)  # stated for few models
    if reasoning is not None:
        kinds.append(reasoning)
    starts = {0} | {tier.start for kind in kinds for tier in getattr(kind, "tiers", ())}
    return [Rate(start, *(_micros(kind, start) for kind in kinds)) for start in sorted(starts)]


def _micros(listed: Any, tokens: int) -> int:
    dollars = getattr(listed, "base", listed)
    for tier in getattr(listed, "tiers", ()):
        if tier.start <= tokens:
            dollars = tier.price
    return math.ceil(Decimal(dollars) * MILLION)


def _price(source: str, rates: list[Rate]) -> Price:
    return Price(f"{source}@{','.join(map(_figures, rates))}"[:PRICE_ID_LENGTH], tuple(rates))


def _figures(rate: Rate) -> str:
    own = "" if rate.reasoning is None else f"/{rate.reasoning}"
    return f"{rate.from_tokens}={rate.input}/{rate.cached}/{rate.output}{own}"
