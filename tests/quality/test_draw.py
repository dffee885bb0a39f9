"""Which work is drawn: of each kind equally many, the same in every process, each once, only of weeks that are over."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents import scheduler
from agents.models import RollupMark
from audit.models import AuditEntry
from supportagent.quality import sampling
from supportagent.quality.models import SampledItem, Stratum
from supportagent.tickets.models import Ticket
from tests.quality.drawn import work
from tests.tickets.races import at_once
from tests.world import World, build_world

WEEK = date(2026, 11, 16)
WEDNESDAY = datetime(2026, 11, 18, 12, tzinfo=UTC)
SUNDAY_NIGHT = datetime(2026, 11, 22, 23, 59, 59, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 2, tzinfo=UTC)
NOTE, REFUND = "tickets__add_internal_note", "store__issue_refund"


def a_week(world: World) -> Ticket:
    """Forty notes and nine runs that nobody was asked about, three refunds approved, one refused, and what is not ours
    to judge: a read, a refund that a rule refused, one that failed, and the next week's."""
    ticket = world.write()
    work(world, ticket, WEDNESDAY, tool=NOTE, n=40)
    work(world, ticket, SUNDAY_NIGHT, tool=REFUND, approval_id=1, n=3)
    work(world, ticket, WEDNESDAY, tool=REFUND, approval_id=2, state="REFUSED", code="rejected")
    work(world, ticket, WEDNESDAY, category="payment", tool=REFUND, approval_id=3)
    work(world, ticket, WEDNESDAY, n=9)
    work(world, ticket, WEDNESDAY, tool="store__get_order")
    work(world, ticket, WEDNESDAY, tool=REFUND, state="REFUSED", code="denied_by_policy")
    work(world, ticket, WEDNESDAY, tool=REFUND, approval_id=4, state="REFUSED", code="expired")
    work(world, ticket, WEDNESDAY, tool=REFUND, state="FAILED", code="too_much")
    work(world, ticket, SUNDAY_NIGHT + timedelta(seconds=2), tool=REFUND)
    return ticket


def drawn() -> dict[tuple[str, str, str], tuple[int, int]]:
    """By tool, mode and category: how many there were, and how many were drawn."""
    return {
        (each.tool, each.mode, each.category): (each.population, each.items.count()) for each in Stratum.objects.all()
    }


def chosen() -> list[tuple[Any, Any, int]]:
    return list(SampledItem.objects.order_by("run", "call").values_list("run", "call", "wanted"))


def test_each_kind_of_work_gives_equally_many_and_says_how_many_it_stands_for(world: World, settings: Any) -> None:
    a_week(world)
    settings.LABELS_PER_WEEK, settings.LABELS_PER_STRATUM = 16, 5
    assert sampling.draw_week(WEEK, seed="a", now=LATER) == 4 + 4 + 1 + 4
    assert drawn() == {
        (NOTE, "autonomous", "other"): (40, 4),  # 16 in four equal shares, a tenth of the notes and every refund
        (REFUND, "approved", "other"): (4, 4),
        (REFUND, "approved", "payment"): (1, 1),
        ("", "autonomous", "other"): (9, 4),
    }
    assert set(SampledItem.objects.values_list("agent_version", flat=True)) == {7}
    [entry] = AuditEntry.objects.filter(action="quality.sample.drawn")
    assert b'"items":13' in bytes(entry.leaf)

    for per_week, most, expected in ((1000, 5, 5), (4, 5, sampling.FLOOR), (0, 5, 0)):
        settings.LABELS_PER_WEEK, settings.LABELS_PER_STRATUM = per_week, most
        SampledItem.objects.all().delete()
        Stratum.objects.all().delete()
        sampling.draw_week(WEEK, seed="a", now=LATER)
        assert drawn().get((NOTE, "autonomous", "other"), (40, 0))[1] == expected


def test_the_choice_follows_from_the_seed_and_nothing_is_drawn_twice(world: World, settings: Any) -> None:
    ticket = a_week(world)
    settings.LABELS_TWICE_PERCENT = 50
    choices = []
    for seed in ("a", "a", "b"):
        SampledItem.objects.all().delete()
        Stratum.objects.all().delete()
        sampling.draw_week(WEEK, seed=seed, now=LATER)
        choices.append(chosen())
    assert choices[0] == choices[1] != choices[2]
    assert set(Counter(wanted for _, _, wanted in choices[0])) == {1, 2}
    # What is sorted anew meanwhile is of a kind that was not drawn from: no item is drawn again for that.
    Ticket.objects.filter(pk=ticket.pk).update(category="complaint")
    sampling.draw_week(WEEK, seed="b", now=LATER)
    assert len({pair[:2] for pair in chosen()}) == len(chosen()) > len(choices[2])
    before = chosen()
    assert sampling.draw_week(WEEK, seed="c", now=LATER) == 0
    assert chosen() == before

    for share, wanted in ((0, {1}), (100, {2})):
        settings.LABELS_TWICE_PERCENT = share
        SampledItem.objects.all().delete()
        Stratum.objects.all().delete()
        sampling.draw_week(WEEK, seed="a", now=LATER)
        assert set(SampledItem.objects.values_list("wanted", flat=True)) == wanted


def test_the_scheduler_draws_week_after_week_some_kinds_at_a_time(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = a_week(world)
    work(world, ticket, WEDNESDAY - timedelta(days=7), n=2)
    work(world, ticket, WEDNESDAY - timedelta(days=70), n=2)
    duty = next(each for each in scheduler.duties() if "labelled" in each.name)
    assert duty.act is sampling.draw_due
    monkeypatch.setattr(sampling, "STRATA_AT_ONCE", 3)
    assert sampling.draw_due(datetime(2026, 11, 22, 23, 30, tzinfo=UTC)) == 0  # not over: the week before is drawn from
    passes = [sampling.draw_due(LATER) for _ in range(6)]
    assert sum(passes) == SampledItem.objects.count() > 10
    weeks = list(Stratum.objects.order_by("pk").values_list("week", flat=True))
    assert weeks == sorted(weeks)
    assert set(weeks) == {WEEK - sampling.WEEK, WEEK}  # ten weeks ago is too long ago
    assert RollupMark.objects.get(name=sampling.MARK).position == (WEEK + sampling.WEEK).toordinal()
    with CaptureQueriesContext(connection) as queries:
        assert sampling.draw_due(LATER) == 0
    assert len(queries) == 1


def test_a_week_that_is_not_over_or_does_not_begin_on_monday_is_refused(world: World) -> None:
    for day, why in ((WEEK + timedelta(days=1), "no Monday"), (WEEK, "not over")):
        with pytest.raises(ValueError, match=why):
            sampling.draw_week(day, now=SUNDAY_NIGHT)
    with pytest.raises(CommandError, match="no Monday"):
        call_command("draw_labels", "--week", "2026-11-17")
    call_command("draw_labels", "--week", "2024-01-01")


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_at_once_draw_each_item_once(settings: Any, tmp_path: Any) -> None:
    a_week(build_world(settings, tmp_path))
    RollupMark.objects.create(name=sampling.MARK, position=WEEK.toordinal())
    results = at_once(*[lambda: sampling.draw_due(LATER)] * 3)
    assert sorted(results) == [0, 0, SampledItem.objects.count()]
    assert drawn()[REFUND, "approved", "other"] == (4, 4)
