"""Alerts about cost: found once a minute, one open row per cause, answered or silenced by people.

A budget of the house, of an agent or of all anonymous visitors is near its cap, has reached it, or will at the present
pace; an agent spends far more than usual. The caps of single tickets and customers tell their own run: they are many,
and name somebody.

How many statements a look takes does not depend on how many agents there are. What agents spent in the hours before
this one does not change any more, so a process reads it once an hour.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import IntegrityError
from django.db.models import F, FloatField, Q, Sum, Window
from django.db.models.functions import Cast, RowNumber, TruncHour

from agents.costs import economics, spikes
from agents.costs.spending import use_of
from agents.models import Agent, Budget, CostAlert, Run, Spend
from audit import log as audit_log
from audit.clock import database_now
from audit.context import Actor
from supportagent.console.live import publish
from supportagent.periods import last_days
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, require
from supportagent.tickets.models import Ticket
from supportagent.tickets.text import storable

Kind = CostAlert.Kind
Scope = Budget.Scope

WATCHED = (Scope.ORGANISATION, Scope.AGENT, Scope.ANONYMOUS)
RUNS = 5  # behind an alert
# A spike or a forecast that comes and goes within the hour is one; a cap is reached or it is not.
QUIET = {Kind.SPIKE: timedelta(hours=1), Kind.FORECAST: timedelta(hours=1)}
LONGEST_MUTE = timedelta(days=30)
REASON_LENGTH = range(3, 201)
SAME_LOOK = timedelta(seconds=20)
GROUP = "costs.alerts"


class AlertError(Exception):
    """What was asked for is not possible; the text is for people."""

    status = 409


class InvalidMute(AlertError):
    status = 422


@dataclass(frozen=True)
class Finding:
    """A cause that holds now. `since` is from when on runs are behind it."""

    kind: Kind
    key: str
    agent: Agent | None
    budget: Budget | None
    since: datetime
    figures: dict[str, Any]


@dataclass
class CostWatch:
    """Looks at what is spent. What lies behind an hour is read once in it."""

    _hour: int = -1
    _pasts: dict[int, spikes.Past] = field(default_factory=dict)
    _dearer: list[Finding] = field(default_factory=list)

    def look(self) -> int:
        """Open, count up and end alerts. Returns how many were opened or ended; safe in parallel."""
        now = database_now()
        agents = {agent.slug: agent for agent in Agent.objects.select_related("team")}
        budgets = list(Budget.objects.filter(scope__in=WATCHED).order_by("pk"))
        if self._hour != spikes.hour_of(now):
            self._hour, self._pasts = spikes.hour_of(now), _pasts(now)
            self._dearer = list(_dearer(agents.values(), now))
        found = [*_limits(budgets, agents, now), *self._spikes(budgets, agents, now), *self._dearer]
        return _write({finding.key: finding for finding in found}, now)

    def _spikes(self, budgets: list[Budget], agents: dict[str, Agent], now: datetime) -> Iterable[Finding]:
        hour = spikes.hour_of(now)
        caps = {each.subject: each.cap for each in budgets if each.scope == Scope.AGENT and each.period == "day"}
        windows = _windows(now)
        for agent in agents.values():
            past = self._pasts.get(agent.pk, _NOTHING)
            usual, before = (spikes.usual_for(past, each) for each in (hour, hour - 1))
            so_far, short = windows.get(agent.pk, (None, None))
            if so_far is None or short is None:
                continue
            # The last minutes may lie in the hour before: the busier of the two is what is usual.
            is_calmer = now.minute < short.minutes and (before.hour or 0) > (usual.hour or 0)
            cap = caps.get(agent.slug)
            spike = spikes.spike(usual, [so_far], daily_cap=cap)
            spike = spike or spikes.spike(before if is_calmer else usual, [short], daily_cap=cap)
            if spike:
                figures = {"rule": spike.rule, "minutes": spike.window.minutes, "spent": spike.window.micros}
                figures |= {"usual": spike.usual, "weeks": usual.weeks}
                since = now - timedelta(minutes=spike.window.minutes)
                yield Finding(Kind.SPIKE, f"spike:agent:{agent.pk}", agent, None, since, figures)


def acknowledge(*, alert: CostAlert, by: User) -> None:
    """Say that one has seen it. Whoever may stop an agent may answer for its cost. Raises AlertError (409)."""
    require(by, Permission.PAUSE_AGENT)
    with audit_log.transaction():
        # Race: a colleague acknowledges too, or the cause is over meanwhile. The condition lets one be the first.
        taken = CostAlert.objects.open().filter(pk=alert.pk, acknowledged_at=None)
        if not taken.update(acknowledged_by=by, acknowledged_at=database_now()):
            raise AlertError("Somebody acknowledged it meanwhile, or its cause is over.")
        _record("acknowledged", alert, Actor.of(by))


def mute(*, alert: CostAlert, by: User, until: datetime, reason: str) -> None:
    """Keep it silent until then, and every later alert with the same cause too. It stays on the page.

    Raises InvalidMute (422), AlertError (409).
    """
    require(by, Permission.PAUSE_AGENT)
    reason = storable(" ".join(reason.split()))
    if len(reason) not in REASON_LENGTH:
        raise InvalidMute("Say in 3 to 200 characters why nobody needs to hear of it.")
    now = database_now()
    if not now < until <= now + LONGEST_MUTE:
        raise InvalidMute("Choose a time within the next 30 days.")
    with audit_log.transaction():
        # Race: the cause ends meanwhile. Then there is nothing to silence.
        values = {"muted_by": by, "muted_until": until, "mute_reason": reason}
        if not CostAlert.objects.open().filter(pk=alert.pk).update(**values):
            raise AlertError("Its cause is over: there is nothing to mute.")
        _record("muted", alert, Actor.of(by), until=until.isoformat())


def _limits(budgets: list[Budget], agents: dict[str, Agent], now: datetime) -> Iterable[Finding]:
    for budget in budgets:
        use, agent = use_of(budget, now.date()), agents.get(budget.subject)
        if budget.scope == Scope.AGENT and agent is None:
            continue  # whom it was for is gone
        bounds = spikes.bounds_of(budget.period, now)
        since = bounds[0] if bounds else now - timedelta(days=1)
        figures = {"spent": use.spent, "reserved": use.reserved, "cap": use.cap, "warn_at": budget.warn_at}

        def finding(
            kind: Kind,
            *,
            budget: Budget = budget,
            agent: Agent | None = agent,
            since: datetime = since,
            figures: dict[str, Any] = figures,
            **more: Any,
        ) -> Finding:
            return Finding(kind, f"{kind}:budget:{budget.pk}", agent, budget, since, figures | more)

        if use.ratio >= 1:
            yield finding(Kind.HARD)
            continue
        if use.ratio * 100 >= budget.warn_at:
            yield finding(Kind.SOFT)
        if foreseen := spikes.forecast(cap=use.cap, spent=use.spent, period=budget.period, now=now):
            yield finding(Kind.FORECAST, reached_at=foreseen.reached_at.isoformat(), by_the_end=foreseen.by_the_end)


def _dearer(agents: Iterable[Agent], now: datetime) -> Iterable[Finding]:
    """Agents whose conversations cost more than people alone would for the same categories."""
    period = last_days(28, now)
    found = economics.dearer(period)
    for agent in agents:
        if sums := found.get(agent.pk):
            figures = {"n": sums.baseline_n, "each": sums.compared_per_interaction}
            figures |= {"people": sums.baseline_per_interaction}
            yield Finding(Kind.DEARER, f"dearer:agent:{agent.pk}", agent, None, period.start, figures)


_NOTHING = spikes.Past.of({}, grain=0)


def _pasts(now: datetime) -> dict[int, spikes.Past]:
    """What every agent spent in the full hours before this one, and what its conversations cost; two statements."""
    until = now.replace(minute=0, second=0, microsecond=0)
    since = until - timedelta(hours=spikes.HOURS_OF_A_WEEK * (spikes.WEEKS + 1))
    spent = Spend.objects.filter(created_at__gte=since, created_at__lt=until, run__agent__isnull=False).order_by()
    hours: dict[int, dict[int, int]] = {}
    by_hour = spent.values_list("run__agent", TruncHour("created_at", tzinfo=UTC)).annotate(Sum("charged"))
    for agent, hour, micros in by_hour:
        hours.setdefault(agent, {})[spikes.hour_of(hour)] = micros
    runs = Run.objects.of_agents().filter(created_at__gte=until - timedelta(weeks=spikes.MINIMUM_WEEKS)).order_by()
    cost = Cast("cost_micros", FloatField())  # its square leaves the whole numbers of a database
    costs = runs.values_list("agent").annotate(squares=Sum(cost * cost), total=Sum("cost_micros"))
    grains = {agent: squares / total for agent, squares, total in costs if total}
    return {agent: spikes.Past.of(known, grain=grains.get(agent, 0)) for agent, known in hours.items()}


def _windows(now: datetime) -> dict[int, tuple[spikes.Window, spikes.Window]]:
    """What every agent spent in this hour so far and in the last five minutes; one statement."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    short = now - timedelta(minutes=spikes.SHORT_MINUTES)
    spent = Spend.objects.filter(created_at__gte=min(hour, short), run__agent__isnull=False).order_by()
    sums = spent.values_list("run__agent").annotate(
        so_far=Sum("charged", filter=Q(created_at__gte=hour), default=0),
        lately=Sum("charged", filter=Q(created_at__gte=short), default=0),
    )
    minutes = max(now.minute + (now.second > 0), 1)
    return {
        agent: (spikes.Window(minutes, so_far), spikes.Window(spikes.SHORT_MINUTES, lately))
        for agent, so_far, lately in sums
    }


def _write(found: dict[str, Finding], now: datetime) -> int:
    known = {alert.key: alert for alert in CostAlert.objects.open()}
    again = [alert for key, alert in known.items() if key in found]
    if again:
        # Race: another process looks at the same moment. What it counted seconds ago is counted once.
        seen = CostAlert.objects.open().filter(pk__in=[alert.pk for alert in again], last_at__lt=now - SAME_LOOK)
        seen.update(last_at=now, count=F("count") + 1)
        for alert in again:
            alert.figures = found[alert.key].figures
        CostAlert.objects.bulk_update(again, ["figures"])
    over = [
        alert
        for key, alert in known.items()
        if key not in found and alert.last_at + QUIET.get(Kind(alert.kind), timedelta()) <= now
    ]
    new = [finding for key, finding in found.items() if key not in known]
    return sum(_end(alert, now) for alert in over) + _open_all(new, now)


def _open_all(findings: list[Finding], now: datetime) -> int:
    """An alert costs statements once, when it begins."""
    opened = 0
    for since in {finding.since for finding in findings}:
        behind = _runs_since(since)
        for finding in findings:
            if finding.since == since:
                opened += _open(finding, _behind(finding, behind), now)
    return opened


def _open(finding: Finding, run_ids: list[str], now: datetime) -> bool:
    alert = CostAlert(
        kind=finding.kind,
        key=finding.key,
        agent=finding.agent,
        budget=finding.budget,
        first_at=now,
        last_at=now,
        figures=finding.figures,
        run_ids=run_ids,
    )
    try:
        with audit_log.transaction():
            muted = CostAlert.objects.filter(key=finding.key, muted_until__gt=now).order_by("-muted_until").first()
            if muted is not None:
                alert.muted_by, alert.muted_until = muted.muted_by, muted.muted_until
                alert.mute_reason = muted.mute_reason
            # Race: another process found the same. One open row per key: the constraint lets one write.
            alert.save(force_insert=True)
            _record("opened", alert, Actor.system("cost watch"))
    except IntegrityError:
        return False
    return True


def _end(alert: CostAlert, now: datetime) -> bool:
    with audit_log.transaction():
        # Race: another process ends it too, or has just found its cause again. The condition lets one of them count.
        if not CostAlert.objects.open().filter(pk=alert.pk, last_at=alert.last_at).update(ended_at=now):
            return False
        _record("ended", alert, Actor.system("cost watch"))
    return True


def _runs_since(since: datetime) -> list[tuple[str, int, str]]:
    """The most expensive runs of every agent, customers who proved who they are and others apart: id, agent, who."""
    costs = Spend.objects.filter(created_at__gte=since, charged__gt=0, run__agent__isnull=False).order_by()
    grouped = costs.values("run", "run__agent", "run__assurance").annotate(cost=Sum("charged"))
    placed = grouped.annotate(
        place=Window(
            RowNumber(), partition_by=[F("run__agent"), F("run__assurance")], order_by=[F("cost").desc(), F("run")]
        )
    )
    rows = placed.filter(place__lte=RUNS).values_list("run", "run__agent", "run__assurance", "cost")
    return [(str(run), agent, who) for run, agent, who, _ in sorted(rows, key=lambda row: -row[3])]


def _behind(finding: Finding, runs: list[tuple[str, int, str]]) -> list[str]:
    def is_behind(agent: int, assurance: str) -> bool:
        if finding.agent is not None:
            return agent == finding.agent.pk
        anonymous = finding.budget is not None and finding.budget.scope == Scope.ANONYMOUS
        return not anonymous or assurance == Ticket.Assurance.ANONYMOUS

    return [run for run, agent, assurance in runs if is_behind(agent, assurance)][:RUNS]


def _record(verb: str, alert: CostAlert, actor: Actor, **data: Any) -> None:
    refs = [("agent", alert.agent.slug)] if alert.agent else []
    audit_log.record(
        f"agents.cost_alert.{verb}",
        actor=actor,
        target=("cost_alert", str(alert.pk)),
        refs=refs,
        data={"kind": alert.kind, "key": alert.key, **data},
    )
    publish(GROUP, {"what": "alerts"})
