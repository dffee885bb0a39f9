"""What a run has cost is what its rows of the ledger were charged, however its attempts ended."""

from typing import Any

import pytest
from django.db.models import Sum

from agents.costs import budgets
from agents.lease import claim, step
from agents.loop import thinking
from agents.models import Budget, Run, Spend
from agents.providers.base import ModelReply, ModelRequest
from agents.providers.scripted import Scripted
from supportagent.tickets.models import HandOver
from tests.world import READ_ORDER, World, configure_agent

State = Spend.State
ANSWER = {"text": "It was delivered."}


class Overtaken(Scripted):
    """A model that takes so long that the reaper comes by before its answer."""

    def complete(self, request: ModelRequest) -> ModelReply:
        Spend.objects.filter(state=State.RESERVED).update(expires_at="2020-01-01T00:00:00Z")
        budgets.forfeit_expired()
        return super().complete(request)


def agrees(run: Run) -> None:
    run.refresh_from_db()
    sums = run.spends.aggregate(cost=Sum("charged"), tokens_in=Sum("input_tokens"), tokens_out=Sum("output_tokens"))
    assert (run.cost_micros, run.input_tokens, run.output_tokens) == tuple(sums.values())
    own = Budget.objects.get(scope=Budget.Scope.TICKET, subject=run.ticket.number)
    assert (own.spent, own.reserved) == (run.cost_micros, 0)
    assert budgets.drifts() == []


@pytest.mark.parametrize(
    ("turn", "states"),
    [
        (ANSWER, [State.SETTLED]),
        ({**ANSWER, "usage": None}, [State.SETTLED]),
        ({"error": "unavailable"}, [State.FORFEITED] * 3),
        ({"error": "unavailable", "sent": False}, [State.RELEASED] * 3),
        ({"error": "timeout"}, [State.FORFEITED]),
        ({"error": "misconfigured", "sent": False}, [State.RELEASED]),
    ],
)
def test_failed_cut_and_retried_attempts_count(
    world: World, monkeypatch: pytest.MonkeyPatch, turn: dict[str, Any], states: list[str]
) -> None:
    monkeypatch.setattr(thinking, "BACKOFF_SECONDS", 0)
    world.script([{"calls": [READ_ORDER]}, turn])
    run = world.advance(world.write())
    assert list(run.spends.order_by("pk").values_list("state", flat=True)) == [State.SETTLED, *states]
    agrees(run)


def test_a_reply_that_comes_after_the_reaper_is_charged_once(world: World, settings: Any) -> None:
    settings.MODEL_PROVIDERS = {**settings.MODEL_PROVIDERS, "overtaken": f"{__name__}.Overtaken"}
    configure_agent(provider="overtaken")
    world.script([{"calls": [READ_ORDER]}, ANSWER])
    run = world.advance(world.write())
    assert run.state == Run.State.COMPLETED
    assert set(run.spends.values_list("state", flat=True)) == {State.FORFEITED}
    agrees(run)


def test_what_a_dead_worker_had_reserved_counts_for_the_limit_before_it_is_charged(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure_agent(max_cost_micros=8_000)
    world.script([ANSWER])
    ticket = world.write()
    monkeypatch.setenv("FAILPOINT", "reserved:exhaust")
    assert world.advance(ticket).crashes == 1
    monkeypatch.delenv("FAILPOINT")
    lost = Spend.objects.get()
    assert lost.state == State.RESERVED and lost.reserved < 8_000 < 2 * lost.reserved
    run = world.advance(ticket)
    assert run.ended_because == HandOver.Reason.LIMIT
    assert f"{lost.reserved} micro-units of 8000 spent or reserved" in HandOver.objects.get(ticket=ticket).summary
    Spend.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert budgets.forfeit_expired() == 1
    agrees(run)
    assert run.cost_micros == lost.reserved


def test_a_workers_step_does_not_write_over_what_the_reaper_charged(world: World) -> None:
    world.script([ANSWER])
    held = claim(world.write().runs.get().pk)
    assert held is not None
    with step(held) as current:
        spend = budgets.reserve(run=current.run, amount=1_000, price_id="test")
    with step(held) as current:
        budgets.forfeit(spend, note="reservation expired")
        current.emit("error", "Something is written about the run")
    agrees(held.run)
    assert held.run.cost_micros == 1_000
