"""The price book: an admin's price wins over the list, by date, and what was charged can be explained for good."""

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from agents.costs import prices
from agents.costs.prices import PriceUnknown, Rate, cost, explain, price_for, worst_case
from agents.models import ModelCall, Price, Spend
from agents.providers.base import Usage
from tests.world import World, configure_agent

pytestmark = pytest.mark.django_db
NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)


@pytest.fixture(autouse=True)
def at_openai(settings: Any) -> None:
    settings.OPENAI_BASE_URL = ""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets the time that prices are asked at."""

    def set_to(moment: dt.datetime) -> None:
        monkeypatch.setattr(prices.timezone, "now", lambda: moment)

    return set_to


def book(model: str = "gpt-5-mini", provider: str = "openai_responses", **fields: Any) -> Price:
    usual = {"effective_from": NOW, "input_micros": 100, "output_micros": 800}
    return Price.objects.create(provider=provider, model=model, **{**usual, **fields})


def of_mini(at: dt.datetime | None = None) -> prices.Price:
    return price_for(provider="openai_responses", model="gpt-5-mini", at=at)


def test_a_row_of_the_book_wins_over_the_list_and_an_agents_own_price_over_both() -> None:
    assert of_mini(NOW).id.startswith("genai-prices-")
    row = book()
    assert of_mini(NOW).rates == (Rate(0, 100, 100, 800),)
    assert of_mini(NOW).id == f"book:{row.pk}/{row.history.get().history_id}@0=100/100/800"
    own = price_for(provider="openai_responses", model="gpt-5-mini", override=(1, 2), at=NOW)
    assert own.id == "agent@0=1/1/2"


def test_a_row_prices_its_own_provider_and_model_only() -> None:
    book(provider="openai_chat")
    book(model="gpt-5")
    assert of_mini(NOW).id.startswith("genai-prices-")


def test_a_model_that_nobody_prices_is_blocked_until_an_admin_prices_it() -> None:
    with pytest.raises(PriceUnknown, match="price book"):
        price_for(provider="openai_chat", model="our-own-model", at=NOW)
    book("our-own-model", "openai_chat")
    assert price_for(provider="openai_chat", model="our-own-model", at=NOW).rates == (Rate(0, 100, 100, 800),)


def test_the_newest_row_that_is_in_force_counts_and_one_of_tomorrow_begins_by_itself(clock: Any) -> None:
    book(input_micros=100)
    book(input_micros=300, effective_from=NOW + HOUR)
    book(input_micros=200, effective_from=NOW - HOUR)
    seen = []
    for moment in (NOW - HOUR, NOW, NOW + HOUR - dt.timedelta(microseconds=1), NOW + HOUR, NOW + 99 * HOUR):
        clock(moment)
        seen.append(of_mini().rates[0].input)
    assert seen == [200, 100, 100, 300, 300]
    clock(NOW - 2 * HOUR)
    assert of_mini().id.startswith("genai-prices-")


def test_a_new_price_counts_at_once_and_is_read_with_one_statement(django_assert_num_queries: Any) -> None:
    book(input_micros=200, effective_from=NOW - HOUR)
    for figure in (5, 6):
        row = book(input_micros=figure, effective_from=NOW + figure * HOUR)
        with django_assert_num_queries(1):
            assert of_mini(NOW + 9 * HOUR).rates[0].input == figure
        row.input_micros = figure * 10
        row.save()
        with django_assert_num_queries(1):
            assert of_mini(NOW + 9 * HOUR).rates[0].input == figure * 10


def test_cached_input_and_reasoning_have_prices_of_their_own_where_the_row_states_them() -> None:
    usage = Usage(1_000_000, 1_000_000, cached_tokens=400_000, reasoning_tokens=250_000)
    book(cached_micros=10, reasoning_micros=2000)
    # 600,000 fresh at 100, 400,000 cached at 10, 750,000 said at 800, 250,000 thought at 2,000
    assert cost(usage, of_mini(NOW)) == 60 + 4 + 600 + 500
    book("gpt-5", cached_micros=None, reasoning_micros=None)
    assert cost(usage, price_for(provider="openai_responses", model="gpt-5", at=NOW)) == 100 + 800


def test_a_price_of_zero_is_a_price_and_not_an_empty_field() -> None:
    book(cached_micros=0, reasoning_micros=0)
    assert of_mini(NOW).rates == (Rate(0, 100, 0, 800, 0),)
    assert cost(Usage(1_000_000, 1_000_000, 1_000_000, 1_000_000), of_mini(NOW)) == 0


def test_the_worst_case_takes_the_dearest_kind_of_each_token() -> None:
    book(cached_micros=500, reasoning_micros=2000)
    price = of_mini(NOW)
    most = worst_case(input_tokens=1_000_000, max_output_tokens=1_000_000, price=price)
    assert most == 500 + 2000 == cost(Usage(1_000_000, 1_000_000, 1_000_000, 1_000_000), price)


def test_the_id_of_a_price_names_the_version_of_its_row_whatever_becomes_of_it() -> None:
    writer = get_user_model().objects.create_user("olga", first_name="Olga")
    row = Price(provider="openai_responses", model="gpt-5-mini", effective_from=NOW, input_micros=250_000)
    row.output_micros, row.reasoning_micros, row.note, row._history_user = 2_000_000, 3_000_000, "Contract 7", writer
    row.save()
    before = of_mini(NOW).id
    row.input_micros, row.note = 1, "Contract 8"
    row.save()
    after = of_mini(NOW).id
    row.delete()
    assert before != after
    words = explain(before)
    assert "gpt-5-mini at openai_responses from 2026-06-01 12:00 (Contract 7)" in words
    assert "Olga" in words
    assert "input USD 0.25, cached input USD 0.25, output USD 2, reasoning USD 3 per million tokens" in words
    assert "Contract 8" in explain(after)
    assert "input USD 0.000001," in explain(after)


def test_every_other_kind_of_price_is_explained_too() -> None:
    assert explain("agent@0=300/300/900").startswith("The agent's own price: input USD 0.0003, ")
    assert explain("nominal:offline@0=400000/400000/1600000").startswith(
        "Stated by the installation for the provider offline: input USD 0.4,"
    )
    words = explain("genai-prices-0.0.1:openai/gpt-5.4@0=1/1/2,272000=2/2/4")
    assert words.startswith("Listed by genai-prices-0.0.1 for openai/gpt-5.4: ")
    assert words.endswith("for requests of 272,000 input tokens or more")


@pytest.mark.parametrize("text", ["", "test", "book:1/2", "book:x/y@0=1/2", "agent@0=1/a/3", "@", "a@²=1/2/3", "a@,"])
def test_what_is_no_id_of_a_price_is_said_to_be_none(text: str) -> None:
    assert explain(text) == f"No known price: {text}"


def test_a_version_that_is_gone_still_says_its_figures() -> None:
    assert explain("book:7/9@0=1000000/0/0").startswith("Price book, row 7, whose history is gone: input USD 1,")


def test_the_past_is_never_priced_again(world: World) -> None:
    world.script([{"text": "It was delivered."}])
    ticket = world.write()
    world.advance(ticket)
    kept = list(Spend.objects.values_list("charged", "price_id")), ModelCall.objects.values_list("cost_micros").get()
    book("scripted", "scripted", input_micros=9_000_000, effective_from=timezone.now() - 24 * HOUR)
    assert kept == (
        list(Spend.objects.values_list("charged", "price_id")),
        ModelCall.objects.values_list("cost_micros").get(),
    )
    world.script([{"text": "It was delivered."}, {"text": "Yes."}])
    world.write("Sure?")
    world.advance(ticket)
    newest = ModelCall.objects.latest("pk")
    assert newest.price_id == Spend.objects.latest("pk").price_id
    assert newest.price_id.startswith("book:")


def test_no_two_rows_price_a_model_from_one_moment() -> None:
    book()
    with pytest.raises(IntegrityError), transaction.atomic():
        book(input_micros=5)


FORM = {
    "provider": "openai_responses",
    "model": "gpt-5-mini",
    "effective_from_0": "2026-06-01",
    "effective_from_1": "12:00:00",
    "input_micros": "0.25",
    "cached_micros": "",
    "output_micros": "2",
    "reasoning_micros": "",
    "note": "",
}


@pytest.fixture
def root(client: Client, settings: Any) -> Client:
    settings.SECOND_ADMIN = False
    client.force_login(get_user_model().objects.create_superuser("root"))
    return client


def test_an_admin_writes_prices_in_dollars_per_million(root: Client) -> None:
    assert root.post("/admin/agents/price/add/", FORM | {"cached_micros": "0.025"}).status_code == 302
    row = Price.objects.get()
    assert (row.input_micros, row.cached_micros, row.output_micros, row.reasoning_micros) == (
        250_000,
        25_000,
        2_000_000,
        None,
    )
    assert row.effective_from == NOW
    assert root.get("/admin/agents/price/").status_code == 200
    assert root.get(f"/admin/agents/price/{row.pk}/change/").status_code == 200
    assert root.get(f"/admin/agents/price/{row.pk}/history/").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"input_micros": "-1"},
        {"output_micros": ""},
        {"cached_micros": "-0.1"},
        {"reasoning_micros": "NaN"},
        {"input_micros": "1e40"},
        {"effective_from_0": "31.2.2026"},
        {"effective_from_0": ""},
        {"provider": "nobody"},
        {"model": ""},
        {"model": " "},
        {"model": "x" * 101},
        {"note": "x" * 201},
    ],
)
def test_a_price_that_makes_no_sense_is_refused_in_words(root: Client, wrong: dict[str, str]) -> None:
    answer = root.post("/admin/agents/price/add/", FORM | wrong)
    assert answer.status_code == 200
    assert answer.context["adminform"].errors
    assert not Price.objects.exists()


def test_a_second_price_from_the_same_moment_is_refused_in_words(root: Client) -> None:
    root.post("/admin/agents/price/add/", FORM)
    answer = root.post("/admin/agents/price/add/", FORM | {"input_micros": "1"})
    assert answer.status_code == 200
    assert "from that moment on already" in answer.content.decode()
    assert Price.objects.count() == 1


def test_the_agents_own_prices_stay_the_first_word(world: World) -> None:
    configure_agent(input_price_micros=1_000_000, output_price_micros=1_000_000)
    book("scripted", "scripted", effective_from=timezone.now() - HOUR)
    world.script([{"text": "It was delivered."}])
    world.advance(world.write())
    assert Spend.objects.get().price_id == "agent@0=1000000/1000000/1000000"
