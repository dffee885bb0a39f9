"""Keeps one row per conversation: what it cost, who ended it and when, for reports that read nothing else.

The rows follow the audit trail. Every verb leaves an entry, entries are appended under one lock and in order, so
whatever is behind the mark has been counted and whatever is beyond it makes its ticket count anew. What leaves no
entry is looked for by itself: the seconds of somebody at work, attempts that the reaper charged, and, once an hour, all
that is not final.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from agents.costs import conversations
from agents.costs.budgets import EXPIRED
from agents.models import Interaction, RollupMark, Spend
from audit.models import AuditEntry, ChainHead
from supportagent.tickets.models import Ticket, WorkPeriod

MARK = "interactions"
BATCH = 500  # tickets
BATCHES = 10  # in one call
ENTRIES = 10_000  # of the trail, read for one batch
ANEW = timedelta(hours=1)
# A beat of a page, or the reaper, may commit a little after the time that it wrote down.
MARGIN = timedelta(minutes=1)
REAPED = timedelta(hours=1)

_COLUMNS = [field.name for field in Interaction._meta.concrete_fields if not field.primary_key]


def refresh(now: datetime | None = None) -> int:
    """Write the rows of tickets to which something happened. Returns how many; safe in several processes.

    A call takes a bounded amount of work: what is left over is done by the next one.
    """
    now = now or timezone.now()
    written = 0
    for _ in range(BATCHES):
        count, is_end = _follow(now)
        written += count
        if is_end:
            break
    with transaction.atomic():
        _take_turn()
        return written + _write(_with_others(_unaudited(now)), now)


def rebuild(now: datetime | None = None) -> int:
    """Write every row anew, as after a change of what they mean. Returns how many."""
    now = now or timezone.now()
    with transaction.atomic():
        _take_turn()
        head = ChainHead.objects.values_list("seq", flat=True).first()
        RollupMark.objects.filter(name=MARK).update(position=head or 0)
    written, last = 0, 0
    while pks := list(Ticket.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        with transaction.atomic():
            _take_turn()
            written += _write(pks, now)
        last = pks[-1]
    return written


def as_of(now: datetime) -> datetime | None:
    """Until when the rows have followed the audit trail; None before they began to. Two statements."""
    ends = dict(ChainHead.objects.values_list("pk", "seq"))
    position = RollupMark.objects.filter(name=MARK).values_list("position", flat=True).first()
    if position is None:
        return None
    if position >= max(ends.values(), default=0):
        return now
    return AuditEntry.objects.filter(seq__lte=position).order_by("-seq").values_list("at", flat=True).first()


def _follow(now: datetime) -> tuple[int, bool]:
    """The tickets of the next entries of the trail; how many rows were written, and whether that was its end."""
    mark, _ = RollupMark.objects.get_or_create(name=MARK)
    numbers, position, is_end = _next_entries(mark.position)
    if position == mark.position:
        return 0, True
    with transaction.atomic():
        # Race: another process follows the trail too. The condition lets one have these entries; the row's lock, held
        # to the commit, keeps what was read earlier from being written over what was read later.
        if not RollupMark.objects.filter(name=MARK, position=mark.position).update(position=position):
            return 0, True
        pks = Ticket.objects.filter(number__in=numbers).values_list("pk", flat=True)
        return _write(_with_others(pks), now), is_end


def _next_entries(position: int) -> tuple[set[str], int, bool]:
    """Numbers of tickets beyond the mark, at most a batch of them, how far they reach, and whether there are more."""
    entries = AuditEntry.objects.filter(seq__gt=position).order_by("seq").values_list("seq", "ticket")[:ENTRIES]
    numbers: set[str] = set()
    for seq, ticket in entries:
        if len(numbers) == BATCH and ticket not in numbers | {""}:
            return numbers, position, False
        numbers |= {ticket} - {""}
        position = seq
    return numbers, position, len(entries) < ENTRIES


def _take_turn() -> None:
    """Wait until no other process writes rows, and keep them from it until the commit."""
    if not RollupMark.objects.filter(name=MARK).update(position=F("position")):
        RollupMark.objects.get_or_create(name=MARK)


def _unaudited(now: datetime) -> Iterator[int]:
    """Tickets about which something may have changed without an entry of the trail."""
    stale = Q(ticket__interaction=None) | Q(seen_at__gt=F("ticket__interaction__computed_at") - MARGIN)
    yield from WorkPeriod.objects.filter(stale, ended_at=None).order_by().values_list("ticket", flat=True)[:BATCH]
    reaped = Spend.objects.filter(state=Spend.State.FORFEITED, note=EXPIRED, expires_at__gt=now - REAPED)
    yield from reaped.order_by().values_list("run__ticket", flat=True).distinct()[:BATCH]
    old = Interaction.objects.filter(final=False, computed_at__lt=now - ANEW).order_by("computed_at")
    yield from old.values_list("pk", flat=True)[:BATCH]


def _write(pks: Iterable[int], now: datetime) -> int:
    """The rows of these tickets: a fixed number of statements for each batch."""
    written, chosen = 0, sorted(pks)
    for start in range(0, len(chosen), BATCH):
        batch = chosen[start : start + BATCH]
        rows = conversations.figures(batch, now)
        Interaction.objects.bulk_create(rows, update_conflicts=True, unique_fields=["ticket"], update_fields=_COLUMNS)
        # A thread that was merged, or that is no customer's, is no conversation any more.
        Interaction.objects.filter(pk__in=set(batch) - {row.pk for row in rows}).delete()
        written += len(rows)
    return written


def _with_others(pks: Iterable[int]) -> set[int]:
    """These tickets, those that they go on with, and what any of them was merged into, however often."""
    concerned = set(pks)
    concerned |= set(Ticket.objects.filter(reopened_as__in=concerned).values_list("pk", flat=True))
    merged = concerned
    while merged := set(Ticket.objects.filter(merged__in=merged).values_list("pk", flat=True)):
        concerned |= merged
    return concerned
