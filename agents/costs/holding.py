"""How a reservation is held and closed in the database: the few statements on which every cap rests.

One conditional UPDATE over all the budgets of a call, in id order, takes the whole reservation or nothing. On
PostgreSQL the ledger's row, and at the end the cost of its run, are written by the same statement; SQLite cannot write
two tables at once, and takes one statement for each.
"""

import json
from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from django.db import connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from agents.costs.spending import Use, use_of
from agents.models import Budget, Run, Spend
from agents.providers.base import Usage
from supportagent.prepared import Change, change, insert, prepared

RESERVATION_SECONDS = 900  # longer than any call may take; what is older lost its worker
EXPIRES_AT = Now() + timedelta(seconds=RESERVATION_SECONDS)
Denial = tuple[int | None, Use | None]  # the budget that denied, and its counters, read under the lock that judged them


def hold(spend: Spend) -> Denial | None:
    """Hold an unsaved reservation in all its budgets and enter it; else what denied it. One that no budget caps is
    merely entered."""
    if not spend.budget_ids:
        insert(spend)
        return None
    return _hold_at_once(spend) if connection.vendor == "postgresql" else _hold(spend)


def close(spend: Spend, state: str, *, charged: int, note: str, usage: Usage, request_id: str) -> bool:
    """End a reservation: its budgets and its run are charged. False when somebody else ended it before.

    Race: the worker settles while the reaper forfeits. The state in the condition lets one of them count.
    """
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
    used = [charged, usage.input_tokens, usage.output_tokens]
    ids = spend.budget_ids
    if connection.vendor == "postgresql":
        run = spend.run_id
        given = [run, spend.pk, *ids, *said.values(), *used, run, sum(used), spend.reserved, charged]
        with connection.cursor() as cursor:
            cursor.execute(_closing(len(ids), tuple(said)), given)
            return bool(cursor.fetchone()[0])
    if not _close_reserved(spend.pk, **said):
        return False
    if ids:
        _change(ids, "reserved = reserved - %s, spent = spent + %s", [spend.reserved, charged])
    if any(used):
        _charge_run(spend.run_id, *used)
    return True


@prepared
def _close_reserved(spend_id: int, **values: Any) -> Change[Spend]:
    return change(Spend.objects.filter(pk=spend_id, state=Spend.State.RESERVED), **values)


def _charge_run(run_id: Any, cost: int, input_tokens: int, output_tokens: int) -> None:
    Run.objects.filter(pk=run_id).update(
        cost_micros=F("cost_micros") + cost,
        input_tokens=F("input_tokens") + input_tokens,
        output_tokens=F("output_tokens") + output_tokens,
    )


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


def _hold(spend: Spend) -> Denial | None:
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
        return next(tight, (None, None))
    insert(spend)
    return None


def _hold_at_once(spend: Spend) -> Denial | None:
    """PostgreSQL: judge, hold and enter the reservation in one statement.

    Race: while it waits for a budget's lock, another call settles for less. What is judged is therefore read under
    the lock, never the statement's own older view of the rows, which would deny although there is money.
    """
    spend.created_at = timezone.now()
    entered = [getattr(spend, column) for column in _entered()]
    ids, amount, count = spend.budget_ids, spend.reserved, len(spend.budget_ids)
    starts = _starts()
    given = [*starts, *starts, *ids, amount, amount, amount, count, *entered, json.dumps(ids), count]
    with connection.cursor() as cursor:
        cursor.execute(_holding(count), given)
        key, expires_at, tight, cap, spent, reserved = cursor.fetchone()
    if key is None:
        return tight, None if tight is None else Use(cap, spent, reserved)
    spend.pk, spend.expires_at = key, expires_at
    spend._state.adding, spend._state.db = False, connection.alias
    return None


@lru_cache
def _entered() -> list[str]:
    """The columns of a ledger row whose values are stored as they are. Asking each field costs more than the rest."""
    apart = {Spend._meta.pk.attname, "budget_ids", "expires_at"}
    return [field.attname for field in Spend._meta.concrete_fields if field.attname not in apart]


@lru_cache(maxsize=32)
def _holding(count: int) -> str:
    names = ", ".join(f'"{column}"' for column in (*_entered(), "budget_ids", "expires_at"))
    values = ", ".join(["%s"] * len(_entered()))
    expires = f"STATEMENT_TIMESTAMP() + INTERVAL '{RESERVATION_SECONDS} seconds'"
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
            INSERT INTO agents_spend ({names}) SELECT {values}, %s::jsonb, {expires}
            FROM (SELECT 1 FROM judged WHERE fits AND found = %s LIMIT 1) AS allowed RETURNING id, expires_at
        )
        SELECT entered.id, entered.expires_at, denying.id, denying.cap, denying.spent, denying.reserved
        FROM (VALUES (1)) AS one LEFT JOIN entered ON TRUE
        LEFT JOIN (SELECT * FROM judged WHERE tight ORDER BY id LIMIT 1) AS denying ON TRUE
    """  # noqa: S608 - names of our own tables and columns


@lru_cache(maxsize=32)
def _closing(count: int, columns: tuple[str, ...]) -> str:
    """The locks in the order in which everybody takes them: the run, the reservation, its budgets by id.

    No part of it asks whether another part changed a row: PostgreSQL cannot look at that again after a wait.
    """
    marks = ", ".join(["%s"] * count) or "NULL"
    said = ", ".join(f"{column} = %s" for column in columns)
    return f"""
        WITH running AS MATERIALIZED (
            SELECT id FROM agents_run WHERE id = %s FOR NO KEY UPDATE
        ), closing AS MATERIALIZED (
            SELECT spend.id FROM running JOIN agents_spend AS spend ON spend.run_id = running.id
            WHERE spend.id = %s AND spend.state = 'reserved' FOR UPDATE OF spend
        ), held AS MATERIALIZED (
            SELECT budget.id FROM closing JOIN agents_budget AS budget ON budget.id IN ({marks})
            ORDER BY budget.id FOR UPDATE OF budget
        ), closed AS (
            UPDATE agents_spend AS spend SET {said}
            FROM closing WHERE spend.id = closing.id
        ), charged AS (
            UPDATE agents_run AS run SET cost_micros = run.cost_micros + %s,
                   input_tokens = run.input_tokens + %s, output_tokens = run.output_tokens + %s
            FROM closing WHERE run.id = %s AND %s > 0
        ), counted AS (
            UPDATE agents_budget AS budget SET reserved = budget.reserved - %s, spent = budget.spent + %s
            FROM held WHERE budget.id = held.id
        )
        SELECT COUNT(*) FROM closing
    """  # noqa: S608
