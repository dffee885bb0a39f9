import json
import time

import pytest

from agents.providers.base import (
    ModelTurn,
    ProviderError,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderTimeout,
    ProviderUnavailable,
    Said,
    Usage,
)
from agents.providers.scripted import Scripted
from tests.providers.conftest import ASKS_FOR_REFUND, asking

LOOK = {"calls": [{"name": "store__get_order", "arguments": {"order_id": "$order"}}]}
SCRIPT = {"vars": {"order": r"(ORD-\d+)"}, "turns": [LOOK, {"text": "Done with $order."}]}


@pytest.fixture
def follow(settings, tmp_path):
    def write(script):
        settings.SCRIPTED_MODEL_FILE = str(tmp_path / "script.json")
        (tmp_path / "script.json").write_text(json.dumps(script))
        return Scripted()

    return write


def test_the_turn_is_the_number_of_replies_since_the_customers_last_words(follow):
    model = follow(SCRIPT)
    first = model.complete(asking())
    assert json.loads(first.tool_calls[0].arguments) == {"order_id": "ORD-1042"}
    turn = ModelTurn("", first.tool_calls)
    assert model.complete(asking(ASKS_FOR_REFUND, turn)).text == "Done with ORD-1042."
    again = model.complete(asking(ASKS_FOR_REFUND, turn, turn, Said("customer", "And ORD-7?")))
    assert json.loads(again.tool_calls[0].arguments) == {"order_id": "ORD-7"}


def test_a_repeated_request_gets_the_same_reply_from_any_process(follow):
    model = follow(SCRIPT)
    assert model.complete(asking()) == Scripted().complete(asking())


def test_another_question_in_the_same_ticket_gets_other_call_ids(follow):
    model = follow(SCRIPT)
    first = model.complete(asking()).tool_calls[0].id
    assert model.complete(asking(ASKS_FOR_REFUND, ASKS_FOR_REFUND)).tool_calls[0].id != first


def test_after_the_last_turn_comes_the_last_turn(follow):
    turns = (ModelTurn("", ()),) * 5
    assert follow(SCRIPT).complete(asking(ASKS_FOR_REFUND, *turns)).text == "Done with ORD-1042."


def test_the_customers_words_choose_the_script(follow):
    scripts = [{"when": "cancel", "turns": [{"text": "no"}]}, {"when": "REFUND", "turns": [{"text": "yes"}]}]
    assert follow({"scripts": scripts}).complete(asking()).text == "yes"


def test_text_is_spoken_word_by_word(follow):
    heard = []
    request = asking(stream=True, on_text=heard.append)
    follow({"turns": [{"text": "one two three"}]}).complete(request)
    assert heard == ["one ", "two ", "three"]


def test_usage_can_be_stated_or_be_unknown(follow):
    counted = {"turns": [{"text": "x", "usage": {"input_tokens": 7, "output_tokens": 3}}]}
    assert follow(counted).complete(asking()).usage == Usage(7, 3)
    assert follow({"usage": None, "turns": [{"text": "x"}]}).complete(asking()).usage is None


def test_garbage_reaches_the_caller_as_written(follow):
    script = {"turns": [{"calls": [{"name": "no_such_tool", "arguments": "{oops"}]}]}
    assert follow(script).complete(asking()).tool_calls[0].arguments == "{oops"


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("unavailable", ProviderUnavailable),
        ("timeout", ProviderTimeout),
        ("misconfigured", ProviderMisconfigured),
        ("garbage", ProviderGarbage),
    ],
)
def test_errors_are_raised_as_scripted(follow, name, error):
    with pytest.raises(error) as caught:
        follow({"turns": [{"error": name, "sent": False}]}).complete(asking())
    assert isinstance(caught.value, ProviderError)
    assert not caught.value.sent


def test_a_delay_beyond_the_deadline_is_a_timeout_at_the_deadline(follow):
    began = time.monotonic()
    with pytest.raises(ProviderTimeout):
        follow({"turns": [{"text": "late", "delay": 60}]}).complete(asking(deadline=began + 0.2))
    assert time.monotonic() - began < 1


def test_a_script_that_cannot_be_read_is_a_configuration_error(settings, tmp_path):
    settings.SCRIPTED_MODEL_FILE = ""
    with pytest.raises(ProviderMisconfigured, match="SCRIPTED_MODEL_FILE"):
        Scripted().complete(asking())
    settings.SCRIPTED_MODEL_FILE = str(tmp_path / "missing.json")
    with pytest.raises(ProviderMisconfigured, match="cannot be read"):
        Scripted().complete(asking())
