"""A finished ticket as the text of a scenario file: one verb, audited, and nobody's data in what comes out."""

from __future__ import annotations

from audit import log as audit_log
from audit.context import Actor
from supportagent.rehearsal.conversation import Recorded
from supportagent.rehearsal.pseudonyms import CUT
from supportagent.rehearsal.scripts import CUSTOMERS, Scenario
from supportagent.rehearsal.timeline import Timeline
from supportagent.rehearsal.writing import write
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, require
from supportagent.tickets.errors import Conflict, InvalidMessage
from supportagent.tickets.models import Ticket

# What the file holds is what these show: a run, what was said, and how agents do.
NEEDED = (Permission.VIEW_TICKET, Permission.VIEW_RUN, Permission.VIEW_PII, Permission.VIEW_DASHBOARD)


def may_export(user: User) -> bool:
    """Whether this person may make scenarios of the tickets that they see."""
    return all(user.has_perm(right) for right in NEEDED)


def export(*, ticket: Ticket, by: User) -> str:
    """The scenario file of a ticket that is over, and an entry in the audit trail that it was made.

    Raises PermissionDenied; Conflict while the ticket is not over; InvalidMessage where no customer wrote.
    """
    for right in NEEDED:
        require(by, right)
    if not ticket.is_over:
        raise Conflict(f"{ticket.number} is not finished, so it is no scenario yet.")
    recorded = Recorded.of(ticket)
    timeline = Timeline(recorded)
    if not timeline.steps or timeline.steps[0].who != "customer":
        raise InvalidMessage("The conversation does not begin with a customer's words, so nobody could play it.")
    expected = timeline.expected()
    scenario = Scenario(
        name="exported",
        title=f"{ticket.get_category_display()}: from a real conversation",
        steps=tuple(timeline.steps),
        expected=expected,
        customer=next(word for word, assurance in CUSTOMERS.items() if assurance == ticket.assurance),
        orders=recorded.orders(),
        autonomy=recorded.autonomy(),
        present=recorded.present(),
    )
    text = write(scenario, head=_head(timeline), before_step=timeline.notes)
    with audit_log.transaction():
        audit_log.record(
            "rehearsal.scenario.exported",
            target=("ticket", ticket.number),
            actor=Actor.of(by),
            ticket=ticket.number,
            data={"steps": len(scenario.steps), "cuts": recorded.names.cuts},
            refs=[("customer", ticket.customer.reference)],
        )
    return text


def _head(timeline: Timeline) -> list[str]:
    cuts = timeline.recorded.names.cuts
    return [
        "Made from a finished ticket. What the records know about people was replaced, and what looks personal was",
        f"cut: {CUT} and other words in brackets stand where something is missing ({cuts} times).",
        "No program finds every name: read this file before you pass it on, and mend what lost its sense.",
        "Comments say what happened and is not played. Orders are made anew from today's catalogue: sums may differ.",
        *timeline.unsaid,
        "",
    ]
