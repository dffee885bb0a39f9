"""The runs of a ticket as chains: who began, to whom it was handed off, why, and where it is now.

A run hands off at most once and begins with at most one hand-off, so the tree of a ticket's runs is a row of chains.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from agents.loop.guardrails import SAID_ONLY
from agents.models import HandOff, Run, RunEvent
from agents.told import Told, told
from supportagent.tickets.models import Ticket
from supportagent.tickets.rendering import escape_hidden

RUNS_SHOWN = 40


@dataclass
class Link:
    """One run of a chain, with the hand-off that it began with. Without personal data the words stay hidden."""

    run: Run
    reason: str = ""
    summary: str = ""
    brief: Told = field(default_factory=Told)
    faults: list[str] = field(default_factory=list)
    handed: bool = False


def chains_of(ticket: Ticket, *, personal_data: bool) -> list[list[Link]]:
    """The newest runs of agents on the ticket, oldest chain first: three statements, however many."""
    newest = ticket.runs.of_agents().select_related("agent", "asked_by").order_by("-created_at", "-pk")
    runs = {run.pk: run for run in list(newest[:RUNS_SHOWN])[::-1]}
    begun = {made.to_run_id: made for made in HandOff.objects.filter(to_run__in=list(runs))}
    links = {pk: _link(run, begun.get(pk), personal_data) for pk, run in runs.items()}
    for event in RunEvent.objects.filter(run__in=list(runs), kind=RunEvent.Kind.GUARD, title__contains=SAID_ONLY):
        links[event.run_id].faults.append(event.title)
    following = {made.from_run_id: made.to_run_id for made in begun.values()}
    chains = []
    for pk in runs:
        if pk not in begun or begun[pk].from_run_id not in runs:
            chain, at = [], pk
            while at in links:
                chain.append(links[at])
                at = following.get(at)  # type: ignore[assignment]
            chains.append(chain)
    return chains


def _link(run: Run, made: HandOff | None, personal_data: bool) -> Link:
    if made is None:
        return Link(run)
    if not personal_data:
        return Link(run, handed=True)
    return Link(run, escape_hidden(made.reason), escape_hidden(made.summary), told(made.brief), handed=True)


def where_now(ticket: Ticket) -> str:
    """Who has the word in the ticket, in one sentence."""
    if ticket.is_over:
        return f"{ticket.number} is {ticket.get_state_display().lower()}."
    if ticket.assignee is not None:
        return f"{ticket.assignee.display_name} has {ticket.number} now."
    if ticket.held_by_person:
        return f"{ticket.number} waits for a person now; nobody has taken it yet."
    working = ticket.runs.live().of_agents().select_related("agent").first()
    if working is not None:
        return f"{working.its_agent.name} has {ticket.number} now: {working.get_state_display().lower()}."
    return f"Nobody works on {ticket.number} at the moment: {ticket.get_state_display().lower()}."
