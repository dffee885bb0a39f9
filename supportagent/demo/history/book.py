"""The rows of the history as they come together, and how they get into the database with the dates that they carry."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from django.db.models import CharField, DateTimeField, F, Model, Value
from django.db.models.functions import Cast, Concat

from agents.models import HandOff, ModelCall, Run, RunEvent, Spend, Tally, ToolCall
from approvals.models import ApprovalDecision, ApprovalRequest
from supportagent.knowledge.models import Gap
from supportagent.tickets.models import (
    Draft,
    HandOver,
    Message,
    Rating,
    Ticket,
    Triage,
    TriageLabel,
    WorkPeriod,
)
from supportagent.tickets.services.inbound import FIRST_NUMBER

Row = TypeVar("Row", bound=Model)
BATCH = 400
# What refers to a ticket and to nothing that is written later.
_IN_ORDER: tuple[type[Model], ...] = (
    Run, ModelCall, ToolCall, Spend, RunEvent, HandOff, Message, HandOver, Draft, Triage, TriageLabel, WorkPeriod,
    Rating, ApprovalDecision, Tally, Gap,
)  # fmt: skip


class Book:
    """Rows that are not written yet, by model."""

    def __init__(self) -> None:
        self._rows: dict[type[Model], list[Any]] = defaultdict(list)

    def add(self, row: Row) -> Row:
        self._rows[type(row)].append(row)
        return row

    def of(self, model: type[Row]) -> list[Row]:
        return self._rows[model]

    def write_tickets(self) -> None:
        """First those that go on with none, since a row can only refer to one that has a key; then their numbers."""
        tickets = self.of(Ticket)
        for index, ticket in enumerate(tickets):
            ticket.number = f"new-{index}"
        insert(ticket for ticket in tickets if ticket.reopens is None)
        insert(ticket for ticket in tickets if ticket.reopens is not None)
        number = Concat(Value("T-"), Cast(F("pk") + FIRST_NUMBER, CharField()))
        Ticket.objects.filter(number__startswith="new-").update(number=number)
        for ticket in tickets:
            ticket.number = f"T-{FIRST_NUMBER + ticket.pk}"

    def write_requests(self) -> None:
        """The originals first, then what took their place."""
        requests = self.of(ApprovalRequest)
        insert(request for request in requests if request.supersedes is None)
        insert(request for request in requests if request.supersedes is not None)
        editors = ApprovalRequest.editors.through
        editors.objects.bulk_create(
            editors(approvalrequest_id=request.pk, user_id=request.edited_by_id)
            for request in requests
            if request.edited_by_id
        )

    def write_rest(self) -> None:
        for model in _IN_ORDER:
            insert(self.of(model))


def insert(rows: Iterable[Model]) -> None:
    """Insert rows of one model with the dates they carry."""
    found = list(rows)
    if found:
        model: Any = type(found[0])
        with _dates_kept(model):
            model.objects.bulk_create(found, batch_size=BATCH)


@contextmanager
def _dates_kept(model: type[Model]) -> Iterator[None]:
    """Inside, a row is not dated now on its way in. Only for the seed, which nothing else works beside."""
    dated = [field for field in model._meta.concrete_fields if isinstance(field, DateTimeField)]
    before = [(field, field.auto_now, field.auto_now_add) for field in dated]
    for field in dated:
        field.auto_now = field.auto_now_add = False
    try:
        yield
    finally:
        for field, auto_now, auto_now_add in before:
            field.auto_now, field.auto_now_add = auto_now, auto_now_add
