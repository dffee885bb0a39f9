"""Which actions and runs people are to judge: a stratified sample of each week that is over.

Alike are those of one kind (action or run) by one agent with one tool, by itself or put before a person, in one
category of tickets. Every such stratum gives **equally many**, not as many as are in proportion to its size, and never
less than a floor. A proportional sample would consist of what is frequent, which is the easy work: an order's status
read a thousand times. What is rare is what goes wrong (a large refund, an account changed), and of twenty a week a
sample of 1 % would hold none. Two is the floor because from a single one nothing can be said of how much a stratum
varies. The price of equal shares is that the drawn ones do not look like the work as a whole: a plain mean of the
labels would be the accuracy of an average *stratum*. So each stratum keeps how many it stands for, and
`quality.accuracy` weighs every label by that.

Within a stratum the choice is random, by a keyed digest of each row's id: the same in every process and on every
repetition, and nobody who does not know the seed can foresee what will be looked at.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from agents.models import RollupMark, Run, ToolCall
from audit import log as audit_log
from audit.context import Actor
from supportagent.quality.models import SampledItem, Stratum
from supportagent.tickets.models import Draft
from supportagent.tickets.services.overtaken import ANSWERS

MARK = "labels"  # of the weeks that were drawn from
WEEK = timedelta(days=7)
WEEKS_BACK = 4  # a new installation, or one whose scheduler stood still, looks back no further
GRACE = timedelta(hours=1)  # clocks differ, and a worker may still be writing the end of a run
FLOOR = 2  # of each stratum, however many there are
STRATA_AT_ONCE = 25  # in one transaction
ACTOR = Actor.system("sampling")
Kind, Mode = Stratum.Kind, Stratum.Mode


@dataclass(frozen=True)
class Key:
    """What is alike: the fields of a stratum but for its week and its size."""

    kind: str
    tool: str
    agent_id: int
    mode: str
    category: str


def draw_due(now: datetime | None = None) -> int:
    """The scheduler's duty: draw from the oldest week that is over and was not drawn from, some strata at a time.

    Returns how many items were drawn. Safe in several processes at once: the mark's lock puts them in order, and a
    stratum that is there is not drawn again.
    """
    newest = monday((now or timezone.now()) - GRACE) - WEEK
    mark, _ = RollupMark.objects.get_or_create(name=MARK)
    if mark.position > newest.toordinal():
        return 0
    with audit_log.transaction():
        mark = _locked_mark()
        week = date.fromordinal(max(mark.position, (newest - (WEEKS_BACK - 1) * WEEK).toordinal()))
        if week > newest:
            return 0
        drawn, more = _draw(week, settings.LABELS_SEED)
        if not more:
            mark.position = (week + WEEK).toordinal()
            mark.save(update_fields=["position"])
    return drawn


def draw_week(week: date, *, seed: str | None = None, now: datetime | None = None) -> int:
    """Draw from a whole week on demand; what was drawn from it before stays. Returns how many items are new.

    Raises ValueError for a day that is no Monday, and for a week that is not over: its strata still grow.
    """
    if week != monday(datetime.combine(week, time(), UTC)):
        raise ValueError(f"{week} is no Monday")
    if datetime.combine(week + WEEK, time(), UTC) + GRACE > (now or timezone.now()):
        raise ValueError(f"the week of {week} is not over")
    RollupMark.objects.get_or_create(name=MARK)
    total, more = 0, True
    while more:
        with audit_log.transaction():
            _locked_mark()
            drawn, more = _draw(week, settings.LABELS_SEED if seed is None else seed)
        total += drawn
    return total


def monday(moment: datetime) -> date:
    """The first day of the week in which `moment` lies, UTC."""
    day = moment.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def per_stratum(strata: int) -> int:
    """How many of each: what people can label in a week in equal shares, between the floor and the most of one."""
    share = settings.LABELS_PER_WEEK // max(strata, 1)
    return max(FLOOR, min(settings.LABELS_PER_STRATUM, share)) if settings.LABELS_PER_WEEK else 0


def _locked_mark() -> RollupMark:
    return RollupMark.objects.select_for_update().get(name=MARK)


def _draw(week: date, seed: str) -> tuple[int, bool]:
    """Write some strata of the week that are missing, with their items: how many items, and whether more is to do."""
    sizes = dict(_sizes(week))
    known = {
        Key(**row) for row in Stratum.objects.filter(week=week).values("kind", "tool", "agent_id", "mode", "category")
    }
    missing = [key for key in sizes if key not in known]
    each = per_stratum(len(sizes))
    if not missing or not each:
        return 0, False
    items: list[SampledItem] = []
    for key in missing[:STRATA_AT_ONCE]:
        stratum = Stratum.objects.create(week=week, population=sizes[key], **asdict(key))
        items += _items(stratum, key, each, seed)
    SampledItem.objects.bulk_create(items)
    audit_log.record(
        "quality.sample.drawn",
        target=("sample", week.isoformat()),
        actor=ACTOR,
        data={
            "strata": len(missing[:STRATA_AT_ONCE]),
            "items": len(items),
            "twice": sum(item.wanted == 2 for item in items),
        },
    )
    return len(items), len(missing) > STRATA_AT_ONCE


def _items(stratum: Stratum, key: Key, number: int, seed: str) -> Iterator[SampledItem]:
    # A ticket that was sorted anew since its call was drawn would bring the call a second time.
    own = {"call": OuterRef("pk")} if key.kind == Kind.ACTION else {"run": OuterRef("pk"), "call": None}
    free = _rows(key, stratum.week).filter(~Exists(SampledItem.objects.filter(**own)))
    ids = free.order_by().values_list("pk", flat=True).iterator()
    chosen = heapq.nsmallest(number, ids, key=lambda pk: _digest(seed, "drawn", pk))
    for row in _rows(key, stratum.week).filter(pk__in=chosen).order_by("pk"):
        run = row.run if isinstance(row, ToolCall) else row
        twice = int.from_bytes(_digest(seed, "twice", row.pk)[:8]) * 100 < settings.LABELS_TWICE_PERCENT << 64
        yield SampledItem(
            stratum=stratum,
            run=run,
            call=row if isinstance(row, ToolCall) else None,
            agent_version=run.configuration.get("agent"),
            finished_at=row.finished_at,
            wanted=2 if twice else 1,
        )


def _digest(seed: str, purpose: str, pk: UUID) -> bytes:
    return sha256(f"{seed}:{purpose}:{pk}".encode()).digest()


def _sizes(week: date) -> Iterator[tuple[Key, int]]:
    """Every stratum of the week with how many are in it, in an order of its own: two statements."""
    for kind, rows, path in ((Kind.ACTION, _actions(week), "run__"), (Kind.RUN, _runs(week), "")):
        tool = {"called": F("tool__qualified_name")} if kind == Kind.ACTION else {"called": Value("")}
        grouped = rows.annotate(
            **tool, its_agent_id=F(f"{path}agent_id"), its_category=F(f"{path}ticket__category")
        ).order_by("called", "its_agent_id", "mode", "its_category")
        for called, agent, mode, category, number in grouped.values_list(
            "called", "its_agent_id", "mode", "its_category"
        ).annotate(number=Count("pk")):
            yield Key(kind, called, agent, mode, category), number


def _rows(key: Key, week: date) -> QuerySet[Any]:
    if key.kind == Kind.ACTION:
        return (
            _actions(week)
            .filter(
                tool__qualified_name=key.tool,
                run__agent=key.agent_id,
                mode=key.mode,
                run__ticket__category=key.category,
            )
            .select_related("run")
        )
    return _runs(week).filter(agent=key.agent_id, mode=key.mode, ticket__category=key.category)


def _actions(week: date) -> QuerySet[Any]:
    """Calls of agents with an effect that were carried out, or that a person refused."""
    ended = Q(state=ToolCall.State.SUCCEEDED) | Q(state=ToolCall.State.REFUSED, code="rejected")
    return ToolCall.objects.filter(
        ended, tool__effect="WRITE", run__caller=None, run__asked_by=None, **_within(week)
    ).annotate(mode=_mode(Q(approval_id__isnull=False)))


def _runs(week: date) -> QuerySet[Any]:
    """Runs that ended with an answer to the customer, sent or drafted."""
    held = ToolCall.objects.filter(run=OuterRef("pk"), approval_id__isnull=False)
    drafted = Draft.objects.filter(run_id=OuterRef("pk"), kind__in=ANSWERS)
    return Run.objects.filter(
        state=Run.State.COMPLETED,
        ended_because__in=("answered", "drafted"),
        caller=None,
        asked_by=None,
        **_within(week),
    ).annotate(mode=_mode(Q(Exists(held)) | Q(Exists(drafted))))


def _mode(decided: Q) -> Case:
    return Case(When(decided, then=Value(Mode.APPROVED.value)), default=Value(Mode.AUTONOMOUS.value))


def _within(week: date) -> dict[str, datetime]:
    start = datetime.combine(week, time(), UTC)
    return {"finished_at__gte": start, "finished_at__lt": start + WEEK}
