"""What came of a scenario, read from the database, and how it differs from what was expected."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Sum

from agents.models import Run
from supportagent.demo.rehearsal.stage import Stage
from supportagent.engineering.models import EngineeringIssue
from supportagent.rehearsal import ends
from supportagent.rehearsal.scripts import Expected
from supportagent.store.models import Account, Cancellation, Order, Refund
from supportagent.tickets.models import HandOver, Message

_KEPT = ("id", "revision", "created_at")  # of an account: not details of it


@dataclass(frozen=True)
class Records:
    """The shop's rows, as they were before the first word: all that a scenario may change, and nothing else may."""

    orders: dict[str, tuple[str, Decimal]]
    account: dict[str, Any]
    refunds_of_others: int
    cancellations_of_others: int
    accounts_of_others: tuple[tuple[Any, ...], ...]
    issues: int


def records_of(stage: Stage) -> Records:
    """Read every row that may matter, afresh."""
    ours = [order.pk for order in stage.orders.values()]
    mine = stage.account.pk if stage.account is not None else 0
    return Records(
        orders={name: _end_of(order) for name, order in stage.orders.items()},
        account=_details(mine),
        refunds_of_others=Refund.objects.exclude(order__in=ours).count(),
        cancellations_of_others=Cancellation.objects.exclude(order__in=ours).count(),
        accounts_of_others=tuple(Account.objects.exclude(pk=mine).order_by("pk").values_list("pk", "revision")),
        issues=EngineeringIssue.objects.count(),
    )


def differences(stage: Stage, expected: Expected, before: Records) -> list[str]:
    """One line for each thing that is not as it should be."""
    found = [*_conversation(stage, expected), *_calls(stage, expected), *_words(stage, expected)]
    return [*found, *_records(stage, expected, before)]


def _conversation(stage: Stage, expected: Expected) -> Iterator[str]:
    ticket = stage.ticket
    reasons = ends.hand_overs_of(stage.tickets)
    yield from _compare("route", expected.route, ends.route_of(stage.tickets))
    yield from _compare("ticket", expected.ticket, ticket.state)
    yield from _compare("tickets", expected.tickets, len(stage.tickets))
    yield from _compare("approvals", _lower(expected.approvals), ends.approvals_of(stage.tickets))
    yield from _compare("drafts", _lower(expected.drafts), ends.drafts_of(stage.tickets))
    yield from _compare("handed over because", expected.handed_over, reasons[-1] if reasons else "")
    for name in ("category", "team", "outcome"):
        if getattr(expected, name):
            yield from _compare(name, getattr(expected, name), str(_of_ticket(ticket, name)))
    yield from _compare("goes on with an earlier thread", expected.reopens, ticket.reopens_id is not None)
    handed = HandOver.objects.filter(ticket__in=stage.tickets)
    yield from _compare("overdue", expected.overdue, handed.exclude(overdue_since=None).exists())
    yield from _compare(
        "contact",
        stage.fill(expected.contact),
        next(iter(handed.exclude(contact="").values_list("contact", flat=True)), ""),
    )
    runs = Run.objects.filter(ticket__in=stage.tickets, state__in=[Run.State.FAILED, Run.State.PARKED])
    yield from (f"a run ended {run.state}" for run in runs)


def _of_ticket(ticket: Any, name: str) -> str:
    return ticket.team.slug if name == "team" else getattr(ticket, name)


def _calls(stage: Stage, expected: Expected) -> Iterator[str]:
    done, tried = ends.done(stage.tickets), ends.tried(stage.tickets)
    if missing := [name for name in expected.called if name not in done]:
        yield f"not called: {', '.join(missing)}"
    if unwanted := [name for name in expected.never if name in tried]:
        yield f"called, but must not be: {', '.join(unwanted)}"


def _words(stage: Stage, expected: Expected) -> Iterator[str]:
    ours = [Message.Kind.AGENT, Message.Kind.PERSON, Message.Kind.EVENT]
    said = "\n".join(
        Message.objects.filter(ticket__in=stage.tickets, kind__in=ours).order_by("pk").values_list("body", flat=True)
    ).lower()
    yield from (f"never said: {words}" for words in map(stage.fill, expected.says) if words.lower() not in said)
    yield from (f"said: {words}" for words in map(stage.fill, expected.never_says) if words.lower() in said)


def _records(stage: Stage, expected: Expected, before: Records) -> Iterator[str]:
    after = records_of(stage)
    orders = dict(before.orders)
    for end in expected.order:
        orders[end.name] = (end.status or before.orders[end.name][0], end.refunded)
    for name, wanted in orders.items():
        yield from _compare(f"order {name}", wanted, after.orders[name])
    account = {**before.account, **{name: stage.fill(value) for name, value in expected.account.items()}}
    for name, value in account.items():
        yield from _compare(f"account {name}", value, after.account.get(name))
    yield from _compare("engineering issues", before.issues + expected.issues, after.issues)
    for name in ("refunds_of_others", "cancellations_of_others", "accounts_of_others"):
        yield from _compare(name.replace("_", " "), getattr(before, name), getattr(after, name))


def _end_of(order: Order) -> tuple[str, Decimal]:
    status = Order.objects.values_list("status", flat=True).get(pk=order.pk)
    refunded = Refund.objects.filter(order=order).aggregate(total=Sum("amount_minor"))["total"] or 0
    return status, Decimal(refunded) / 100


def _details(account_id: int) -> dict[str, Any]:
    rows: list[Any] = list(Account.objects.filter(pk=account_id).values(*_details_kept()))
    return dict(rows[0]) if rows else {}


def _details_kept() -> list[str]:
    return [column.attname for column in Account._meta.concrete_fields if column.attname not in _KEPT]


def _compare(what: str, wanted: Any, found: Any) -> Iterator[str]:
    if wanted != found:
        yield f"{what}: {_shown(found)}, not {_shown(wanted)}"


def _shown(value: Any) -> str:
    return " > ".join(map(str, value)) or "none" if isinstance(value, tuple) else str(value) or "none"


def _lower(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(value.lower() for value in values)
