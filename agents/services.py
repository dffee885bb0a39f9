"""The verbs of runs: start, wake, recover, hand over, cancel. Callers hold the ticket's lock where it says so."""

import logging
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, QuerySet
from django.db.models.functions import Now
from django.utils import timezone

from agents import briefs
from agents.assignment import agent_for
from agents.costs import budgets
from agents.dispatch import enqueue
from agents.lease import Claim, Step, heartbeat
from agents.models import Agent, Budget, Run, ToolCall
from approvals import services as approvals
from approvals.policy import rules_in_force
from audit import log as audit_log
from audit.context import Actor
from supportagent.console import live
from supportagent.prepared import Change, change, first, insert, prepared
from supportagent.tickets import services as tickets
from supportagent.tickets.models import HandOver, Ticket

logger = logging.getLogger(__name__)

MAX_CRASHES = 3
NOBODY_ANSWERS = "A colleague will answer you here. We have your message."


def start_run(ticket: Ticket) -> Run | None:
    """Give the ticket a run, or its live run more to do. The caller holds the ticket's lock.

    Without an agent that is live and has a budget, the ticket goes to a person, and None is returned.
    """
    running = first(_live_run(ticket.pk))
    if running is not None and not running.is_assist:
        wake(running.pk)
        return running
    if running is not None:  # what a colleague asked for ends when the conversation is the agents' again
        cancel_runs(ticket, actor=Actor.system("dispatcher"), why="handed back", said="The ticket was handed back")
    agent = agent_for(ticket)
    if agent is None:
        _to_people(ticket, HandOver.Reason.OTHER, "No agent is live.")
        return None
    try:
        budget_ids = budgets.ids_for(agent=agent, ticket=ticket)
    except budgets.NoBudget as error:
        _to_people(ticket, HandOver.Reason.BUDGET, str(error))
        return None
    return begin_run(ticket, agent, budget_ids)


def begin_run(ticket: Ticket, agent: Agent, budget_ids: list[int], **asked: Any) -> Run:
    """Queue a run of this agent. The caller holds the ticket's lock and knows that no other run of it is live."""
    verified = ticket.assurance == Ticket.Assurance.VERIFIED
    run = Run(
        ticket=ticket,
        agent=agent,
        **asked,
        assurance=ticket.assurance,
        customer=ticket.customer.reference if verified else "",
        budget_ids=budget_ids,
        configuration=_configuration(agent, budget_ids),
        enqueued_at=Now(),
    )
    insert(run)
    record_run("agents.run.started", run, actor=Actor.system("dispatcher"))
    enqueue(run.pk)
    return run


@prepared
def _live_run(ticket_id: int) -> QuerySet[Run]:
    return Run.objects.live().of_agents().filter(ticket=ticket_id)


def wake(run_id: UUID) -> None:
    """Tell a live run that there is something new: whoever works on it will not leave before it has looked.

    Race: the worker is just leaving. Both change the run's row, so either it sees the new `wanted`, or its job
    finds the run queued.
    """
    _want_more(run_id)
    if _queue_again(run_id):
        enqueue(run_id)
    live.publish(f"run.{run_id}", {"type": "live.changed", "what": "run"})


@prepared
def _want_more(run_id: UUID) -> Change[Run]:
    return change(Run.objects.filter(pk=run_id, state__in=Run.LIVE), wanted=F("wanted") + 1)


@prepared
def _queue_again(run_id: UUID) -> Change[Run]:
    waiting = Run.objects.filter(pk=run_id, state=Run.State.AWAITING_APPROVAL)
    return change(waiting, state=Run.State.QUEUED, enqueued_at=Now())


def cancel_runs(ticket: Ticket, *, actor: Actor, why: str, said: str = "A person took over") -> None:
    """End the agent's live run: its fence rises, so a worker in the middle of a turn can change nothing more.

    What colleagues called themselves goes on: whoever takes the ticket takes it from the agent.

    The caller holds the ticket's lock.
    """
    for run in Run.objects.live().of_agents().select_for_update().filter(ticket=ticket):
        run.fence += 1
        run.state = Run.State.CANCELLED
        run.ended_because = why
        run.finished_at = timezone.now()
        step = Step(run)
        step.emit("human", said)
        run.save(update_fields=["fence"])
        step.flush()
        cancel_held_calls(run, actor=actor, why=why)
        record_run("agents.run.cancelled", run, actor=actor, outcome=why)


def cancel_direct_calls(ticket: Ticket, *, actor: Actor, why: str) -> None:
    """Refuse what colleagues called on the ticket and what was not sent. The caller holds the ticket's lock."""
    for run in Run.objects.live().select_for_update().filter(ticket=ticket, caller__isnull=False):
        cancel_held_calls(run, actor=actor, why=why)
        wake(run.pk)


def cancel_held_calls(run: Run, *, actor: Actor, why: str) -> None:
    """Refuse every call of a run that was not sent, and end its approval requests."""
    unsent = [ToolCall.State.PROPOSED, ToolCall.State.AWAITING_APPROVAL, ToolCall.State.READY]
    held = list(run.tool_calls.filter(state__in=unsent).values_list("pk", flat=True))
    ToolCall.objects.filter(pk__in=held, state__in=unsent).update(
        state=ToolCall.State.REFUSED,
        code="cancelled",
        result={"error": {"code": "cancelled", "message": "nothing was executed"}},
        finished_at=Now(),
    )
    approvals.cancel_for_calls(held, actor=actor, why=why)


def hand_over(current: Step, *, reason: str, summary: str, customer_text: str) -> HandOver:
    """Give a run's ticket to a person, with what the records say. The caller holds ticket and run."""
    run = current.run
    actor = run.actor
    cancel_held_calls(run, actor=Actor.of(actor), why="handed over")
    current.emit("human", "Handed over to a person", reason=reason, summary=summary)
    if reason == HandOver.Reason.BUDGET:
        record_run("agents.budget.denied", run)
    return tickets.hand_over(
        ticket=run.ticket,
        reason_code=reason,
        summary=summary,
        actor=actor,
        author_name=run.actor_name,
        customer_text=customer_text,
        run_id=run.pk,
        **told(run, reason),
    )


def complete_hand_over(run: Run) -> None:
    """Add what the records say to a hand-over that the agent asked for itself, with its own words only."""
    tickets.complete_hand_over(ticket=run.ticket, run_id=run.pk, told=lambda reason: told(run, reason))


def told(run: Run, reason: str) -> dict[str, Any]:
    """What a person who takes the ticket is told from the records: facts, tried, the open question, a next step."""
    brief = briefs.Records(run).brief()
    return {"facts": brief, "question": brief["question"], "next_step": briefs.NEXT_STEPS.get(reason, "")}


def recover(run_id: UUID, *, fence: int) -> bool:
    """Take a run from a worker that died or failed: queue it again, or park it for a person after three crashes.

    Race: the worker may still be alive and only slow. The fence rises, so whatever it writes is void.
    """
    with audit_log.transaction():
        Ticket.objects.select_for_update(of=("self",)).get(runs=run_id)
        taken = Run.objects.filter(pk=run_id, fence=fence, state=Run.State.RUNNING).update(
            fence=F("fence") + 1,
            crashes=F("crashes") + 1,
            wanted=F("wanted") + 1,
            state=Run.State.QUEUED,
            enqueued_at=Now(),
        )
        if not taken:
            return False
        run = Run.objects.select_related("agent__service_user", "caller", "ticket__customer").get(pk=run_id)
        step = Step(run)
        if run.crashes < MAX_CRASHES:
            step.emit("error", "The worker stopped; the run goes on from its rows", crashes=run.crashes)
            record_run("agents.run.recovered", run, actor=Actor.system("reaper"))
            step.flush()
            enqueue(run.pk)
            return True
        _park(run, step)
        return True


def give_back(held: Claim) -> bool:
    """Let another worker go on with a run whose own is asked to end: no crash, and nobody waits for the lease.

    Race: its thread may be in the middle of a call, or about to leave the run. The UPDATE waits for the row and names
    fence and state, so a run that was left is left alone; otherwise the fence rises, what the thread still writes is
    void, and whoever goes on finds out what became of the call.
    """
    with transaction.atomic():
        given = Run.objects.filter(pk=held.run_id, fence=held.fence, state=Run.State.RUNNING).update(
            state=Run.State.QUEUED, fence=F("fence") + 1, enqueued_at=Now()
        )
        if given:
            enqueue(held.run_id)
    return bool(given)


def give_back_held() -> int:
    """Give back every run that this process works on; one that cannot be does not keep the others. Returns how many."""
    return sum(_given_back(held) for held in heartbeat.held())


def _given_back(held: Claim) -> bool:
    try:
        return give_back(held)
    except Exception:
        logger.warning("run %s could not be given back; its lease will pass it on", held.run_id, exc_info=True)
        return False


def reap() -> int:
    """Recover every run whose lease ran out; one that cannot be recovered does not hold up the others.

    Returns how many were.
    """
    dead = Run.objects.filter(state=Run.State.RUNNING, lease_until__lt=Now()).values_list("pk", "fence")[:100]
    return sum(_recovered(run_id, fence) for run_id, fence in list(dead))


def _recovered(run_id: UUID, fence: int) -> bool:
    try:
        return recover(run_id, fence=fence)
    except Exception:
        logger.exception("run %s could not be recovered", run_id)
        return False


def sweep() -> int:
    """Enqueue runs that have waited for a worker longer than a sweep should take: their job may be lost.

    A job too many does no harm, so this needs no lock. Returns how many were enqueued.
    """
    lost = Run.objects.filter(state=Run.State.QUEUED, enqueued_at__lt=Now() - settings.JOB_LOST_AFTER)
    run_ids = list(lost.values_list("pk", flat=True)[:500])
    for run_id in run_ids:
        Run.objects.filter(pk=run_id, state=Run.State.QUEUED).update(enqueued_at=Now())
        enqueue(run_id)
    return len(run_ids)


def wake_effective() -> int:
    """Wake runs that hold a call whose approval can no longer be taken back. Returns how many.

    A run that is not resting looks at its calls anyway, and one woken twice finds nothing to do.
    """
    due = ToolCall.objects.filter(
        state=ToolCall.State.READY, effective_at__lte=Now(), run__state=Run.State.AWAITING_APPROVAL
    )
    run_ids = list(due.order_by().values_list("run_id", flat=True).distinct()[:500])
    for run_id in run_ids:
        with transaction.atomic():
            wake(run_id)
    return len(run_ids)


def record_run(
    action: str, run: Run, *, actor: Actor | None = None, cost_micros: int | None = None, outcome: str = ""
) -> None:
    """Audit something that happened to a run as a whole."""
    customer = run.ticket.customer.reference
    audit_log.record(
        action,
        actor=actor,
        target=("run", str(run.pk)),
        on_behalf_of=customer,
        ticket=run.ticket.number,
        run=str(run.pk),
        refs=[("customer", customer), run.actor_ref],
        outcome=outcome,
        cost_micros=cost_micros,
    )


def _park(run: Run, step: Step) -> None:
    """Three crashes: no more tries, a person decides. The customer hears that somebody will answer.

    Of a run that somebody of us asked for the asker sees that it ended; nothing was promised to the customer, so the
    ticket stays as it is.
    """
    run.state = Run.State.PARKED
    run.ended_because = "crashes"
    step.emit("error", f"Parked after {run.crashes} crashes")
    if not run.answers_customer:
        run.finished_at = timezone.now()
        cancel_held_calls(run, actor=Actor.system("reaper"), why="parked")
    else:
        hand_over(
            step,
            reason=HandOver.Reason.FAILURE,
            summary=f"The run stopped {run.crashes} times and was parked.",
            customer_text=NOBODY_ANSWERS,
        )
    record_run("agents.run.parked", run, actor=Actor.system("reaper"))
    step.flush()


def _to_people(ticket: Ticket, reason: str, summary: str) -> None:
    tickets.hand_over(
        ticket=ticket,
        reason_code=reason,
        summary=summary,
        actor=Actor.system("dispatcher"),
        customer_text=NOBODY_ANSWERS,
    )


def _configuration(agent: Agent, budget_ids: list[int]) -> dict[str, object]:
    """History ids of what is in force when the run starts, so that it can be explained later."""
    caps = {str(budget_id): history_id for budget_id, history_id in _newest_of_budgets(tuple(budget_ids))}
    return {"agent": first(_newest_of_agent(agent.pk)), "budgets": caps, "policies": rules_in_force()}


@prepared
def _newest_of_agent(agent_id: int) -> QuerySet[Any, int]:
    history: QuerySet[Any] = Agent.history.filter(id=agent_id)
    return history.order_by("-history_id").values_list("history_id", flat=True)[:1]


@prepared
def _newest_of_budgets(budget_ids: tuple[int, ...]) -> QuerySet[Any, tuple[int, int]]:
    history: QuerySet[Any] = Budget.history.filter(id__in=budget_ids)
    return history.order_by().values("id").annotate(newest=Max("history_id")).values_list("id", "newest")
