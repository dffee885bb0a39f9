"""What was done today for one customer, on one subject, by one agent or colleague: counted with the intent.

The totals that rules and caps speak of are of this tool and currency, of the database's day (UTC), with the call itself
included. What did not happen after all is taken off again, on the day on which it was counted.
"""

from collections.abc import Iterable, Mapping
from datetime import date

from django.db import connection
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Now, TruncDate

from agents.loop.refusal import CallRefused
from agents.models import EffectSubject, Tally, ToolCall, VelocityCap
from supportagent.prepared import prepared

Sums = dict[str, dict[str, int]]
Scope = Tally.Scope
KEY_LIMIT = EffectSubject._meta.get_field("key").max_length or 0
TABLE = Tally._meta.db_table
# Race: two calls count on the same rows. The upsert locks them in the order of the rows, the same in every process,
# and gives back what each holds with this call, so nobody decides on a total that another is about to change.
COUNT = f"""
INSERT INTO {TABLE} (scope, key, day, tool_id, currency, count, amount_minor) VALUES {{rows}}
ON CONFLICT (scope, key, day, tool_id, currency) DO UPDATE
SET count = {TABLE}.count + excluded.count, amount_minor = {TABLE}.amount_minor + excluded.amount_minor
RETURNING scope, count, amount_minor
"""  # noqa: S608
SUBJECTS = EffectSubject._meta.db_table
# What was captured is kept where nothing is known of it.
LOCK_SUBJECT = f"""
INSERT INTO {SUBJECTS} (key, currency, captured_minor) VALUES {{rows}}
ON CONFLICT (key) DO UPDATE SET
captured_minor = CASE excluded.currency WHEN '' THEN {SUBJECTS}.captured_minor ELSE excluded.captured_minor END,
currency = CASE excluded.currency WHEN '' THEN {SUBJECTS}.currency ELSE excluded.currency END
"""  # noqa: S608


def sums_for(call: ToolCall) -> Sums:
    """The totals of today as they would be with this call. One statement; nothing is locked or counted."""
    rows = _of_today(call.tool_id, call.currency, **_whose(call))
    found = {scope: (count, amount) for scope, count, amount in rows}
    return _sums(call, {scope: (n + 1, total + _amount(call)) for scope, (n, total) in found.items()})


def count(call: ToolCall, day: date) -> Sums:
    """Count a call that is about to be sent; the totals of the day with it. The rows stay locked until the commit."""
    return _sums(call, _add(call, day, 1, _amount(call)))


def uncount(call: ToolCall, day: date | None = None) -> None:
    """Take a call off again that was not carried out. Without `day`, off the day on which it was sent."""
    if day is None:
        sent = ToolCall.objects.filter(pk=call.pk).values_list(TruncDate("sent_at"), flat=True).get()
        if sent is None:
            return
        day = sent
    _add(call, day, -1, -_amount(call))


def caps_for(tool_ids: Iterable[int]) -> tuple[VelocityCap, ...]:
    """The caps in force that can concern any of these tools."""
    return tuple(_caps(tuple(sorted(set(tool_ids)))))


def lock(
    calls: list[ToolCall], caps: tuple[VelocityCap, ...], *, captured: Mapping[str, tuple[int, str]] | None = None
) -> None:
    """Lock what these calls have effects on, and whom caps over every tool count for; before anything is counted.

    Notes in the same statement what was captured on a subject, an amount and its currency.

    Race: two calls of one effect, or two of different tools under one cap: neither sees the other's row before its
    commit. All keys are locked by one statement in their order, so nobody waits in a circle.
    """
    keys = {call.subject for call in calls if call.subject}
    for scope in {cap.scope for cap in caps if cap.tool_id is None}:
        keys |= {f"{scope}|{_keys(call)[scope]}"[:KEY_LIMIT] for call in calls if scope in _keys(call)}
    if not keys:
        return
    amounts = captured or {}
    rows = [(key, *reversed(amounts.get(key, (0, "")))) for key in sorted(keys)]
    with connection.cursor() as cursor:
        marks = ", ".join(["(%s, %s, %s)"] * len(rows))
        cursor.execute(LOCK_SUBJECT.format(rows=marks), [value for row in rows for value in row])


def check(call: ToolCall, sums: Sums, caps: tuple[VelocityCap, ...], *, counted: date | None) -> None:
    """Refuse a call with which a cap would be exceeded: CallRefused `velocity`, with the cap and the value.

    `counted` is the day on which this call was counted, None where `sums` merely foresees it.
    """
    for cap in caps:
        if cap.tool_id not in (None, call.tool_id) or cap.scope not in _keys(call):
            continue
        whose = sums[cap.scope] if cap.tool_id is not None else _of_all_tools(call, cap.scope, counted)
        _check_one(call, cap, whose)


def _add(call: ToolCall, day: date, number: int, amount: int) -> dict[str, tuple[int, int]]:
    """Add to the rows of a call, in their order; what they hold now."""
    when = connection.ops.adapt_datefield_value(day)
    rows = [
        (scope, key, when, call.tool_id, call.currency, number, amount) for scope, key in sorted(_keys(call).items())
    ]
    marks = ", ".join(["(%s, %s, %s, %s, %s, %s, %s)"] * len(rows))
    with connection.cursor() as cursor:
        cursor.execute(COUNT.format(rows=marks), [value for row in rows for value in row])
        return {scope: (count, total) for scope, count, total in cursor.fetchall()}


def _check_one(call: ToolCall, cap: VelocityCap, whose: dict[str, int]) -> None:
    what = f"{Scope(cap.scope).label.lower()} and day"
    if cap.max_count is not None and whose["count"] > cap.max_count:
        raise CallRefused("velocity", f"this would be call {whose['count']} of at most {cap.max_count} per {what}")
    of_amount = cap.max_amount_minor is not None and call.amount_minor is not None and call.currency == cap.currency
    if of_amount and whose["amount_minor"] > (cap.max_amount_minor or 0):
        raise CallRefused(
            "velocity",
            f"with this, {whose['amount_minor']} {cap.currency} minor units of at most {cap.max_amount_minor} "
            f"would be reached per {what}",
        )


def _of_all_tools(call: ToolCall, scope: str, counted: date | None) -> dict[str, int]:
    """The totals of one scope over every write, this call included; the amount in the call's currency."""
    rows = Tally.objects.filter(scope=scope, key=_keys(call)[scope], day=counted or TruncDate(Now()))
    totals = rows.aggregate(
        count=Sum("count", default=0), amount_minor=Sum("amount_minor", filter=Q(currency=call.currency), default=0)
    )
    if counted is None:
        return {"count": totals["count"] + 1, "amount_minor": totals["amount_minor"] + _amount(call)}
    return totals


def _keys(call: ToolCall) -> dict[str, str]:
    """Whom and what a call counts for. A call without a subject counts for nothing but itself there."""
    run = call.run
    keys = {Scope.AGENT: run.actor_key, Scope.CUSTOMER: run.ticket.customer.reference}
    return {str(scope): key for scope, key in (keys | {Scope.SUBJECT: call.subject}).items() if key}


def _whose(call: ToolCall) -> dict[str, str | None]:
    """Whom and what a call counts for, None where it counts for nothing."""
    keys = _keys(call)
    return {scope: keys.get(scope) for scope in sorted(Scope.values)}


def _of(**whose: str | None) -> QuerySet[Tally]:
    mine = Q()
    for scope, key in whose.items():
        if key is not None:
            mine |= Q(scope=scope, key=key)
    return Tally.objects.filter(mine)


@prepared
def _of_today(tool_id: int | None, currency: str, **whose: str | None) -> QuerySet[Tally, tuple[str, int, int]]:
    rows = _of(**whose).filter(day=TruncDate(Now()), tool=tool_id, currency=currency)
    return rows.values_list("scope", "count", "amount_minor")


@prepared
def _caps(tool_ids: tuple[int, ...]) -> QuerySet[VelocityCap]:
    return VelocityCap.objects.filter(Q(tool=None) | Q(tool__pk__in=tool_ids), enabled=True).order_by("pk")


def _sums(call: ToolCall, found: dict[str, tuple[int, int]]) -> Sums:
    alone = (1, _amount(call))
    totals = {str(scope): found.get(scope, alone) for scope in (Scope.CUSTOMER, Scope.SUBJECT, Scope.AGENT)}
    return {scope: {"count": number, "amount_minor": amount} for scope, (number, amount) in totals.items()}


def _amount(call: ToolCall) -> int:
    return call.amount_minor or 0
