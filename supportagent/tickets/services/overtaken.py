"""What agents would have answered, and nobody has sent yet: overtaken by whatever comes after it."""

from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from audit import log as audit_log
from audit.context import Actor
from supportagent.prepared import Change, change, prepared
from supportagent.staff.models import User
from supportagent.tickets.models import Draft, Ticket
from supportagent.tickets.services.base import actor_of, refs_of

ANSWERS = (Draft.Kind.DRAFT, Draft.Kind.APPROVE)  # what an agent would have sent itself


def supersede_answers(ticket: Ticket, actor: User | Actor) -> None:
    """What agents would have answered is out of date. The caller holds the ticket's lock."""
    for pk, run_id in _open_answers(ticket.pk, ANSWERS):
        _overtake(pk)
        audit_log.record(
            "tickets.draft.superseded",
            target=("draft", str(pk)),
            actor=actor_of(actor),
            ticket=ticket.number,
            run=str(run_id or ""),
            refs=refs_of(ticket),
        )


@prepared
def _open_answers(ticket_id: int, kinds: tuple[str, ...]) -> QuerySet[Draft, tuple[int, UUID | None]]:
    answers = Draft.objects.filter(ticket=ticket_id, state=Draft.State.OPEN, kind__in=kinds)
    return answers.order_by("pk").values_list("pk", "run_id")


@prepared
def _overtake(pk: int) -> Change[Draft]:
    return change(Draft.objects.filter(pk=pk, state=Draft.State.OPEN), state=Draft.State.SUPERSEDED, decided_at=Now())
