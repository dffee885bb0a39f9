"""A spike is seen soon, seldom where there is none, and a budget's end is foreseen."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from agents.costs.spikes import HOURS_OF_A_WEEK, Past, Window, forecast, hour_of, spike, usual_for
from tests.agents.costs.simulation import HEAD, PROFILES, Result, everything, simulate

DOLLAR = 1_000_000
GRAIN = DOLLAR // 20


def past(cost: Callable[[int], int], hours: int) -> Past:
    return Past.of({hour: cost(hour) for hour in range(hours)}, grain=GRAIN)


def by_week(hour: int) -> int:
    """Ten dollars in one hour of the week, one in all others."""
    return 10 * DOLLAR if hour % HOURS_OF_A_WEEK == 30 else DOLLAR


def test_an_hour_is_compared_with_the_same_hour_of_the_week() -> None:
    busy, quiet = (
        usual_for(past(by_week, hour), hour) for hour in (5 * HOURS_OF_A_WEEK + 30, 5 * HOURS_OF_A_WEEK + 31)
    )
    assert (busy.hour, busy.weeks) == (10 * DOLLAR, 5)
    assert spike(busy, [Window(60, 10 * DOLLAR)]) is None
    found = spike(quiet, [Window(60, 10 * DOLLAR)])
    assert found is not None
    assert (found.rule, found.usual) == ("weeks", DOLLAR)


def test_the_beginning_of_an_hour_is_judged_by_its_part() -> None:
    usual = usual_for(past(lambda hour: 60 * DOLLAR, 5 * HOURS_OF_A_WEEK), 5 * HOURS_OF_A_WEEK)
    assert spike(usual, [Window(5, 6 * DOLLAR)]) is None
    found = spike(usual, [Window(5, 25 * DOLLAR)])
    assert found is not None
    assert found.usual == 5 * DOLLAR


def test_growth_is_no_spike() -> None:
    grown = past(lambda hour: round(10 * DOLLAR * 1.2 ** (hour / HOURS_OF_A_WEEK)), 9 * HOURS_OF_A_WEEK)
    usual = usual_for(grown, 9 * HOURS_OF_A_WEEK)
    assert usual.hour == pytest.approx(10 * DOLLAR * 1.2**8, rel=0.01)


def test_one_spike_does_not_make_the_next_one_usual() -> None:
    spiked = past(lambda hour: 500 * DOLLAR if hour == 4 * HOURS_OF_A_WEEK else 10 * DOLLAR, 6 * HOURS_OF_A_WEEK)
    assert spike(usual_for(spiked, 6 * HOURS_OF_A_WEEK), [Window(60, 50 * DOLLAR)]) is not None


def test_until_28_days_are_remembered_a_multiple_of_the_mean_decides() -> None:
    usual = usual_for(past(lambda hour: 10 * DOLLAR, 28 * 24 - 1), 28 * 24 - 1)
    assert usual.weeks == 0
    assert spike(usual, [Window(60, 25 * DOLLAR)]) is None
    found = spike(usual, [Window(60, 50 * DOLLAR)])
    assert found is not None
    assert found.rule == "mean"
    assert usual_for(past(lambda hour: 10 * DOLLAR, 28 * 24), 28 * 24).weeks == 4


def test_on_the_first_day_only_a_share_of_the_cap_decides() -> None:
    usual = usual_for(Past.of({}, grain=GRAIN), 7)
    assert spike(usual, [Window(60, 500 * DOLLAR)]) is None
    assert spike(usual, [Window(60, 24 * DOLLAR)], daily_cap=100 * DOLLAR) is None
    found = spike(usual, [Window(60, 25 * DOLLAR)], daily_cap=100 * DOLLAR)
    assert found is not None
    assert found.rule == "cap"


def test_nobody_is_called_for_cents_or_for_a_handful_of_conversations() -> None:
    usual = usual_for(past(lambda hour: DOLLAR // 100, 5 * HOURS_OF_A_WEEK), 5 * HOURS_OF_A_WEEK)
    assert spike(usual, [Window(60, DOLLAR // 2)]) is None
    lumpy = replace(usual, grain=DOLLAR)
    assert spike(lumpy, [Window(60, 4 * DOLLAR)]) is None


def test_an_hour_of_which_nothing_is_known_but_zeros_can_still_spike() -> None:
    usual = usual_for(past(lambda hour: DOLLAR if hour < 3 else 0, 5 * HOURS_OF_A_WEEK), 5 * HOURS_OF_A_WEEK)
    assert usual.hour == 0
    assert spike(usual, [Window(5, 5 * DOLLAR)]) is not None


def test_gaps_in_the_past_cost_nothing() -> None:
    assert Past.of({3: 5, 6: 7}, grain=1).costs == [5, 0, 0, 7]
    assert Past.of({3: 5, 6: 7}, grain=1).total(0, 6) == 5
    assert hour_of(datetime(1970, 1, 2, 3, 59, tzinfo=UTC)) == 27


NOON = datetime(2026, 2, 10, 12, tzinfo=UTC)


def test_at_the_present_pace_a_cap_is_reached_at_some_time_of_the_period() -> None:
    found = forecast(cap=10 * DOLLAR, spent=8 * DOLLAR, period="day", now=NOON)
    assert found is not None
    assert found.reached_at == NOON + timedelta(hours=3)
    assert found.by_the_end == 16 * DOLLAR
    month = forecast(cap=30 * DOLLAR, spent=19 * DOLLAR, period="month", now=NOON)
    assert month is not None
    assert month.reached_at == datetime(2026, 2, 1, tzinfo=UTC) + timedelta(days=15)


@pytest.mark.parametrize(
    ("spent", "period", "now"),
    [
        (5 * DOLLAR, "day", NOON),  # at midnight exactly
        (4 * DOLLAR, "day", NOON),
        (0, "day", NOON),
        (10 * DOLLAR, "day", NOON),  # reached already
        (9 * DOLLAR, "ever", NOON),
        (9 * DOLLAR, "day", NOON.replace(hour=1)),  # too early to speak of a pace
    ],
)
def test_there_is_no_forecast_outside_the_period(spent: int, period: str, now: datetime) -> None:
    assert forecast(cap=10 * DOLLAR, spent=spent, period=period, now=now) is None
    assert forecast(cap=10**15, spent=1, period=period, now=now) is None, "not in any year of the calendar"


def test_a_cap_that_is_hardly_touched_has_no_forecast() -> None:
    assert forecast(cap=10**15, spent=1, period="month", now=NOON) is None


def test_a_month_that_ends_in_december_has_an_end() -> None:
    december = datetime(2026, 12, 20, tzinfo=UTC)
    found = forecast(cap=100, spent=90, period="month", now=december)
    assert found is not None
    assert found.reached_at.month == 12


def test_a_short_simulation_sees_every_fivefold_hour_in_five_minutes() -> None:
    result = simulate(replace(PROFILES[1], weeks=2), seed=5)
    assert max(result.delays) <= 5
    assert result.false == 0


@pytest.mark.slow
def test_over_200_weeks_spikes_are_seen_in_five_minutes_and_false_alarms_are_rare() -> None:
    results = everything()
    print("\n".join([HEAD, *map(Result.row, results)]))  # noqa: T201
    assert sum(result.hours for result in results) >= 200 * HOURS_OF_A_WEEK
    assert all(result.per_month <= 1 for result in results)
    *enough, thin = results
    assert all(result.quantile(0.5) <= 5 for result in enough)
    assert all(result.quantile(0.95) <= 5 for result in enough if result.profile.learnt)
    assert sum(delay < 60 for delay in thin.delays) >= len(thin.delays) / 2
