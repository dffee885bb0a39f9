"""A colleague who holds a ticket asks an agent for a draft or a look-up, and keeps the ticket."""

from agents import services
from agents.assignment import agent_for
from agents.costs import budgets
from agents.models import Run
from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission
from supportagent.tickets.errors import Conflict
from supportagent.tickets.models import Ticket
from supportagent.tickets.services.base import authorise, lock, require_holder, require_not_over
from supportagent.tickets.text import clean_body

QUESTION_LIMIT = 2_000  # characters


def ask_agent(*, ticket: Ticket, by: User, asked_for: str, question: str = "") -> Run:
    """Queue a run that works for `by`: its answer becomes a draft or an internal note, never a reply.

    It may read whatever the agent may read, and write nothing. A draft needs no question; a look-up does.

    Raises PermissionDenied, NotYours or Conflict(by) for a ticket that `by` does not hold, Conflict when an agent is
    at it already or none can work, InvalidMessage for a look-up without a question.
    """
    wanted = Run.AskedFor(asked_for)
    text = clean_body(question, limit=QUESTION_LIMIT) if question.strip() or wanted == Run.AskedFor.LOOK_UP else ""
    with audit_log.transaction():
        locked = lock(ticket)
        authorise(by, Permission.TAKE_OVER_TICKET, locked)
        require_holder(locked, by)
        require_not_over(locked)
        # The race closed here: two clicks. The ticket's lock puts them in order, and the second finds the first's run.
        if Run.objects.live().of_agents().filter(ticket=locked).exists():
            raise Conflict("An agent is at work on this already.")
        agent = agent_for(locked)
        if agent is None:
            raise Conflict("No agent works at the moment.")
        try:
            budget_ids = budgets.ids_for(agent=agent, ticket=locked)
        except budgets.NoBudget as error:
            raise Conflict(f"{error}, so it cannot work.") from error
        run = services.begin_run(locked, agent, budget_ids, asked_by=by, asked_for=wanted, question=text)
        services.record_run("agents.run.asked_for", run, actor=Actor.of(by), outcome=str(wanted))
    return run
