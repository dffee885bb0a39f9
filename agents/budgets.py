"""Caps that hold under concurrency: reserve the worst case before a model call, settle it after.

Checking a sum and then adding to it lets every caller in flight through. Here one conditional UPDATE over all the
budgets of a run, in id order, either takes the whole reservation or nothing.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet, Sum
from django.db.models.functions import Now
from django.utils import timezone

from agents.models import Agent, Budget, Run, Spend
from agents.providers.base import Usage
from audit import log as audit_log
from supportagent.prepared import Change, change, insert, prepared
from supportagent.tickets.models import Ticket

RESERVATION_SECONDS = 900  # longer than any call may take; what is older lost its worker
NOTHING_COUNTED = Usage(0, 0)
_EXPIRES_AT = Now() + timedelta(seconds=RESERVATION_SECONDS)


class BudgetDenied(Exception):
    """A cap does not hold the worst case of the next call; the message names the cap, its limit and what is left."""


class NoBudget(BudgetDenied):
    """The agent has no budget at all, so it does not run."""


@dataclass(frozen=True)
class Drift:
    """A budget whose counter disagrees with its reservations: an alarm."""

    budget: Budget
    counted: int
    expected: int


def ids_for(*, agent: Agent, ticket: Ticket) -> list[int]:
    """Every budget that a run on this ticket draws on, in the order in which they are locked.

    The ticket's own budget is made here from the agent's session cap; the caller holds the ticket's lock, so it is
    made once. Raises NoBudget.
    """
    anonymous = Budget.Scope.ANONYMOUS.value if ticket.assurance == Ticket.Assurance.ANONYMOUS else None
    found = _drawn_on(agent.slug, ticket.number, ticket.customer.reference, anonymous)
    known = {scope for _, scope in found}
    if Budget.Scope.AGENT not in known:
        raise NoBudget(f"{agent.name} has no budget")
    ids = [pk for pk, _ in found]
    return ids if Budget.Scope.TICKET in known else [*ids, _session_budget(agent, ticket).pk]


@prepared
def _drawn_on(agent: str, ticket: str, customer: str, anonymous: str | None) -> QuerySet[Budget, tuple[int, str]]:
    scopes = (
        Q(scope=Budget.Scope.ORGANISATION)
        | Q(scope=Budget.Scope.AGENT, subject=agent)
        | Q(scope=Budget.Scope.TICKET, subject=ticket)
        | Q(scope=Budget.Scope.CUSTOMER, subject=customer)
    )
    if anonymous is not None:
        scopes |= Q(scope=anonymous)
    return Budget.objects.filter(scopes).order_by("pk").values_list("pk", "scope")


def _session_budget(agent: Agent, ticket: Ticket) -> Budget:
    """Nobody set this cap by hand, so it has no history of its own: the agent's says where it comes from."""
    budget = Budget(scope=Budget.Scope.TICKET, subject=ticket.number, cap=agent.session_cap_micros)
    budget.skip_history_when_saving = True  # type: ignore[attr-defined]  # simple-history's own switch
    budget.save(force_insert=True)
    return budget


def reserve(*, run: Run, amount: int, price_id: str, provider: str = "", model: str = "") -> Spend:
    """Hold `amount` micro-units in every budget of the run. Raises BudgetDenied, and then holds nothing.

    `provider` and `model` are who is about to be asked; the ledger says so, and whom it is for.
    """
    ids = run.budget_ids
    if _change(ids, _RESERVE, _reserve_parameters(amount), condition=_FITS, values=_fits_parameters(amount)) != len(
        ids
    ):
        raise BudgetDenied(_who_denied(ids, amount))
    ticket = run.ticket
    spend = Spend(
        run=run,
        turn=run.turns + 1,
        budget_ids=ids,
        reserved=amount,
        price_id=price_id,
        provider=provider,
        model=model,
        ticket=ticket.number,
        agent=run.its_agent.slug,
        customer=ticket.customer.reference,
        category=ticket.category,
        channel=ticket.channel,
        expires_at=_EXPIRES_AT,
    )
    insert(spend)
    return spend


def settle(spend: Spend, *, charged: int, usage: Usage | None = None, request_id: str = "") -> None:
    """Replace a reservation by what the call really cost, and keep the tokens that the provider counted."""
    _close(spend, Spend.State.SETTLED, charged=charged, usage=usage or NOTHING_COUNTED, request_id=request_id)


def release(spend: Spend) -> None:
    """Give a reservation back: the call definitely did not start."""
    _close(spend, Spend.State.RELEASED, charged=0)


def forfeit(spend: Spend, *, note: str) -> None:
    """Charge the whole reservation: nobody knows what the call cost (a cut stream, a killed worker)."""
    _close(spend, Spend.State.FORFEITED, charged=spend.reserved, note=note)


def forfeit_expired() -> int:
    """Settle reservations whose worker is gone as spent, never release them silently. Returns how many."""
    expired = list(Spend.objects.filter(state=Spend.State.RESERVED, expires_at__lt=Now())[:100])
    for spend in expired:
        with audit_log.transaction():
            forfeit(spend, note="reservation expired")
    return len(expired)


def drifts() -> list[Drift]:
    """Compare every budget's reserved counter with its open reservations; empty when all agree."""
    expected: dict[int, int] = {}
    for ids, reserved in Spend.objects.filter(state=Spend.State.RESERVED).values_list("budget_ids", "reserved"):
        for pk in ids:
            expected[pk] = expected.get(pk, 0) + reserved
    return [
        Drift(budget, budget.reserved, expected.get(budget.pk, 0))
        for budget in Budget.objects.iterator()
        if budget.reserved != expected.get(budget.pk, 0)
    ]


def spent_on(ticket: Ticket) -> int:
    """What the ticket has cost so far, in micro-units."""
    return Spend.objects.filter(run__ticket=ticket).aggregate(total=Sum("charged"))["total"] or 0


def _close(
    spend: Spend,
    state: str,
    *,
    charged: int,
    note: str = "",
    usage: Usage = NOTHING_COUNTED,
    request_id: str = "",
) -> None:
    # Race: the worker settles while the reaper forfeits. The state in the condition lets one of them count.
    closed = _close_reserved(
        spend.pk,
        state=state,
        charged=charged,
        note=note,
        request_id=request_id,
        input_tokens=usage.input_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
    )
    if closed:
        _change(spend.budget_ids, "reserved = reserved - %s, spent = spent + %s", [spend.reserved, charged])


@prepared
def _close_reserved(spend_id: int, **values: Any) -> Change[Spend]:
    return change(Spend.objects.filter(pk=spend_id, state=Spend.State.RESERVED), **values)


# A new day or month starts with nothing spent; what is reserved stays reserved.
_ROLLED = "CASE WHEN period <> 'ever' AND COALESCE(period_start, '0001-01-01') < {start} THEN 0 ELSE spent END"
_START = "CASE period WHEN 'month' THEN CAST(%s AS date) ELSE CAST(%s AS date) END"
_SQLITE_START = "CASE period WHEN 'month' THEN %s ELSE %s END"


def _start_sql() -> str:
    return _START if connection.vendor == "postgresql" else _SQLITE_START


_RESERVE = "reserved = reserved + %s, spent = {rolled}, period_start = {start}"
_FITS = "reserved + {rolled} + %s <= cap"


def _starts() -> list[date]:
    today = timezone.now().date()
    return [today.replace(day=1), today]


def _reserve_parameters(amount: int) -> list[Any]:
    return [amount, *_starts(), *_starts()]


def _fits_parameters(amount: int) -> list[Any]:
    return [*_starts(), amount]


def _change(
    ids: list[int],
    assignments: str,
    parameters: list[Any],
    *,
    condition: str = "",
    values: list[Any] | None = None,
) -> int:
    """One UPDATE over several budgets, their rows locked in id order so that two runs cannot deadlock."""
    start = _start_sql()
    rolled = _ROLLED.format(start=start)
    marks = ", ".join(["%s"] * len(ids))
    chosen, lock = marks, ""
    if connection.vendor == "postgresql":
        lock = f"WITH held AS (SELECT id FROM agents_budget WHERE id IN ({marks}) ORDER BY id FOR UPDATE) "  # noqa: S608
        chosen = "SELECT id FROM held"
    where = f" AND {condition.format(rolled=rolled)}" if condition else ""
    sql = (
        f"{lock}UPDATE agents_budget SET {assignments.format(rolled=rolled, start=start)} "  # noqa: S608
        f"WHERE id IN ({chosen}){where}"
    )
    changes = [*parameters, *ids] if not lock else [*ids, *parameters]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*changes, *(values or [])])
        return cursor.rowcount


def _who_denied(ids: list[int], amount: int) -> str:
    tight = Budget.objects.filter(pk__in=ids, cap__lt=F("reserved") + F("spent") + amount).first()
    if tight is None:
        return "a budget of this run no longer exists"
    return f"{tight}: the next call may cost {amount}, {tight.left} of {tight.cap} micro-units are left"
