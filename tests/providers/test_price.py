import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.costs.prices import Price, PriceUnknown, Rate, cost, input_bound, price_for, worst_case
from agents.providers.base import HostNote, ModelTurn, RequestedCall, Said, ToolResult, Usage
from tests.providers.conftest import asking

pytestmark = pytest.mark.django_db  # the price book is asked first
MINI = Price("test", (Rate(0, 250_000, 25_000, 2_000_000),))


@pytest.fixture(autouse=True)
def at_openai(settings):
    settings.OPENAI_BASE_URL = ""


def test_a_listed_model_has_its_listed_price():
    price = price_for(provider="openai_responses", model="gpt-5-mini")
    assert price.rates == MINI.rates
    assert price.id.endswith("openai/gpt-5-mini@0=250000/25000/2000000")


def test_cached_tokens_cost_less_and_a_part_of_a_micro_unit_counts_as_one():
    assert cost(Usage(1000, 200, cached_tokens=100), MINI) == 628
    assert cost(Usage(1, 0), MINI) == 1
    assert cost(Usage(0, 0), MINI) == 0


def test_a_long_request_has_the_price_of_long_requests():
    price = price_for(provider="openai_responses", model="gpt-5.4")
    assert len(price.rates) == 2
    below, above = price.rates
    assert price.rate(above.from_tokens - 1) == below
    assert price.rate(above.from_tokens) == above
    assert above.input > below.input


def test_an_unknown_model_has_no_price_and_not_the_price_zero():
    with pytest.raises(PriceUnknown, match="our-own-model"):
        price_for(provider="openai_chat", model="our-own-model")


def test_an_agents_own_price_wins():
    price = price_for(provider="openai_chat", model="our-own-model", override=(300, 900))
    assert cost(Usage(1_000_000, 1_000_000), price) == 1200
    assert price.id == "agent@0=300/300/900"


def test_a_gateway_is_charged_as_the_maker_of_the_model(settings):
    settings.OPENAI_BASE_URL = "http://gateway.internal/v1"
    assert price_for(provider="openai_chat", model="gpt-5-mini").rates == MINI.rates


def test_the_offline_model_has_a_stated_price(settings):
    settings.NOMINAL_PRICES = {"offline": (400_000, 1_600_000)}
    price = price_for(provider="offline", model="any")
    assert cost(Usage(1000, 100), price) == 560
    assert price.id.startswith("nominal:offline")


@given(st.integers(0, 2_000_000), st.integers(0, 2_000_000), st.integers(0, 100_000), st.integers(0, 100_000))
def test_the_worst_case_covers_every_usage_within_its_bounds(bound, used_in, limit, used_out):
    usage = Usage(min(used_in, bound), min(used_out, limit), cached_tokens=min(used_in, bound) // 2)
    price = Price("test", (Rate(0, 100, 10, 900), Rate(272_000, 200, 20, 1800)))
    assert worst_case(input_tokens=bound, max_output_tokens=limit, price=price) >= cost(usage, price)


def test_the_bound_counts_everything_that_is_sent():
    plain = input_bound(asking())
    for more in (
        Said("customer", "x" * 100),
        HostNote("x" * 100),
        ToolResult("c1", "store__get_order", "x" * 100),
        ModelTurn("x" * 100, ()),
        ModelTurn("", (RequestedCall("c1", "store__get_order", "x" * 100),)),
        ModelTurn("", (), [{"encrypted_content": "x" * 100}], "openai_responses"),
    ):
        assert input_bound(asking(*asking().items, more)) >= plain + 50


def test_scripts_that_take_a_token_for_every_byte_are_counted_so():
    thai = "ส" * 100
    assert input_bound(asking(Said("customer", thai))) >= 300
