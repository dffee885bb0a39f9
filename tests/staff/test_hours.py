from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from supportagent.staff.hours import AHEAD, add_working_minutes, is_open, next_opening
from supportagent.staff.models import OpeningHours, Team, User

pytestmark = pytest.mark.django_db

BERLIN = ZoneInfo("Europe/Berlin")
WEEKDAYS = range(5)


@pytest.fixture
def team():
    return Team.objects.create(name="Orders & returns", slug="orders", time_zone="Europe/Berlin")


def opens(team, *weekdays, at="09:00", until="17:00"):
    for weekday in weekdays:
        OpeningHours.objects.create(
            team=team, weekday=weekday, opens=time.fromisoformat(at), closes=time.fromisoformat(until)
        )


def berlin(text, **options):
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN, **options)


def test_a_team_without_hours_always_answers(team):
    night = berlin("2026-03-29 03:30")
    assert is_open(team, night) and next_opening(team, night) == night
    assert add_working_minutes(team, night, 45) == night + timedelta(minutes=45)


def test_a_team_is_open_from_the_minute_it_opens_until_the_minute_it_closes(team):
    opens(team, *WEEKDAYS)
    for at, open_then in (
        ("2026-06-01 08:59", False),
        ("2026-06-01 09:00", True),
        ("2026-06-01 16:59", True),
        ("2026-06-01 17:00", False),
        ("2026-06-06 10:00", False),
    ):
        assert is_open(team, berlin(at)) is open_then, at


def test_the_hours_are_those_of_the_teams_zone_whoever_asks(team):
    opens(team, *WEEKDAYS)
    assert is_open(team, datetime(2026, 6, 1, 7, 0, tzinfo=UTC))  # 09:00 in Berlin's summer
    assert not is_open(team, datetime(2026, 1, 5, 7, 59, tzinfo=UTC))
    assert is_open(team, datetime(2026, 1, 5, 8, 0, tzinfo=UTC))


def test_after_closing_on_friday_the_team_is_back_on_monday(team):
    opens(team, *WEEKDAYS)
    assert next_opening(team, berlin("2026-06-05 17:00")) == berlin("2026-06-08 09:00")


def test_an_hour_asked_on_friday_evening_ends_on_monday_morning(team):
    opens(team, *WEEKDAYS)
    assert add_working_minutes(team, berlin("2026-06-05 16:30"), 60) == berlin("2026-06-08 09:30")
    assert add_working_minutes(team, berlin("2026-06-06 12:00"), 60) == berlin("2026-06-08 10:00")
    assert add_working_minutes(team, berlin("2026-06-05 16:00"), 60) == berlin("2026-06-05 17:00")


def test_a_lunch_break_does_not_count(team):
    opens(team, 0, until="12:00")
    opens(team, 0, at="13:00", until="17:00")
    assert add_working_minutes(team, berlin("2026-06-01 11:30"), 60) == berlin("2026-06-01 13:30")


def test_stretches_that_overlap_count_once(team):
    opens(team, 0, until="12:00")
    opens(team, 0, at="11:00", until="13:00")
    assert add_working_minutes(team, berlin("2026-06-01 09:00"), 240) == berlin("2026-06-01 13:00")


def test_a_minute_before_midnight_means_midnight_so_that_a_team_can_be_there_all_day(team):
    opens(team, *range(7), at="00:00", until="23:59")
    assert is_open(team, berlin("2026-06-01 23:59:30"))
    assert add_working_minutes(team, berlin("2026-06-01 23:30"), 60) == berlin("2026-06-02 00:30")


def test_the_weekend_on_which_the_clocks_go_forward_is_an_hour_shorter(team):
    """29 March 2026: the hour after 02:00 does not exist, so a night shift of four hours on the clock lasts three."""
    opens(team, 6, at="01:00", until="05:00")
    start = berlin("2026-03-29 01:30")
    assert add_working_minutes(team, start, 60) == berlin("2026-03-29 03:30")
    assert add_working_minutes(team, start, 60).astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=1)
    assert add_working_minutes(team, berlin("2026-03-29 01:00"), 180) == berlin("2026-03-29 05:00")


def test_an_opening_that_the_clocks_skip_does_not_take_place(team):
    opens(team, 6, at="02:10", until="02:50")
    assert next_opening(team, berlin("2026-03-29 00:00")) == berlin("2026-04-05 02:10")


def test_the_weekend_on_which_the_clocks_go_back_is_an_hour_longer(team):
    """25 October 2026: 02:00 to 03:00 comes twice, and both count."""
    opens(team, 6, at="01:00", until="05:00")
    assert add_working_minutes(team, berlin("2026-10-25 01:00"), 300) == berlin("2026-10-25 05:00")
    assert is_open(team, berlin("2026-10-25 02:30")) and is_open(team, berlin("2026-10-25 02:30", fold=1))


def test_over_the_change_of_the_clocks_the_team_is_back_at_the_hour_on_its_wall(team):
    opens(team, *WEEKDAYS)
    back = next_opening(team, berlin("2026-03-27 17:00"))
    assert back == berlin("2026-03-30 09:00")
    assert back.astimezone(UTC).hour == 7


def test_nothing_is_promised_further_ahead_than_two_weeks(team):
    opens(team, 0, at="09:00", until="09:30")
    start = berlin("2026-06-01 12:00")
    assert add_working_minutes(team, start, 10_000_000) == start + AHEAD
    assert next_opening(team, start) == berlin("2026-06-08 09:00")


def test_the_opening_hours_cost_one_query(team, django_assert_num_queries):
    opens(team, *WEEKDAYS)
    with django_assert_num_queries(1):
        add_working_minutes(team, berlin("2026-06-05 16:30"), 600)


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "Europe", "/etc/localtime", "\x00"])
def test_a_zone_that_does_not_exist_is_an_error_when_the_team_is_saved(team, name):
    team.time_zone = name
    with pytest.raises(ValidationError) as refusal:
        team.full_clean()
    assert "time_zone" in refusal.value.message_dict


def test_a_zone_written_past_the_forms_counts_as_utc_and_breaks_nothing(team):
    opens(team, 0)
    team.time_zone = "Mars/Olympus"
    assert is_open(team, datetime(2026, 6, 1, 9, 0, tzinfo=UTC))


def test_a_team_cannot_close_before_it_opens(team):
    with pytest.raises(IntegrityError), transaction.atomic():
        opens(team, 0, at="17:00", until="09:00")


@pytest.fixture
def admin_page(team):
    person = User.objects.create_user("ops", is_staff=True)
    person.user_permissions.set(Permission.objects.filter(content_type__app_label="staff"))
    client = Client()
    client.force_login(person, backend="django.contrib.auth.backends.ModelBackend")

    def save(**changes):
        form = {
            "name": team.name,
            "slug": team.slug,
            "time_zone": "Europe/Lisbon",
            "answer_within_minutes": "30",
            "when_away": "promise",
            "change_reason": "hours",
            "opening_hours-TOTAL_FORMS": "1",
            "opening_hours-INITIAL_FORMS": "0",
            "opening_hours-0-weekday": "0",
            "opening_hours-0-opens": "09:00",
            "opening_hours-0-closes": "17:00",
        }
        for prefix in ("teamusergrant_set", "teamgroupgrant_set"):
            form |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
        return client.post(f"/admin/staff/team/{team.pk}/change/", form | changes)

    return save


def test_an_admin_sets_hours_zone_and_what_customers_hear(team, admin_page):
    assert admin_page().status_code == 302
    team.refresh_from_db()
    assert (team.time_zone, team.answer_within_minutes, team.when_away) == ("Europe/Lisbon", 30, "promise")
    assert str(team.opening_hours.get()) == "Monday 09:00-17:00"


def test_the_form_says_what_is_wrong_with_a_zone_or_with_hours(team, admin_page):
    answer = admin_page(time_zone="Mars/Olympus")
    assert answer.status_code == 200 and b"There is no time zone" in answer.content
    answer = admin_page(**{"opening_hours-0-closes": "08:00"})
    assert answer.status_code == 200 and not team.opening_hours.exists()
