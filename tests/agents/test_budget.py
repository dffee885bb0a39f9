"""Budgets: caps that hold under concurrency, denials that reach a person, and counters that agree."""

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.costs import budgets
from agents.costs.spending import Use
from agents.models import Agent, Budget, Run, Spend
from audit import log as audit_log
from audit import verification
from audit.models import AuditEntry
from supportagent.tickets.models import HandOver, Message, Ticket
from tests.faults.threads import at_once
from tests.world import REFUND_STORY, World, build_world

ORDER = {"text": "It was delivered."}
CALL = 1_000  # micro-units that one call reserves in these tests


def agent_budget() -> Budget:
    return Budget.objects.get(scope=Budget.Scope.AGENT, period=Budget.Period.DAY)


def a_run(world: World) -> Run:
    world.script([ORDER])
    return world.write("Where is ORD-1042?").runs.get()


def reserve(run: Run) -> Spend:
    with audit_log.transaction():
        return budgets.reserve(run=run, amount=CALL, price_id="test")


def test_sixteen_threads_share_a_budget_of_twenty_calls_and_never_make_a_twenty_first(
    transactional_db: None, settings: Any, tmp_path: Path
) -> None:
    run = a_run(build_world(settings, tmp_path))
    Budget.objects.filter(pk=agent_budget().pk).update(cap=20 * CALL)

    def spend_two() -> None:
        for _ in range(2):
            spend = reserve(run)
            with audit_log.transaction():
                budgets.settle(spend, charged=CALL)

    denied = at_once([spend_two] * 16)
    assert {type(error) for error in denied} == {budgets.BudgetDenied}
    assert run.spends.count() == 20
    assert (agent_budget().spent, agent_budget().reserved) == (20 * CALL, 0)
    assert budgets.drifts() == []


def test_a_spent_budget_hands_over_and_the_customer_hears_of_it(world: World) -> None:
    ticket = a_run(world).ticket
    Budget.objects.filter(pk=agent_budget().pk).update(cap=1)
    run = world.advance(ticket)
    ticket.refresh_from_db()
    assert (run.state, run.ended_because) == (Run.State.HANDED_OVER, HandOver.Reason.BUDGET)
    assert ticket.state == Ticket.State.WAITING_PERSON
    assert HandOver.objects.get(ticket=ticket).reason_code == HandOver.Reason.BUDGET
    assert len(world.replies(ticket)) == 1
    assert not run.spends.exists()
    assert AuditEntry.objects.filter(action="agents.budget.denied", run=str(run.pk)).exists()
    assert verification.verify().findings == ()


def test_a_denial_in_one_budget_holds_nothing_in_the_others(world: World) -> None:
    run = a_run(world)
    Budget.objects.filter(scope=Budget.Scope.TICKET).update(cap=CALL - 1)
    with pytest.raises(budgets.BudgetDenied, match=f"may cost {CALL}, {CALL - 1} of {CALL - 1} micro-units are left"):
        reserve(run)
    assert not Budget.objects.filter(reserved__gt=0).exists()


def test_an_agent_without_a_budget_does_not_run(world: World) -> None:
    Budget.objects.filter(scope=Budget.Scope.AGENT).delete()
    world.script([ORDER])
    ticket = world.write()
    ticket.refresh_from_db()
    assert not Run.objects.exists()
    assert ticket.state == Ticket.State.WAITING_PERSON
    assert ticket.messages.filter(kind=Message.Kind.EVENT).exists(), "the customer is told"


def test_an_agent_that_lost_its_role_hands_over_and_the_reply_that_it_paid_for_is_settled(world: World) -> None:
    ticket = a_run(world).ticket
    world.agent.service_user.groups.clear()
    run = world.advance(ticket)
    assert (run.state, run.crashes) == (Run.State.HANDED_OVER, 0)
    assert "lost a right" in HandOver.objects.get(ticket=ticket).summary
    assert Spend.objects.get(run=run).state == Spend.State.SETTLED
    assert not Budget.objects.filter(reserved__gt=0).exists()


def test_a_pause_for_approval_does_not_reset_what_a_ticket_has_cost(world: World) -> None:
    world.script(REFUND_STORY)
    ticket = world.write()
    run = world.advance(ticket)
    assert run.state == Run.State.AWAITING_APPROVAL
    own = Budget.objects.get(scope=Budget.Scope.TICKET, subject=ticket.number)
    assert own.spent == run.cost_micros > 0
    Budget.objects.filter(pk=own.pk).update(cap=own.spent + 1)
    world.write("Is there any news?")
    assert world.advance(ticket).ended_because == HandOver.Reason.BUDGET


def test_a_new_day_starts_with_nothing_spent_and_keeps_what_is_reserved(world: World) -> None:
    run = a_run(world)
    spend = reserve(run)
    yesterday = timezone.now().date() - timedelta(days=1)
    Budget.objects.filter(pk=agent_budget().pk).update(cap=3 * CALL, spent=2 * CALL, period_start=yesterday)
    reserve(run)
    assert (agent_budget().spent, agent_budget().reserved) == (0, 2 * CALL)
    with audit_log.transaction():
        budgets.release(spend)
    assert (agent_budget().spent, agent_budget().reserved) == (0, CALL)
    assert budgets.drifts() == []


def test_a_reservation_is_closed_once_whoever_comes_first(world: World) -> None:
    run = a_run(world)
    spend = reserve(run)
    Spend.objects.update(expires_at="2020-01-01T00:00:00Z")
    assert budgets.forfeit_expired() == 1
    with audit_log.transaction():
        budgets.settle(spend, charged=1)
        budgets.release(spend)
    spend.refresh_from_db()
    assert (spend.state, spend.charged) == (Spend.State.FORFEITED, CALL)
    assert (agent_budget().spent, agent_budget().reserved) == (CALL, 0)
    assert budgets.drifts() == []


def test_a_counter_that_was_tampered_with_is_an_alarm(world: World) -> None:
    reserve(a_run(world))
    Budget.objects.filter(pk=agent_budget().pk).update(reserved=0)
    (drift,) = budgets.drifts()
    assert (drift.budget, drift.counted, drift.expected) == (agent_budget(), 0, CALL)


def test_a_paused_agent_starts_nothing_and_the_ticket_goes_to_a_person(world: World) -> None:
    Agent.objects.update(status=Agent.Status.PAUSED)
    ticket = world.write()
    ticket.refresh_from_db()
    assert not Run.objects.exists()
    assert ticket.state == Ticket.State.WAITING_PERSON


def statements(captured: CaptureQueriesContext) -> int:
    return sum("agents_" in query["sql"] for query in captured)


def test_reserving_and_settling_take_as_many_statements_for_five_scopes_as_for_one(world: World) -> None:
    run = Run.objects.select_related("agent", "ticket__customer").get(pk=a_run(world).pk)  # as a worker holds it
    for number in range(4):
        Budget.objects.create(scope=Budget.Scope.CUSTOMER, subject=f"CUS-{number}", cap=100 * CALL)
    each = (1, 1) if connection.vendor == "postgresql" else (2, 3)  # SQLite cannot write two tables in one statement
    for ids in ([agent_budget().pk], list(Budget.objects.order_by("pk").values_list("pk", flat=True))):
        run.budget_ids = ids
        with audit_log.transaction(), CaptureQueriesContext(connection) as reserving:
            spend = budgets.reserve(run=run, amount=CALL, price_id="test")
        with audit_log.transaction(), CaptureQueriesContext(connection) as settling:
            budgets.settle(spend, charged=1)
        assert (statements(reserving), statements(settling)) == each, len(ids)
        spend.refresh_from_db()
        assert (spend.state, spend.charged, spend.turn) == (Spend.State.SETTLED, 1, 1)
    assert budgets.drifts() == []


def test_a_denial_names_the_cap_that_denied_and_not_another_that_is_nearly_used_up(world: World) -> None:
    run = a_run(world)
    Budget.objects.filter(pk=agent_budget().pk).update(cap=CALL)
    Budget.objects.filter(scope=Budget.Scope.TICKET).update(cap=CALL - 1)
    with pytest.raises(budgets.BudgetDenied, match=r"^Ticket") as denied:
        reserve(run)
    assert denied.value.use == Use(cap=CALL - 1, spent=0, reserved=0)


def test_what_was_spent_yesterday_does_not_explain_a_denial_of_today(world: World) -> None:
    run = a_run(world)
    yesterday = timezone.now().date() - timedelta(days=1)
    Budget.objects.filter(pk=agent_budget().pk).update(cap=CALL - 1, spent=CALL - 1, period_start=yesterday)
    with pytest.raises(budgets.BudgetDenied, match=f"{CALL - 1} of {CALL - 1} micro-units are left"):
        reserve(run)


def test_a_call_that_waits_for_a_lock_is_judged_by_what_is_left_then(
    transactional_db: None, settings: Any, tmp_path: Path
) -> None:
    """One reservation at a time fills the cap; each settles for nothing. So nobody may hear that it is used up while
    no other holds it."""
    run = a_run(build_world(settings, tmp_path))
    Budget.objects.filter(pk=agent_budget().pk).update(cap=CALL)
    first = reserve(run)
    waiting = threading.Event()
    outcome: list[object] = []

    def second() -> None:
        waiting.set()
        try:
            outcome.append(reserve(run))
        except budgets.BudgetDenied as denied:
            outcome.append(denied)
        finally:
            connection.close()

    with audit_log.transaction():
        budgets.settle(first, charged=0)
        thread = threading.Thread(target=second)
        thread.start()
        waiting.wait(5)
        time.sleep(0.3)  # it waits for the lock that this transaction holds
    thread.join(30)
    assert [type(each) for each in outcome] == [Spend]


def test_a_cap_lowered_below_what_is_reserved_lets_the_call_in_flight_end_and_denies_the_next(world: World) -> None:
    run = a_run(world)
    spend = reserve(run)
    budget = agent_budget()
    budget.cap = CALL // 2
    budget.save(update_fields=["cap"])
    with audit_log.transaction():
        budgets.settle(spend, charged=CALL)
    spend.refresh_from_db()
    assert (spend.state, agent_budget().spent, agent_budget().reserved) == (Spend.State.SETTLED, CALL, 0)
    with pytest.raises(budgets.BudgetDenied, match=f"0 of {CALL // 2} micro-units are left"):
        reserve(run)
    assert budget.history.count() >= 2, "both caps are in the history"


@pytest.mark.parametrize(
    ("scope", "subject", "period"),
    [
        (Budget.Scope.ORGANISATION, "", Budget.Period.MONTH),
        (Budget.Scope.AGENT, "concierge", Budget.Period.DAY),
        (Budget.Scope.AGENT, "concierge", Budget.Period.MONTH),
        (Budget.Scope.TICKET, "", Budget.Period.EVER),
        (Budget.Scope.CUSTOMER, "CUS-1001", Budget.Period.DAY),
        (Budget.Scope.ANONYMOUS, "", Budget.Period.DAY),
    ],
)
def test_every_scope_caps_a_run_by_itself(world: World, scope: str, subject: str, period: str) -> None:
    if scope == Budget.Scope.TICKET:
        Agent.objects.update(session_cap_micros=1)
    else:
        Budget.objects.update_or_create(scope=scope, subject=subject, period=period, defaults={"cap": 1})
    world.script([ORDER])
    assurance = Ticket.Assurance.ANONYMOUS if scope == Budget.Scope.ANONYMOUS else Ticket.Assurance.VERIFIED
    run = world.advance(world.write("Where is ORD-1042?", assurance=assurance))
    assert (run.state, run.ended_because) == (Run.State.HANDED_OVER, HandOver.Reason.BUDGET)
    handed = HandOver.objects.get(ticket=run.ticket)
    assert Budget.Scope(scope).label in handed.summary and "1 of 1 micro-units are left" in handed.summary
    assert not run.spends.exists()
