"""Who worked on a ticket and for how long, as their page and their deeds show it."""

from datetime import UTC, datetime, timedelta

import pytest

from supportagent.tickets import services
from supportagent.tickets.models import WorkPeriod
from tests.tickets.races import at_once


class Clock:
    """The wall clock of this process, which a test sets."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)

    def goes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("supportagent.tickets.services.working.timezone.now", lambda: clock.now)
    return clock


@pytest.fixture
def held(cast, clock):
    return services.take_over(ticket=cast.ticket(), by=cast.ana)


def seconds() -> int:
    return WorkPeriod.objects.get().seconds


def watches(clock, ticket, user, *, minutes: float, every: float = 25):
    for _ in range(int(minutes * 60 / every)):
        clock.goes(every)
        services.seen_at_work(ticket, user)


def test_taking_over_begins_and_handing_back_ends(cast, held, clock):
    watches(clock, held, cast.ana, minutes=5)
    clock.goes(10)
    services.hand_back(ticket=held, by=cast.ana, brief="Go on")
    period = WorkPeriod.objects.get()
    assert (period.user, period.seconds, period.ended_at) == (cast.ana, 310, clock.now)
    services.take_over(ticket=held, by=cast.rosa)
    assert [(each.user, each.ended_at is None) for each in WorkPeriod.objects.order_by("pk")] == [
        (cast.ana, False),
        (cast.rosa, True),
    ]


def test_what_lies_between_two_signs_of_life_counts_unless_it_is_long(cast, held, clock):
    clock.goes(60)
    services.seen_at_work(held, cast.ana)
    assert seconds() == 60
    clock.goes(61)
    services.seen_at_work(held, cast.ana)
    assert seconds() == 60
    clock.goes(3600)
    services.add_note(ticket=held, body="Back from lunch", actor=cast.ana)
    clock.goes(30)
    services.post_reply(ticket=held, body="Done", actor=cast.ana, kind="PERSON")
    assert seconds() == 90


def test_fractions_of_a_second_are_not_lost(cast, held, clock):
    for _ in range(10):
        clock.goes(25.6)
        services.seen_at_work(held, cast.ana)
    assert seconds() == 256


def test_it_is_written_down_once_in_twenty_seconds_however_many_windows_are_open(
    cast, held, clock, django_assert_num_queries
):
    clock.goes(25)
    assert services.seen_at_work(held, cast.ana)
    clock.goes(19)
    with django_assert_num_queries(1):
        assert not services.seen_at_work(held, cast.ana)
    clock.goes(1)
    assert services.seen_at_work(held, cast.ana)
    assert seconds() == 45


def test_a_clock_that_jumps_adds_nothing_and_counting_goes_on(cast, held, clock):
    clock.goes(25)
    services.seen_at_work(held, cast.ana)
    clock.goes(-7200)
    services.seen_at_work(held, cast.ana)
    assert seconds() == 25
    clock.goes(30)
    services.seen_at_work(held, cast.ana)
    assert seconds() == 55
    clock.goes(86_400 * 30)
    services.close(ticket=held, by=cast.ana, outcome="by_person")
    assert seconds() == 55


def test_a_clock_set_back_to_before_the_beginning_ends_no_period_before_it_began(cast, held, clock):
    clock.goes(-7200)
    services.hand_back(ticket=held, by=cast.ana, brief="Go on")
    period = WorkPeriod.objects.get()
    assert period.seconds == 0 and period.ended_at == period.started_at


def test_only_the_holders_time_counts(cast, held, clock):
    clock.goes(25)
    assert not services.seen_at_work(held, cast.rosa)
    services.add_note(ticket=held, body="Look at this", actor=cast.rosa)
    services.add_note(ticket=held, body="Seen", actor=cast.agent)
    assert (WorkPeriod.objects.get().user, seconds()) == (cast.ana, 0)


@pytest.mark.parametrize(
    "ends",
    [
        lambda ticket, by: services.close(ticket=ticket, by=by, outcome="by_person"),
        lambda ticket, by: services.set_state(ticket=ticket, state="RESOLVED", actor=by),
        lambda ticket, by: services.hand_back(ticket=ticket, by=by, brief="Go on"),
    ],
)
def test_after_the_end_nothing_counts_any_more(cast, held, clock, ends):
    clock.goes(30)
    ends(held, cast.ana)
    clock.goes(30)
    assert not services.seen_at_work(held, cast.ana)
    assert seconds() == 30 and WorkPeriod.objects.get().ended_at is not None


def test_a_ticket_that_is_opened_again_has_another_period(cast, held, clock):
    services.close(ticket=held, by=cast.ana, outcome="by_person")
    clock.goes(600)
    services.set_state(ticket=held, state="OPEN", actor=cast.ana)
    clock.goes(25)
    assert services.seen_at_work(held, cast.ana)
    assert WorkPeriod.objects.count() == 2
    assert WorkPeriod.objects.get(ended_at=None).seconds in (0, 25)


def test_whoever_drafts_and_sends_is_at_work(cast, held, clock):
    clock.goes(40)
    draft = services.save_draft(ticket=held, body="Hello", actor=cast.ana)
    clock.goes(40)
    services.send_draft(draft=draft, by=cast.ana, body="Hello!")
    assert seconds() == 80


@pytest.mark.django_db(transaction=True)
def test_two_windows_at_once_count_a_stretch_once(cast):
    ticket = services.take_over(ticket=cast.ticket(), by=cast.ana)
    WorkPeriod.objects.update(seen_at=WorkPeriod.objects.get().seen_at - timedelta(seconds=30))
    written = at_once(*(lambda: services.seen_at_work(ticket, cast.ana) for _ in range(3)))
    assert sorted(written) == [False, False, True]
    assert 30 <= seconds() <= 35


@pytest.mark.django_db(transaction=True)
def test_seen_while_it_is_handed_back_the_period_stays_ended(cast):
    ticket = services.take_over(ticket=cast.ticket(), by=cast.ana)
    WorkPeriod.objects.update(seen_at=WorkPeriod.objects.get().seen_at - timedelta(seconds=30))
    at_once(
        lambda: services.hand_back(ticket=ticket, by=cast.ana, brief="Go on"),
        lambda: services.seen_at_work(ticket, cast.ana),
    )
    period = WorkPeriod.objects.get()
    assert period.ended_at is not None and 30 <= period.seconds <= 35
