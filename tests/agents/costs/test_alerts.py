"""Alerts about cost: opened once per cause, counted up, ended by themselves, acknowledged and muted by people."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.costs import alert_views, alerts, watching
from agents.costs.watching import CostWatch
from agents.forms import BudgetForm
from agents.models import Agent, Budget, CostAlert, Run, Spend
from audit.models import AuditEntry
from supportagent.changes.loosening.caps import budget_loosens
from supportagent.staff.models import Team, User
from tests.world import World, build_world

DOLLAR = 1_000_000
PAGE = "/console/costs/alerts/"
NOW = datetime(2026, 3, 12, 14, 30, tzinfo=UTC)


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path, clock: "Clock") -> World:
    world = build_world(settings, tmp_path)
    Budget.objects.all().delete()
    return world


class Clock:
    """The time as the watch sees it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (alerts, watching):
        monkeypatch.setattr(module, "database_now", clock)
    monkeypatch.setattr(timezone, "now", clock)
    return clock


def budget(world: World, *, spent: int, cap: int = 100 * DOLLAR, **changes: Any) -> Budget:
    usual = {"scope": "agent", "subject": world.agent.slug, "period": "day", "period_start": NOW.date()}
    return Budget.objects.create(spent=spent, cap=cap, **{**usual, **changes})


def spend(agent: Agent, world: World, micros: int, at: datetime, **changes: Any) -> Run:
    ticket = world.write(customer=world.customer) if not Run.objects.exists() else Run.objects.all()[0].ticket
    Run.objects.filter(state="QUEUED").update(state="COMPLETED")
    usual = {"ticket": ticket, "agent": agent, "state": "COMPLETED", "assurance": "verified", "cost_micros": micros}
    run = Run.objects.create(**{**usual, **changes})
    row = Spend.objects.create(
        run=run, turn=1, budget_ids=[], state="settled", reserved=0, charged=micros, price_id="p", expires_at=at
    )
    Spend.objects.filter(pk=row.pk).update(created_at=at)
    Run.objects.filter(pk=run.pk).update(created_at=at)
    return run


def opened() -> dict[str, CostAlert]:
    return {alert.kind: alert for alert in CostAlert.objects.open()}


def actions() -> list[str]:
    found = AuditEntry.objects.filter(action__startswith="agents.cost_alert.").order_by("pk")
    return [action.rpartition(".")[2] for action in found.values_list("action", flat=True)]


def test_a_budget_near_its_cap_is_told_of_once_and_counted(world: World, clock: Clock) -> None:
    mine = budget(world, spent=80 * DOLLAR, period="ever")
    watch = CostWatch()
    assert watch.look() == 1
    clock.go_on(minutes=1)
    Budget.objects.filter(pk=mine.pk).update(spent=85 * DOLLAR)
    assert watch.look() == 0
    [alert] = CostAlert.objects.all()
    assert (alert.kind, alert.count, alert.budget, alert.agent) == ("soft", 2, mine, world.agent)
    assert (alert.first_at, alert.last_at) == (NOW, clock.now)
    assert alert_views.words(alert) == "USD 85.00 of USD 100.00 spent; people are told from 80 % on."
    assert actions() == ["opened"]


def test_from_which_share_on_is_the_budgets_own(world: World) -> None:
    budget(world, spent=80 * DOLLAR, period="ever", warn_at=90)
    assert CostWatch().look() == 0


@pytest.mark.parametrize(("typed", "kept"), [("90", 90), ("", 70), ("0", None), ("101", None), ("x", None)])
def test_the_share_is_a_percentage_and_stays_when_nothing_is_typed(world: World, typed: str, kept: int | None) -> None:
    mine = budget(world, spent=0, warn_at=70)
    form = BudgetForm({"scope": "agent", "subject": world.agent.slug, "period": "day", "cap": "5", "warn_at": typed})
    form.instance = mine
    assert (form.cleaned_data["warn_at"] if form.is_valid() else None) == kept


def test_a_later_warning_is_no_looser_rule() -> None:
    before = {"scope": "agent", "cap": 5, "warn_at": 80}
    assert budget_loosens(before, before | {"warn_at": 100}) == []


def test_a_reached_cap_takes_the_place_of_the_warning(world: World, clock: Clock) -> None:
    mine = budget(world, spent=80 * DOLLAR, period="ever")
    CostWatch().look()
    Budget.objects.filter(pk=mine.pk).update(reserved=20 * DOLLAR)
    clock.go_on(minutes=1)
    assert CostWatch().look() == 2
    [alert] = CostAlert.objects.open()
    assert alert.kind == "hard"
    assert alert_views.words(alert) == "USD 80.00 of USD 100.00 spent, USD 20.00 reserved for calls that run."


def test_a_new_period_ends_it_and_the_next_time_is_another_alert(world: World, clock: Clock) -> None:
    mine = budget(world, spent=100 * DOLLAR)
    CostWatch().look()
    clock.go_on(days=1)
    assert CostWatch().look() == 1
    assert not opened()
    Budget.objects.filter(pk=mine.pk).update(spent=100 * DOLLAR, period_start=date(2026, 3, 13))
    assert CostWatch().look() == 1
    assert CostAlert.objects.count() == 2
    assert actions() == ["opened", "ended", "opened"]


def test_a_cap_that_will_be_reached_is_told_of_before_it_is_near(world: World, clock: Clock) -> None:
    budget(world, spent=70 * DOLLAR)
    CostWatch().look()
    [alert] = CostAlert.objects.open()
    assert alert.kind == "forecast"
    assert "the cap is reached on 12 March, 20:42 UTC; without it the end would be USD 115.86" in alert_views.words(
        alert
    )
    Budget.objects.update(cap=1000 * DOLLAR)
    clock.go_on(minutes=59)
    CostWatch().look()
    assert opened(), "what comes and goes within an hour is one alert"
    clock.go_on(minutes=2)
    CostWatch().look()
    assert not opened()


def test_caps_of_single_tickets_and_customers_are_not_watched(world: World) -> None:
    budget(world, spent=100 * DOLLAR, scope="ticket", subject="T-1")
    budget(world, spent=100 * DOLLAR, scope="customer", subject="CUS-1001")
    budget(world, spent=100 * DOLLAR, subject="gone")
    assert CostWatch().look() == 0


def test_a_spike_against_the_same_hour_of_five_weeks_names_the_runs_behind_it(world: World, clock: Clock) -> None:
    for week in range(1, 6):
        for hours in (0, 5):
            spend(world.agent, world, 2 * DOLLAR, NOW - timedelta(weeks=week, hours=hours))
    spend(world.agent, world, 2 * DOLLAR, NOW - timedelta(hours=5))
    watch = CostWatch()
    assert watch.look() == 0
    behind = [spend(world.agent, world, (9 + n) * DOLLAR, NOW - timedelta(minutes=2)) for n in range(6)]
    assert watch.look() == 1
    alert = opened()["spike"]
    assert (alert.agent, alert.budget, alert.figures["rule"]) == (world.agent, None, "weeks")
    assert alert.run_ids == [str(run.pk) for run in reversed(behind)][: alerts.RUNS]
    words = alert_views.words(alert)
    assert words == "USD 69.00 in the last 30 minutes; usual in this hour of the week is USD 1.00, by 5 weeks."
    clock.go_on(minutes=50)
    watch.look()
    clock.go_on(minutes=61)
    watch.look()
    assert not opened()


def test_on_the_first_day_a_quarter_of_the_days_cap_in_an_hour_is_a_spike(world: World) -> None:
    budget(world, spent=0)
    spend(world.agent, world, 26 * DOLLAR, NOW - timedelta(minutes=3))
    CostWatch().look()
    assert opened()["spike"].figures["rule"] == "cap"


def test_the_minutes_before_a_full_hour_are_seen_after_it(world: World, clock: Clock) -> None:
    budget(world, spent=0)
    clock.now = NOW.replace(minute=1)
    spend(world.agent, world, 26 * DOLLAR, clock.now - timedelta(minutes=3))
    CostWatch().look()
    assert opened()["spike"].figures["minutes"] == 5


def test_another_process_that_looks_at_the_same_moment_opens_and_counts_nothing_twice(
    world: World, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = budget(world, spent=100 * DOLLAR)
    CostWatch().look()
    finding = next(iter(watching._limits([mine], {world.agent.slug: world.agent}, NOW)))
    assert alerts._open(finding, [], NOW) is False
    assert actions() == ["opened"]
    clock.go_on(seconds=5)
    CostWatch().look()
    assert CostAlert.objects.get().count == 1


def another_agent(number: int) -> Agent:
    account = User.objects.create_user(f"agent-{number}", kind="service")
    return Agent.objects.create(slug=f"a{number}", name=f"A{number}", service_user=account, team=Team.objects.all()[0])


def test_a_look_takes_as_many_statements_for_ten_agents_as_for_one(world: World, clock: Clock) -> None:
    def statements() -> int:
        clock.go_on(minutes=1)
        CostWatch().look()
        clock.go_on(minutes=1)
        with CaptureQueriesContext(connection) as queries:
            CostWatch().look()
        return len(queries)

    budget(world, spent=100 * DOLLAR, period="ever")
    spend(world.agent, world, 3 * DOLLAR, NOW)
    before = statements()
    for number in range(9):
        agent = another_agent(number)
        budget(world, spent=100 * DOLLAR, subject=agent.slug, period="ever")
        spend(agent, world, 3 * DOLLAR, NOW)
    assert statements() == before
    assert CostAlert.objects.open().count() == 10


def hard(world: World) -> CostAlert:
    budget(world, spent=100 * DOLLAR)
    CostWatch().look()
    return CostAlert.objects.get()


def test_an_alert_is_acknowledged_once_and_by_whoever_may_stop_an_agent(world: World) -> None:
    alert = hard(world)
    with pytest.raises(PermissionDenied):
        alerts.acknowledge(alert=alert, by=world.finance)
    alerts.acknowledge(alert=alert, by=world.ana)
    with pytest.raises(alerts.AlertError, match="meanwhile"):
        alerts.acknowledge(alert=alert, by=world.ana)
    alert.refresh_from_db()
    assert (alert.acknowledged_by, alert.acknowledged_at) == (world.ana, NOW)
    assert actions() == ["opened", "acknowledged"]


def test_what_is_muted_stays_silent_when_its_cause_comes_again(world: World, clock: Clock) -> None:
    alert = hard(world)
    alerts.mute(alert=alert, by=world.ana, until=NOW + timedelta(days=2), reason="  A  sale ")
    assert not CostAlert.objects.filter(muted_until__gt=NOW, pk=alert.pk).exclude(mute_reason="A sale")
    clock.go_on(days=1)
    CostWatch().look()
    Budget.objects.update(spent=100 * DOLLAR, period_start=date(2026, 3, 13))
    CostWatch().look()
    again = CostAlert.objects.open().get()
    assert again.pk != alert.pk
    assert (again.muted_by, again.mute_reason) == (world.ana, "A sale")
    assert actions() == ["opened", "muted", "ended", "opened"]


@pytest.mark.parametrize(
    ("days", "reason"), [(0, "A sale"), (-1, "A sale"), (31, "A sale"), (1, "no"), (1, "x" * 201), (1, "\0 \0")]
)
def test_a_mute_has_an_end_and_a_reason(world: World, days: int, reason: str) -> None:
    with pytest.raises(alerts.InvalidMute):
        alerts.mute(alert=hard(world), by=world.ana, until=NOW + timedelta(days=days), reason=reason)
    assert actions() == ["opened"]


def test_what_is_over_is_neither_acknowledged_nor_muted(world: World) -> None:
    alert = hard(world)
    CostAlert.objects.update(ended_at=NOW)
    with pytest.raises(alerts.AlertError):
        alerts.acknowledge(alert=alert, by=world.ana)
    with pytest.raises(alerts.AlertError):
        alerts.mute(alert=alert, by=world.ana, until=NOW + timedelta(days=1), reason="A sale")


# -- the page, by the real clock ------------------------------------------------------------------------------------


def told(world: World, **changes: Any) -> CostAlert:
    now = timezone.now()
    figures = {"rule": "mean", "minutes": 60, "spent": 9 * DOLLAR, "usual": DOLLAR, "weeks": 0}
    usual = {"kind": "spike", "key": "spike:1", "agent": world.agent, "first_at": now, "last_at": now}
    return CostAlert.objects.create(**{**usual, "figures": figures, **changes})


@pytest.fixture
def house(db: None, settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


def read(client: Client, person: User) -> str:
    client.force_login(person)
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_says_it_in_words_and_leads_to_the_runs(house: World, client: Client) -> None:
    run = spend(house.agent, house, 9 * DOLLAR, timezone.now())
    told(house, run_ids=[str(run.pk), "00000000-0000-0000-0000-000000000000"])
    page = read(client, house.ana)
    assert "USD 9.00 in the last 60 minutes; the mean so far is USD 1.00" in page
    assert f"/console/runs/{run.pk}/" in page
    assert f"/console/runs/{run.pk}/" not in read(client, house.finance), "who may not read runs gets no link"


def test_the_buttons_acknowledge_and_mute(house: World, client: Client) -> None:
    alert = told(house)
    client.force_login(house.ana)
    assert client.post(f"{PAGE}{alert.pk}/acknowledge/").status_code == 302
    again = client.post(f"{PAGE}{alert.pk}/acknowledge/")
    assert again.status_code == 409
    assert "Somebody acknowledged it meanwhile" in again.content.decode()
    assert 'id="alerts-acknowledged"' in read(client, house.ana)
    assert client.post(f"{PAGE}{alert.pk}/mute/", {"hours": "x", "reason": "A sale"}).status_code == 422
    assert client.post(f"{PAGE}{alert.pk}/mute/", {"hours": "8", "reason": "A <b> sale"}).status_code == 302
    page = read(client, house.ana)
    assert 'id="alerts-muted"' in page
    assert "A &lt;b&gt; sale" in page
    assert 'data-testid="acknowledge"' not in page


def test_another_team_sees_neither_the_alert_nor_its_number(house: World, client: Client, rf: Any) -> None:
    alert = told(house)
    assert 'data-testid="all-clear"' in read(client, house.piet)
    assert client.post(f"{PAGE}{alert.pk}/acknowledge/").status_code == 404
    request = rf.get(PAGE)
    for person, number in ((house.ana, "1"), (house.piet, ""), (house.admin, "1")):
        request.user = person
        assert alert_views.calling(request) == number
    alerts.acknowledge(alert=alert, by=house.ana)
    request.user = house.ana
    assert alert_views.calling(request) == ""


def test_the_page_takes_as_many_statements_for_many_alerts_as_for_two(house: World, client: Client) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            read(client, house.ana)
        return len(queries)

    run = spend(house.agent, house, 9 * DOLLAR, timezone.now())
    for number in range(2):
        told(house, key=f"k{number}", run_ids=[str(run.pk)])
    read(client, house.ana)  # what a process remembers
    before = statements()
    for number in range(2, 12):
        told(house, key=f"k{number}", run_ids=[str(run.pk)], ended_at=timezone.now() if number % 2 else None)
    assert statements() == before
