"""A model that does not follow the contract: each call gets a typed answer, twice, and then a person takes over.

Nothing of it is executed. The model is the scripted one; what it sends, it sends as raw text.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings

from agents.loop.limits import MAX_REPAIRS
from agents.loop.planning import MAX_CALLS_PER_TURN
from agents.loop.transcript import Transcript
from agents.models import ModelCall, Run, ToolCall
from agents.providers.base import ToolResult
from approvals.models import ApprovalRequest
from audit import verification
from supportagent.grants.models import Receipt
from supportagent.tickets.models import HandOver
from tests.world import ASK_REFUND, READ_ORDER, World, build_world, configure_agent

REFUND = ASK_REFUND["arguments"]


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


def refund(**changes: Any) -> dict[str, Any]:
    return {"name": "store__issue_refund", "arguments": {**REFUND, **changes}}


def without(name: str) -> dict[str, Any]:
    return {"name": "store__issue_refund", "arguments": {k: v for k, v in REFUND.items() if k != name}}


def raw(text: str, name: str = "store__issue_refund") -> dict[str, Any]:
    return {"name": name, "arguments": text}


def noting(**arguments: str) -> dict[str, Any]:
    given = {"body": "A note.", "stated_reason": "for the team", **arguments}
    return {"name": "tickets__add_internal_note", "arguments": given}


TWICE = '{"order_id": "ORD-1042", "amount_minor": 10, "amount_minor": 8400, "currency": "EUR", "stated_reason": "give"}'
CONFUSED: dict[str, tuple[str, dict[str, Any]]] = {
    "a tool that is not there": ("unknown_tool", {"name": "store__give_money", "arguments": REFUND}),
    "another case": ("unknown_tool", {"name": "Store__Issue_Refund", "arguments": REFUND}),
    "a look-alike letter": ("unknown_tool", {"name": "stоre__issue_refund", "arguments": REFUND}),
    "one underscore": ("unknown_tool", {"name": "store_issue_refund", "arguments": REFUND}),
    "three underscores": ("unknown_tool", {"name": "store___issue_refund", "arguments": REFUND}),
    "without its server": ("unknown_tool", {"name": "issue_refund", "arguments": REFUND}),
    "a tool of the host": ("unknown_tool", {"name": "store__order_facts", "arguments": {"order_id": "ORD-1042"}}),
    "a name of 5 kB": ("unknown_tool", {"name": "x" * 5000, "arguments": REFUND}),
    "no name": ("unknown_tool", {"name": "", "arguments": REFUND}),
    "half a JSON object": ("invalid_arguments", raw('{"order_id": "ORD-10')),
    "no JSON at all": ("invalid_arguments", raw("refund it all")),
    "nothing": ("invalid_arguments", raw("")),
    "a list": ("invalid_arguments", raw(json.dumps([REFUND]))),
    "null": ("invalid_arguments", raw("null")),
    "one key twice": ("invalid_arguments", raw(TWICE)),
    "NaN": ("invalid_arguments", raw(TWICE.replace("10, ", "NaN, ", 1))),
    "a million digits": ("invalid_arguments", raw('{"amount_minor": ' + "9" * 60_000 + "}")),
    "nested 10,000 deep": ("invalid_arguments", raw('{"a": ' + "[" * 10_000 + "]" * 10_000 + "}")),
    "half a character": ("invalid_arguments", refund(order_id="\ud800")),
    "an amount as text": ("invalid_arguments", refund(amount_minor="8400")),
    "an amount as 1e9": ("invalid_arguments", raw(json.dumps(REFUND).replace("8400", "1e9"))),
    "a float": ("invalid_arguments", refund(amount_minor=8400.0)),
    "true": ("invalid_arguments", refund(amount_minor=True)),
    "a negative amount": ("invalid_arguments", refund(amount_minor=-5)),
    "no money": ("invalid_arguments", refund(amount_minor=0)),
    "a huge amount": ("invalid_arguments", refund(amount_minor=10**15)),
    "a currency in lower case": ("invalid_arguments", refund(currency="eur")),
    "an order that is SQL": ("invalid_arguments", refund(order_id="#W1' OR 1=1")),
    "a path": ("invalid_arguments", refund(order_id="../../ORD-1042")),
    "orders in a list": ("invalid_arguments", refund(order_id=["ORD-1042"])),
    "an order of 5 kB": ("invalid_arguments", refund(order_id="ORD-" + "1" * 5000)),
    "an argument too many": ("invalid_arguments", refund(force=True)),
    "a key of its own": ("invalid_arguments", refund(idempotency_key="mine")),
    "another customer": ("invalid_arguments", refund(customer_id="CUS-1002")),
    "no order": ("invalid_arguments", without("order_id")),
    "no reason": ("invalid_arguments", without("stated_reason")),
    "a ticket that the host binds": ("invalid_arguments", noting(ticket="T-9999")),
    "a run that the host binds": ("invalid_arguments", noting(run="00000000-0000-0000-0000-000000000000")),
}


@pytest.mark.parametrize("first", range(0, len(CONFUSED), MAX_CALLS_PER_TURN))
def test_calls_that_break_the_contract_are_answered_and_after_two_repairs_a_person_takes_over(
    world: World, first: int
) -> None:
    cases = list(CONFUSED.items())[first : first + MAX_CALLS_PER_TURN]
    world.script([{"calls": [call for _, (_, call) in cases]}])
    ticket = world.write()
    run = world.advance(ticket)

    for turn in range(1, MAX_REPAIRS + 2):
        codes = run.tool_calls.filter(turn=turn).order_by("index").values_list("code", flat=True)
        answered = {name: code for (name, _), code in zip(cases, codes, strict=True)}
        assert answered == {name: code for name, (code, _) in cases}
    assert run.turns == MAX_REPAIRS + 1
    assert set(run.tool_calls.values_list("state", flat=True)) == {ToolCall.State.REFUSED}
    assert run.state == Run.State.HANDED_OVER
    assert HandOver.objects.get(ticket=ticket).reason_code == HandOver.Reason.LIMIT
    assert len(world.replies(ticket)) == 1
    assert run.crashes == 0
    assert nothing_was_executed(world)


def test_the_model_reads_why_its_call_was_refused_and_may_repair_it(world: World) -> None:
    world.script([{"calls": [refund(amount_minor="8400")]}, {"calls": [READ_ORDER]}, {"text": "It was delivered."}])
    run = world.advance(world.write())
    answers = [item for item in Transcript(run).items([]) if isinstance(item, ToolResult)]
    error = json.loads(answers[0].content)["error"]
    assert error["code"] == "invalid_arguments"
    assert "amount_minor" in error["message"]
    assert run.state == Run.State.COMPLETED


def test_the_same_call_twice_in_a_turn_is_made_once_and_the_second_is_marked(world: World) -> None:
    reordered = {"name": READ_ORDER["name"], "arguments": dict(reversed(READ_ORDER["arguments"].items()))}
    world.script([{"calls": [READ_ORDER, reordered]}, {"text": "It was delivered."}])
    run = world.advance(world.write())
    assert list(run.tool_calls.order_by("index").values_list("state", "code")) == [
        (ToolCall.State.SUCCEEDED, ""),
        (ToolCall.State.REFUSED, "duplicate"),
    ]
    assert run.state == Run.State.COMPLETED


def test_the_same_refund_twice_in_a_turn_is_one_request(world: World) -> None:
    other_amount = refund(amount_minor=100)
    world.script([{"calls": [ASK_REFUND, ASK_REFUND, other_amount]}, {"text": "I asked a colleague."}])
    run = world.advance(world.write())
    codes = list(run.tool_calls.order_by("index").values_list("code", flat=True))
    assert codes == ["", "duplicate", "already_under_way"]
    world.approve(ApprovalRequest.objects.get())
    world.advance(run.ticket)
    assert world.refunds() == 1


def test_forty_calls_in_a_turn_are_cut_off_and_handed_over(world: World) -> None:
    orders = [
        {**READ_ORDER, "arguments": {**READ_ORDER["arguments"], "order_id": f"ORD-{n}"}} for n in range(2000, 2040)
    ]
    world.script([{"calls": orders}])
    run = world.advance(world.write())
    assert run.tool_calls.filter(code="too_many_calls").count() == 40 - MAX_CALLS_PER_TURN
    assert run.tool_calls.filter(sent_at__isnull=False).count() == MAX_CALLS_PER_TURN
    assert (run.state, run.turns) == (Run.State.HANDED_OVER, 1)


def test_two_calls_under_one_id_keep_their_own_answers(world: World) -> None:
    world.script([{"calls": [{**READ_ORDER, "id": "same"}, {**noting(), "id": "same"}]}, {"text": "Noted."}])
    run = world.advance(world.write())
    answers = [item for item in Transcript(run).items([]) if isinstance(item, ToolResult)]
    assert len({answer.call_id for answer in answers}) == 2
    assert [answer.name for answer in answers] == [READ_ORDER["name"], "tickets__add_internal_note"]


@pytest.mark.parametrize(
    "turn",
    [
        {"text": ""},
        {"text": " \n\u200b"},
        {"text": "I cannot", "finish": "refusal"},
        {"text": "I will now", "finish": "length"},
        {"text": "la " * 20_000},
    ],
    ids=["empty", "nothing visible", "refusal", "cut off", "endless"],
)
def test_a_reply_that_says_nothing_is_withheld_and_handed_over(world: World, turn: dict[str, Any]) -> None:
    world.script([turn])
    ticket = world.write()
    run = world.advance(ticket)
    assert run.state == Run.State.HANDED_OVER
    assert run.model_calls.get().fate == ModelCall.Fate.WITHHELD
    assert HandOver.objects.get(ticket=ticket).reason_code == HandOver.Reason.GUARDRAIL
    assert len(world.replies(ticket)) == 1


@pytest.mark.parametrize("finish", ["length", "refusal"])
def test_calls_of_a_reply_that_was_cut_off_or_refused_are_not_made(world: World, finish: str) -> None:
    world.script([{"calls": [READ_ORDER], "finish": finish}])
    run = world.advance(world.write())
    assert not run.tool_calls.filter(sent_at__isnull=False).exists()
    assert run.state == Run.State.HANDED_OVER


def test_a_model_that_reads_the_same_order_for_ever_is_stopped(world: World) -> None:
    world.script([{"calls": [READ_ORDER]}])
    ticket = world.write()
    run = world.advance(ticket)
    assert run.state == Run.State.HANDED_OVER
    assert run.tool_calls.filter(state=ToolCall.State.SUCCEEDED).count() == django_settings.MAX_IDENTICAL_CALLS


@pytest.mark.parametrize(("limit", "value"), [("max_turns", 3), ("max_tool_calls", 3), ("max_seconds", 0)])
def test_a_run_stops_at_each_of_its_limits(world: World, limit: str, value: int) -> None:
    configure_agent(**{limit: value})
    turns = [
        {"calls": [{**READ_ORDER, "arguments": {**READ_ORDER["arguments"], "order_id": f"ORD-{n}"}}]}
        for n in range(2000, 2030)
    ]
    world.script(turns)
    ticket = world.write()
    run = world.advance(ticket)
    assert run.state == Run.State.HANDED_OVER
    assert run.turns <= value
    handed = HandOver.objects.get(ticket=ticket)
    assert handed.reason_code == HandOver.Reason.LIMIT
    assert f" of {value}" in handed.summary
    assert len(world.replies(ticket)) == 1


def nothing_was_executed(world: World) -> bool:
    return (
        world.refunds() == 0
        and not Receipt.objects.exists()
        and not ApprovalRequest.objects.exists()
        and not ToolCall.objects.filter(sent_at__isnull=False).exists()
        and verification.verify().ok
    )
