import dataclasses
import json
import os
import time
import traceback

import pytest

from agents.providers.base import (
    HostNote,
    ModelTurn,
    ProviderGarbage,
    ProviderMisconfigured,
    ProviderTimeout,
    ProviderUnavailable,
    RequestedCall,
    Said,
    ToolResult,
    ToolSpec,
    Usage,
)
from agents.providers.openai_chat import OpenAIChat
from agents.providers.openai_client import client
from agents.providers.openai_responses import OpenAIResponses
from tests.providers.conftest import ASKS_FOR_REFUND, GET_ORDER, KEY, asking

ORDER = json.dumps({"order_id": "ORD-1042", "refundable_minor": 8400, "currency": "EUR"})


def test_a_refund_is_looked_up_issued_and_told(server, provider, stream):
    items, heard = [ASKS_FOR_REFUND], []
    answers = {"store__get_order": ORDER, "store__issue_refund": '{"refund_id": "REF-1"}'}
    for _ in range(3):
        reply = provider.complete(asking(*items, stream=stream, on_text=heard.append))
        items.append(ModelTurn(reply.text, reply.tool_calls, reply.raw, provider.name))
        items += [ToolResult(call.id, call.name, answers[call.name]) for call in reply.tool_calls]
    called = [call.name for item in items if isinstance(item, ModelTurn) for call in item.tool_calls]
    assert called == ["store__get_order", "store__issue_refund"]
    assert reply.text == "Your refund for ORD-1042 has been issued."
    assert reply.finish == "stop"
    assert "".join(heard) == (reply.text if stream else "")


def test_a_reply_tells_its_cost_its_request_and_its_model(server, provider, stream):
    reply = provider.complete(asking(stream=stream))
    reasoned = 40 if provider.name == "openai_responses" else 0
    assert reply.usage == Usage(1000, 100, cached_tokens=200, reasoning_tokens=reasoned)
    assert (reply.request_id, reply.model, reply.finish) == ("req_fake", "fake", "tool_calls")
    assert json.loads(reply.tool_calls[0].arguments)["order_id"] == "ORD-1042"


def test_nothing_is_asked_to_be_stored_at_the_vendor(server, stream):
    OpenAIResponses().complete(asking(stream=stream, reasoning="low"))
    body = server.requests[0]["body"]
    assert body["store"] is False
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}


def test_reasoning_is_kept_and_goes_back_as_it_came(server, stream):
    provider = OpenAIResponses()
    reply = provider.complete(asking(model="fake+thinking", stream=stream))
    assert reply.reasoning == "The order comes first."
    turn = ModelTurn(reply.text, reply.tool_calls, reply.raw, provider.name)
    provider.complete(asking(ASKS_FOR_REFUND, turn, ToolResult(reply.tool_calls[0].id, "x", ORDER)))
    sent = server.requests[-1]["body"]["input"]
    assert [item.get("type", item.get("role")) for item in sent] == [
        "user",
        "reasoning",
        "function_call",
        "function_call_output",
    ]
    assert sent[1]["encrypted_content"] == "c2VjcmV0"


def test_a_server_that_refuses_summaries_is_asked_without_them_from_then_on(server, stream):
    provider = OpenAIResponses()
    for _ in range(2):
        request = asking(model="fake+no-summary", reasoning="low", stream=stream)
        assert provider.complete(request).tool_calls
    summaries = [seen["body"]["reasoning"].get("summary") for seen in server.requests]
    assert summaries == ["auto", None, None]


def test_reasoning_of_compatible_servers_is_read(server, stream):
    assert OpenAIChat().complete(asking(model="fake+thinking", stream=stream)).reasoning


def test_who_speaks_is_clear_on_the_wire(server, provider):
    turn = ModelTurn("Let me look.", (RequestedCall("c1", "store__get_order", "{}"),), None, "another")
    provider.complete(
        asking(
            ASKS_FOR_REFUND,
            turn,
            HostNote("The customer is verified."),
            ToolResult("c1", "store__get_order", ORDER),
            Said("agent", "One moment."),
            Said("person", "I take care of it.", name="Ana"),
            Said("customer", "Thanks, ORD-1042"),
        )
    )
    body = server.requests[0]["body"]
    text = json.dumps(body.get("messages") or body["input"])
    assert "[Written by Ana, a human colleague]" in text
    wire = [item.get("role") or item["type"] for item in body.get("messages") or body["input"]]
    if provider.name == "openai_chat":
        assert wire == ["system", "user", "assistant", "tool", "system", "assistant", "assistant", "user"]
    else:
        called = ["assistant", "function_call", "function_call_output"]
        assert wire == ["user", *called, "developer", "assistant", "assistant", "user"]


def test_a_call_without_a_result_and_a_result_without_a_call_do_not_spoil_the_conversation(server, provider):
    turn = ModelTurn("", (RequestedCall("c1", "store__get_order", "{}"),))
    provider.complete(asking(ASKS_FOR_REFUND, turn, ToolResult("c9", "store__get_order", ORDER)))
    sent = json.dumps(server.requests[0]["body"])
    assert "not_run" in sent
    assert "c9" not in sent


@pytest.mark.parametrize(
    ("change", "strict"),
    [
        ({}, True),
        ({"required": ["order_id"]}, False),
        ({"additionalProperties": True}, False),
        ({"properties": {"order_id": {"type": "string", "maxLength": 9}, "stated_reason": {}}}, False),
        ({"properties": {"order_id": {"pattern": "^(?!x)"}, "stated_reason": {}}}, False),
        ({"properties": {"order_id": {"type": "object"}, "stated_reason": {}}}, False),
    ],
)
def test_strict_is_asked_for_only_where_the_schema_allows_it(server, provider, change, strict):
    tool = ToolSpec(GET_ORDER.name, "", {**GET_ORDER.parameters, **change})
    provider.complete(asking(tools=(tool,)))
    wire = server.requests[0]["body"]["tools"][0]
    assert wire.get("function", wire).get("strict", False) is strict


def test_a_tool_name_that_the_api_would_refuse_is_a_configuration_error(server, provider):
    with pytest.raises(ProviderMisconfigured, match=r"store\.get_order"):
        provider.complete(asking(tools=(ToolSpec("store.get_order", "", {}),)))
    assert not server.requests


def test_the_token_limit_has_the_name_that_the_server_knows(server, provider):
    provider.complete(asking(max_output_tokens=321))
    body = server.requests[0]["body"]
    assert body.get("max_tokens", body.get("max_output_tokens")) == 321


@pytest.mark.parametrize(
    ("mode", "error", "sent"),
    [
        ("429", ProviderUnavailable, False),
        ("quota", ProviderMisconfigured, False),
        ("500", ProviderUnavailable, True),
        ("529", ProviderUnavailable, True),
        ("400", ProviderMisconfigured, False),
        ("401", ProviderMisconfigured, False),
        ("404", ProviderMisconfigured, False),
        ("302", ProviderMisconfigured, False),
        ("cut", ProviderUnavailable, True),
        ("empty", ProviderGarbage, True),
        ("huge", ProviderGarbage, True),
    ],
)
def test_a_failing_server_gives_an_error_by_what_the_caller_can_do(server, provider, stream, mode, error, sent):
    with pytest.raises(error) as caught:
        provider.complete(asking(model=f"fake+{mode}", stream=stream))
    assert caught.value.sent is sent
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("mode", ["html", "broken", "list"])
def test_a_whole_answer_that_is_no_reply_is_garbage(server, provider, mode):
    with pytest.raises(ProviderGarbage):
        provider.complete(asking(model=f"fake+{mode}"))


@pytest.mark.parametrize("mode", ["short", "html", "stream-error"])
def test_a_stream_that_ends_early_is_unavailable(server, provider, mode):
    with pytest.raises(ProviderUnavailable) as caught:
        provider.complete(asking(model=f"fake+{mode}", stream=True))
    assert caught.value.sent


def test_a_rate_limit_says_how_long_to_wait(server, provider):
    with pytest.raises(ProviderUnavailable) as caught:
        provider.complete(asking(model="fake+429"))
    assert caught.value.retry_after == 7


@pytest.mark.parametrize("mode", ["hang", "slow"])
def test_the_deadline_holds_for_a_server_that_hangs_or_drips(server, provider, stream, mode):
    began = time.monotonic()
    with pytest.raises(ProviderTimeout) as caught:
        provider.complete(asking(model=f"fake+{mode}", stream=stream, deadline=began + 0.5))
    assert caught.value.sent
    assert time.monotonic() - began < 1.0


def test_a_deadline_that_passed_costs_nothing(server, provider, stream):
    with pytest.raises(ProviderTimeout) as caught:
        provider.complete(asking(stream=stream, deadline=time.monotonic()))
    assert not caught.value.sent
    assert not server.requests


def test_a_server_that_is_not_there_was_sent_nothing(provider, stream, settings):
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = "http://127.0.0.1:9/v1", ""
    with pytest.raises(ProviderUnavailable) as caught:
        provider.complete(asking(stream=stream))
    assert not caught.value.sent


@pytest.mark.parametrize(("url", "key"), [("", ""), ("localhost:8000", KEY)])
def test_a_missing_key_or_a_strange_address_is_a_configuration_error(provider, settings, url, key):
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = url, key
    with pytest.raises(ProviderMisconfigured):
        provider.complete(asking())


def test_arguments_that_are_no_json_reach_the_caller_as_written(server, provider, stream):
    reply = provider.complete(asking(model="fake+garbage-args", stream=stream))
    assert reply.tool_calls[0].arguments == '{"order_id": ORD-10'


def test_a_call_stated_twice_is_one_call(server, provider, stream):
    assert len(provider.complete(asking(model="fake+same-call-twice", stream=stream)).tool_calls) == 1


@pytest.mark.parametrize("mode", ["clashing-ids", "no-ids"])
def test_every_call_has_an_id_of_its_own(server, provider, stream, mode):
    calls = provider.complete(asking(model=f"fake+{mode}", stream=stream)).tool_calls
    assert [json.loads(call.arguments)["order_id"] for call in calls] == ["ORD-1042", "ORD-7"]
    assert len({call.id for call in calls if call.id}) == 2


def test_forty_calls_are_told_to_the_caller(server, provider, stream):
    assert len(provider.complete(asking(model="fake+40-calls", stream=stream)).tool_calls) == 40


def test_uncounted_tokens_are_unknown_and_not_zero(server, provider, stream):
    assert provider.complete(asking(model="fake+no-usage", stream=stream)).usage is None


@pytest.mark.parametrize(("mode", "finish"), [("length", "length"), ("filtered", "refusal")])
def test_a_turn_that_was_cut_off_keeps_its_text_and_loses_its_calls(server, provider, stream, mode, finish):
    reply = provider.complete(asking(model=f"fake+{mode}", stream=stream))
    assert (reply.finish, reply.tool_calls, reply.raw) == (finish, (), None)
    assert reply.text


def test_a_refusal_is_told_with_its_words(server, provider, stream):
    reply = provider.complete(asking(model="fake+refusal", stream=stream))
    assert (reply.finish, reply.text) == ("refusal", "I cannot help with that.")


def test_an_empty_reply_still_tells_what_it_cost(server, provider, stream):
    with pytest.raises(ProviderGarbage) as caught:
        provider.complete(asking(model="fake+empty", stream=stream))
    assert caught.value.usage == provider.complete(asking(stream=stream)).usage


def test_nothing_that_a_database_refuses_comes_through(server, provider, stream):
    reply = provider.complete(asking(model="fake+control-characters", stream=stream))
    stored = json.dumps(dataclasses.asdict(reply), ensure_ascii=False)
    stored.encode("utf-8")
    assert "\\u0000" not in stored
    assert reply.text.replace("�", "") == "abc"


def test_a_listener_that_fails_is_not_taken_for_the_server(server, provider):
    def listen(text: str) -> None:
        raise ValueError("no room")

    done = ModelTurn("", (RequestedCall("c1", "store__get_order", "{}"),))
    items = (ASKS_FOR_REFUND, done, ToolResult("c1", "store__get_order", '{"status": "paid"}'))
    with pytest.raises(ValueError, match="no room"):
        provider.complete(asking(*items, stream=True, on_text=listen))


def test_threads_share_connections_and_a_forked_child_makes_its_own(server):
    mine = client()
    assert client() is mine
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            reply = OpenAIChat().complete(asking())
            os.write(writing, b"own" if client() is not mine and reply.tool_calls else b"same")
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    assert os.read(reading, 10) == b"own"
    assert OpenAIChat().complete(asking()).tool_calls


def test_calls_one_after_the_other_share_a_connection(server, provider, stream):
    provider.complete(asking(stream=stream))
    opened = server.connections
    for _ in range(3):
        provider.complete(asking(stream=stream))
    assert server.connections == opened
