"""The refund with the real `openai` library against a local server: both wire APIs, streaming and not.

And the ways such a server fails: each ends in a retry that is paid for, or in a hand-over, never in silence.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import pytest

from agents.costs import budgets
from agents.loop import thinking
from agents.models import ModelCall, Run, Spend, ToolCall
from approvals.models import ApprovalRequest
from audit import verification
from supportagent.tickets.models import HandOver, Ticket
from tests.fake_openai import FakeOpenAI
from tests.world import World, configure_agent

ISSUED = "Your refund for ORD-1042 has been issued."
WAITS = "A colleague is looking at your refund."
EVERY_WAY = list(product(["openai_responses", "openai_chat"], ["streaming", "whole"]))
# The providers' own tests take each failure over each way; here it matters what becomes of the run.
two_ways = pytest.mark.parametrize("server", EVERY_WAY[:1] + EVERY_WAY[-1:], ids="-".join, indirect=True)


@dataclass
class Flaky(FakeOpenAI):
    """Misbehaves in these ways first, a request each, and works then."""

    failures: list[str] = field(default_factory=list)

    async def _answer(self, path: str, body: dict[str, Any], uid: str, writer: Any) -> bool:
        if self.failures:
            body = {**body, "model": f"fake+{self.failures.pop(0)}"}
        return await super()._answer(path, body, uid, writer)


@pytest.fixture(scope="module")
def running() -> Iterator[Flaky]:
    with Flaky() as server:
        yield server


@pytest.fixture(params=EVERY_WAY, ids="-".join)
def server(
    world: World, running: Flaky, settings: Any, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Flaky:
    """The server, asked over one of the wire APIs, with its answers streamed or whole."""
    api, wire = request.param
    monkeypatch.setattr(thinking, "BACKOFF_SECONDS", 0.01)  # how often it is asked counts here, not how soon
    settings.OPENAI_BASE_URL, settings.OPENAI_API_KEY = running.base_url, "sk-fake"
    settings.DEFAULT_MODEL_PROVIDER, settings.DEFAULT_MODEL = api, "fake"
    settings.MODEL_STREAM = wire == "streaming"
    settings.MODEL_SECONDS = 5
    configure_agent(input_price_micros=400_000, output_price_micros=1_600_000)
    running.requests.clear()
    running.failures.clear()
    return running


def spends(run: Run) -> list[str]:
    return list(run.spends.order_by("pk").values_list("state", flat=True))


def check_money(run: Run) -> None:
    """Nothing is held any more, and every budget of the run says what its reservations say."""
    assert budgets.drifts() == []
    assert not run.spends.filter(state=Spend.State.RESERVED).exists()
    charged = sum(run.spends.values_list("charged", flat=True))
    run.refresh_from_db()
    assert run.cost_micros == charged
    assert verification.verify().findings == ()


def test_a_message_becomes_a_refund_and_an_answer(world: World, server: Flaky, settings: Any) -> None:
    ticket = world.write()
    run = world.advance(ticket)
    assert run.state == Run.State.AWAITING_APPROVAL
    assert world.replies(ticket) == [WAITS]
    assert world.refunds() == 0

    world.approve(ApprovalRequest.objects.pending().get())
    run = world.advance(ticket)
    assert run.state == Run.State.COMPLETED
    assert world.replies(ticket) == [WAITS, ISSUED]
    assert world.refunds() == 1
    assert (world.call().state, world.call().stated_reason) == ("SUCCEEDED", "The customer asked for a refund")

    paths = {request["path"] for request in server.requests}
    assert paths == {
        "/v1/responses" if settings.DEFAULT_MODEL_PROVIDER == "openai_responses" else "/v1/chat/completions"
    }
    assert all(request["body"].get("stream", False) == settings.MODEL_STREAM for request in server.requests)
    assert spends(run) == [Spend.State.SETTLED] * 4
    assert run.model_calls.count() == 4
    assert run.cost_micros == sum(run.model_calls.values_list("cost_micros", flat=True)) > 0
    check_money(run)


@two_ways
@pytest.mark.parametrize("failure", ["500", "529"])
def test_a_server_that_is_overloaded_for_a_moment_is_asked_again(world: World, server: Flaky, failure: str) -> None:
    server.failures.append(failure)
    run = world.advance(world.write())
    assert run.state == Run.State.AWAITING_APPROVAL
    assert len(spends(run)) == run.model_calls.count() + 1
    check_money(run)


@two_ways
@pytest.mark.parametrize(
    "mode", ["429", "quota", "401", "404", "html", "broken", "list", "hang", "slow", "cut", "short", "302"]
)
def test_a_server_that_does_not_get_better_ends_in_a_hand_over(
    world: World, server: Flaky, settings: Any, mode: str
) -> None:
    settings.DEFAULT_MODEL = f"fake+{mode}"
    settings.MODEL_SECONDS = 1
    ticket = world.write()
    run = world.advance(ticket)
    ticket.refresh_from_db()
    assert run.state == Run.State.HANDED_OVER
    assert ticket.state == Ticket.State.WAITING_PERSON
    assert HandOver.objects.get(ticket=ticket).reason_code == HandOver.Reason.FAILURE
    assert len(world.replies(ticket)) == 1, "the customer is told"
    assert "sk-fake" not in HandOver.objects.get(ticket=ticket).summary
    assert run.crashes == 0
    assert not run.tool_calls.exists()
    check_money(run)


@two_ways
@pytest.mark.parametrize("mode", ["garbage-args", "40-calls", "empty", "refusal", "filtered", "length", "huge"])
def test_a_model_that_talks_nonsense_ends_in_a_hand_over(world: World, server: Flaky, settings: Any, mode: str) -> None:
    settings.DEFAULT_MODEL = f"fake+{mode}"
    ticket = world.write()
    run = world.advance(ticket)
    assert run.state == Run.State.HANDED_OVER
    assert run.turns <= 3
    assert run.crashes == 0
    assert world.refunds() == 0
    assert not run.tool_calls.filter(tool__effect="WRITE").exists()
    check_money(run)


@two_ways
@pytest.mark.parametrize("mode", ["same-call-twice", "clashing-ids", "no-ids", "control-characters"])
def test_calls_that_cannot_be_told_apart_are_still_answered_one_by_one(
    world: World, server: Flaky, settings: Any, mode: str
) -> None:
    settings.DEFAULT_MODEL = f"fake+{mode}"
    run = world.advance(world.write())
    assert run.crashes == 0
    assert run.state == Run.State.HANDED_OVER, "the model repeats itself until a limit stops it"
    for turn in run.model_calls.all():
        ids = [call["id"] for call in turn.tool_calls]
        assert all(ids)
        assert len(ids) == len(set(ids)) == run.tool_calls.filter(turn=turn.turn).count()
    assert not run.tool_calls.exclude(state__in=ToolCall.FINAL).exists()
    check_money(run)


@two_ways
def test_a_server_that_counts_no_tokens_is_charged_the_most_it_can_have_used(
    world: World, server: Flaky, settings: Any
) -> None:
    settings.DEFAULT_MODEL = "fake+no-usage"
    run = world.advance(world.write())
    assert {spend.charged == spend.reserved for spend in run.spends.all()} == {True}
    assert ModelCall.objects.filter(run=run, input_tokens=0).exists()
    check_money(run)


@two_ways
def test_a_server_that_is_not_there_costs_nothing(world: World, server: Flaky, settings: Any) -> None:
    settings.OPENAI_BASE_URL = "http://127.0.0.1:1/v1"
    run = world.advance(world.write())
    assert run.state == Run.State.HANDED_OVER
    assert set(spends(run)) == {Spend.State.RELEASED}
    check_money(run)
    assert run.cost_micros == 0
