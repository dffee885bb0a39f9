"""Caps that hold under concurrency: reserve the worst case before a model call, settle it after.

Checking a sum and then adding to it lets every caller in flight through. Here one conditional UPDATE over all the
budgets of a run, in id order, either takes the whole reservation or nothing. On PostgreSQL the reservation's own row
is written by the same statement, and so it is when it is closed; SQLite cannot, and takes two, however many the scopes.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Now
from django.utils import timezone

from agents.costs.spending import Use, use_of
from agents.models import Agent, Budget, Run, Spend
from agents.providers.base import Usage
from audit import log as audit_log
from supportagent.prepared import Change, change, insert, prepared
from supportagent.tickets.models import Ticket

RESERVATION_SECONDS = 900  # longer than any call may take; what is older lost its worker
EXPIRED = "reservation expired"  # what the ledger says of one whose worker is gone
NOTHING_COUNTED = Usage(0, 0)
_EXPIRES_AT = Now() + timedelta(seconds=RESERVATION_SECONDS)


class BudgetDenied(Exception):
    """A cap does not hold the worst case of the next call; the message names the cap, its limit and what is left.

    `use` are the counters that denied it, read under the lock that judged them; None where a budget is gone.
    """

    def __init__(self, message: str, use: Use | None = None) -> None:
        super().__init__(message)
        self.use = use


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
    ticket = run.ticket
    spend = Spend(
        run=run,
        turn=run.turns + 1,
        budget_ids=run.budget_ids,
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
    if connection.vendor == "postgresql":
        _hold_at_once(spend)
    else:
        _hold(spend)
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
            forfeit(spend, note=EXPIRED)
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
    said = {
        "state": state,
        "charged": charged,
        "note": note,
        "request_id": request_id,
        "input_tokens": usage.input_tokens,
        "cached_tokens": usage.cached_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
    }
    if connection.vendor == "postgresql":
        given = [spend.pk, *spend.budget_ids, *said.values(), spend.reserved, charged]
        with connection.cursor() as cursor:
            cursor.execute(_closing(len(spend.budget_ids), tuple(said)), given)
    elif _close_reserved(spend.pk, **said):
        _change(spend.budget_ids, "reserved = reserved - %s, spent = spent + %s", [spend.reserved, charged])


@prepared
def _close_reserved(spend_id: int, **values: Any) -> Change[Spend]:
    return change(Spend.objects.filter(pk=spend_id, state=Spend.State.RESERVED), **values)


# A new day or month starts with nothing spent; what is reserved stays reserved.
_ROLLED = "CASE WHEN period <> 'ever' AND COALESCE(period_start, '0001-01-01') < {start} THEN 0 ELSE spent END"
_START = "CASE period WHEN 'month' THEN CAST(%s AS date) ELSE CAST(%s AS date) END"
_SQLITE_START = "CASE period WHEN 'month' THEN %s ELSE %s END"


def _starts() -> list[date]:
    today = timezone.now().date()
    return [today.replace(day=1), today]


def _change(ids: list[int], assignments: str, parameters: list[Any], *, condition: str = "", values: Any = ()) -> int:
    """SQLite: one UPDATE over several budgets. Where a condition does not hold for one of them, none is changed."""
    marks = ", ".join(["%s"] * len(ids))
    sql = f"UPDATE agents_budget SET {assignments} WHERE id IN ({marks})"  # noqa: S608
    given = [*parameters, *ids]
    if condition:
        sql += f" AND %s = (SELECT COUNT(*) FROM agents_budget WHERE id IN ({marks}) AND {condition})"  # noqa: S608
        given += [len(ids), *ids, *values]
    with connection.cursor() as cursor:
        cursor.execute(sql, given)
        return cursor.rowcount


def _hold(spend: Spend) -> None:
    """SQLite: the transaction has the only write lock from its beginning, so what is read in it is what denied."""
    ids, amount, starts = spend.budget_ids, spend.reserved, _starts()
    rolled = _ROLLED.format(start=_SQLITE_START)
    taken = _change(
        ids,
        f"reserved = reserved + %s, spent = {rolled}, period_start = {_SQLITE_START}",
        [amount, *starts, *starts],
        condition=f"reserved + {rolled} + %s <= cap",
        values=[*starts, amount],
    )
    if taken != len(ids):
        uses = [(budget.pk, use_of(budget)) for budget in Budget.objects.filter(pk__in=ids).order_by("pk")]
        tight = (pair for pair in uses if pair[1].spent + pair[1].reserved + amount > pair[1].cap)
        raise _denied(amount, *next(tight, (None, None)))
    insert(spend)


def _hold_at_once(spend: Spend) -> None:
    """PostgreSQL: judge, hold and enter the reservation in one statement.

    Race: while it waits for a budget's lock, another call settles for less. What is judged is therefore read under
    the lock, never the statement's own older view of the rows, which would deny although there is money.
    """
    columns = [field for field in Spend._meta.concrete_fields if not field.primary_key]
    values = [field.pre_save(spend, add=True) for field in columns]
    entered = [
        field.get_db_prep_save(value, connection)
        for field, value in zip(columns, values, strict=True)
        if not hasattr(value, "as_sql")
    ]
    ids, amount, count = spend.budget_ids, spend.reserved, len(spend.budget_ids)
    starts = _starts()
    given = [*starts, *starts, *ids, amount, amount, amount, count, *entered, count]
    with connection.cursor() as cursor:
        cursor.execute(_holding(count), given)
        key, expires_at, tight, cap, spent, reserved = cursor.fetchone()
    if key is None:
        raise _denied(amount, tight, None if tight is None else Use(cap, spent, reserved))
    spend.pk, spend.expires_at = key, expires_at
    spend._state.adding, spend._state.db = False, connection.alias


@lru_cache(maxsize=32)
def _holding(count: int) -> str:
    columns = [field for field in Spend._meta.concrete_fields if not field.primary_key]
    names = ", ".join(f'"{field.column}"' for field in columns)
    expires = f"STATEMENT_TIMESTAMP() + INTERVAL '{RESERVATION_SECONDS} seconds'"
    values = ", ".join(expires if field.name == "expires_at" else "%s" for field in columns)
    rolled = _ROLLED.format(start=_START)
    marks = ", ".join(["%s"] * count)
    return f"""
        WITH held AS MATERIALIZED (
            SELECT id, cap, reserved, {rolled} AS spent, {_START} AS start
            FROM agents_budget WHERE id IN ({marks}) ORDER BY id FOR UPDATE
        ), judged AS MATERIALIZED (
            SELECT held.*, reserved + spent + %s > cap AS tight,
                   BOOL_AND(reserved + spent + %s <= cap) OVER () AS fits, COUNT(*) OVER () AS found FROM held
        ), taken AS (
            UPDATE agents_budget AS budget SET reserved = budget.reserved + %s, spent = judged.spent,
                   period_start = judged.start
            FROM judged WHERE budget.id = judged.id AND judged.fits AND judged.found = %s
        ), entered AS (
            INSERT INTO agents_spend ({names}) SELECT {values}
            FROM (SELECT 1 FROM judged WHERE fits AND found = %s LIMIT 1) AS allowed RETURNING id, expires_at
        )
        SELECT entered.id, entered.expires_at, denying.id, denying.cap, denying.spent, denying.reserved
        FROM (VALUES (1)) AS one LEFT JOIN entered ON TRUE
        LEFT JOIN (SELECT * FROM judged WHERE tight ORDER BY id LIMIT 1) AS denying ON TRUE
    """  # noqa: S608 - names of our own tables and columns


@lru_cache(maxsize=32)
def _closing(count: int, columns: tuple[str, ...]) -> str:
    """The locks in the order in which everybody takes them: the reservation, then its budgets by id.

    No part of it asks whether another part changed a row: PostgreSQL cannot look at that again after a wait.
    """
    marks = ", ".join(["%s"] * count)
    said = ", ".join(f"{column} = %s" for column in columns)
    return f"""
        WITH closing AS MATERIALIZED (
            SELECT id FROM agents_spend WHERE id = %s AND state = 'reserved' FOR UPDATE
        ), held AS MATERIALIZED (
            SELECT budget.id FROM closing JOIN agents_budget AS budget ON budget.id IN ({marks})
            ORDER BY budget.id FOR UPDATE OF budget
        ), closed AS (
            UPDATE agents_spend AS spend SET {said}
            FROM closing WHERE spend.id = closing.id
        )
        UPDATE agents_budget AS budget SET reserved = budget.reserved - %s, spent = budget.spent + %s
        FROM held WHERE budget.id = held.id
    """  # noqa: S608


def _denied(amount: int, budget_id: int | None, use: Use | None) -> BudgetDenied:
    budget = None if budget_id is None else Budget.objects.filter(pk=budget_id).first()
    if budget is None or use is None:
        return BudgetDenied("a budget of this run no longer exists")
    said = f"{budget}: the next call may cost {amount}, {use.left} of {use.cap} micro-units are left"
    return BudgetDenied(said, use)
