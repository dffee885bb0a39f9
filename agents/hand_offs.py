"""Handing a conversation from one agent to another: over the arrows that an admin drew, within limits, once per turn.

The model only asks for it. What happens is an event of the runner: the run ends, the next agent's run begins with a
brief from the records, and both stand in one transaction. A model that says it hands off and does not has not.
"""

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from agents import briefs, services
from agents.assignment import speaks_with
from agents.costs import budgets
from agents.lease import Step
from agents.loop.refusal import CallRefused
from agents.models import Agent, HandOff, HandOffRoute, ModelCall, Run, ToolCall
from audit import log as audit_log
from supportagent.prepared import prepared
from supportagent.tickets.models import Message, Ticket


class GoesInCircles(Exception):
    """The agents hand the conversation on without getting anywhere: a person has to take it."""


def targets_of(agent: Agent, ticket: Ticket) -> dict[str, str]:
    """The agents that this one may hand the ticket to, by slug, and in which case: those that work and fit it."""
    routes = _routes(agent.pk)
    return {
        route.to_agent.slug: route.when
        for route in routes
        if route.to_agent.status == Agent.Status.LIVE and speaks_with(route.to_agent, ticket)
    }


def hand_off(current: Step, *, to: str, reason: str, summary: str) -> HandOff:
    """End the run by giving its ticket to the agent `to`, with a brief. The step holds the ticket and the run.

    Race: a customer writes or a person claims at this moment. Both lock the ticket first: what was written before is
    in the next agent's conversation, what comes after wakes its run, and after a claim nothing is handed off.

    Raises CallRefused, and GoesInCircles when a limit of the chain is reached.
    """
    run, ticket = current.run, current.run.ticket
    _require_free(run, ticket)
    target = _target(run, ticket, to)
    newest = _newest_words(ticket)
    _require_progress(run, target, newest)
    try:
        budget_ids = budgets.ids_for(agent=target, ticket=ticket)
    except budgets.NoBudget as error:
        raise CallRefused("target_without_budget", f"{error}, so it cannot work") from error
    records = briefs.Records(run, reader=target.service_user)
    brief = records.brief()
    current.emit("hand_off", f"Handed off to {target.name}", to=to, reason=reason, summary=summary)
    run.state, run.ended_because, run.finished_at = Run.State.COMPLETED, "handed_off", timezone.now()
    current.flush()  # the ticket has one live run: this one ends before the next begins
    current.events.clear()
    following = services.begin_run(ticket, target, budget_ids)
    made = HandOff.objects.create(
        from_run=run,
        to_run=following,
        reason=reason,
        summary=records.without_hidden(summary),
        brief=brief,
        after_seq=newest.seq if newest is not None else 0,
    )
    services.record_run("agents.run.completed", run, cost_micros=run.cost_micros, outcome="handed_off")
    customer = ticket.customer.reference
    audit_log.record(
        "agents.hand_off.made",
        target=("run", str(following.pk)),
        on_behalf_of=customer,
        ticket=ticket.number,
        run=str(run.pk),
        refs=[("customer", customer), ("agent", run.its_agent.slug), ("agent", target.slug)],
        data={"from": run.its_agent.slug, "to": target.slug, "facts": len(brief["facts"])},
        private={"reason": reason},
        subject=customer,
    )
    return made


def _require_free(run: Run, ticket: Ticket) -> None:
    if ticket.held_by_person:
        raise CallRefused("person_has_it", "a person has this conversation now")
    if run.tool_calls.filter(state__in=ToolCall.UNSETTLED).exists():
        raise CallRefused(
            "request_waits",
            "a request of yours still waits for a person; tell the customer so, and hand off when it is decided",
        )


def _target(run: Run, ticket: Ticket, to: str) -> Agent:
    route = next((route for route in _routes(run.its_agent.pk) if route.to_agent.slug == to), None)
    if route is None:
        raise CallRefused("unknown_target", "you may not hand off to an agent of that name")
    target = route.to_agent
    if target.status != Agent.Status.LIVE:
        raise CallRefused("target_paused", f"{target.name} does not work at the moment")
    if not speaks_with(target, ticket):
        raise CallRefused("unknown_target", f"{target.name} does not answer on this channel or in this language")
    return target


def _require_progress(run: Run, target: Agent, newest: Message | None) -> None:
    """Raise GoesInCircles when the agents have passed the conversation on too often since the customer last wrote."""
    seq = newest.seq if newest is not None else 0
    chain = list(
        HandOff.objects.filter(from_run__ticket=run.ticket, after_seq=seq).values_list(
            "from_run__agent", "to_run__agent"
        )
    )
    if len(chain) >= settings.MAX_HAND_OFFS:
        raise GoesInCircles(f"The agents handed this conversation on {len(chain)} times without an answer.")
    if (run.agent_id, target.pk) in chain:
        raise GoesInCircles(f"{run.its_agent.name} and {target.name} hand this conversation to each other.")
    turns = ModelCall.objects.filter(run__ticket=run.ticket)
    if newest is not None:
        turns = turns.filter(created_at__gte=newest.created_at)
    taken = turns.count()
    if taken >= settings.MAX_CHAIN_TURNS:
        raise GoesInCircles(f"The agents needed {taken} turns and there is no answer.")


def _newest_words(ticket: Ticket) -> Message | None:
    """The customer's newest message, or the brief with which a person gave the ticket back: who waits for an answer."""
    said = ticket.messages.filter(kind=Message.Kind.CUSTOMER) | ticket.messages.filter(for_agents=True)
    return said.order_by("-seq").first()


@prepared
def _routes(agent_id: int) -> QuerySet[HandOffRoute]:
    routes = HandOffRoute.objects.filter(from_agent=agent_id).select_related("to_agent__service_user")
    return routes.order_by("to_agent__slug")
