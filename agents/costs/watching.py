"""What is found about cost, once a minute, and opens alerts.

A budget of the house, of an agent or of all anonymous visitors is near its cap, has reached it, or will at the present
pace; an agent spends far more than usual, costs more than people, or was stopped because it went in circles. The caps
of single tickets and customers tell their own run: they are many, and name somebody.

How many statements a look takes does not depend on how many agents there are. What agents spent in the hours before
this one does not change any more, so a process reads it once an hour.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, F, FloatField, Q, Sum, Window
from django.db.models.functions import Cast, RowNumber, TruncHour

from agents.costs import alerts, economics, spikes
from agents.costs.alerts import RUNS, Finding, Kind, Scope
from agents.costs.spending import use_of
from agents.models import Agent, Budget, Run, Spend
from audit.clock import database_now
from supportagent.periods import last_days

WATCHED = (Scope.ORGANISATION, Scope.AGENT, Scope.ANONYMOUS)
LOOPS_OF = timedelta(hours=1)  # keep the alert open


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
        found = [
            *_limits(budgets, agents, now),
            *self._spikes(budgets, agents, now),
            *self._dearer,
            *_loops(agents, now),
        ]
        return alerts.follow({finding.key: finding for finding in found}, now)

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


def _loops(agents: dict[str, Agent], now: datetime) -> Iterable[Finding]:
    """Agents of which runs ended in circles within the hour; one statement, of the newest runs of each."""
    since = now - LOOPS_OF
    stopped = Run.objects.of_agents().filter(ended_because=Run.LOOPED, finished_at__gt=since)
    newest = stopped.annotate(
        place=Window(RowNumber(), partition_by=F("agent"), order_by=[F("finished_at").desc(), F("pk")]),
        together=Window(Count("*"), partition_by=F("agent")),
    ).filter(place__lte=RUNS)
    behind: dict[str, list[tuple[str, int]]] = {}
    for slug, run, together in newest.order_by("agent", "place").values_list("agent__slug", "pk", "together"):
        behind.setdefault(slug, []).append((str(run), together))
    for slug, runs in behind.items():
        if agent := agents.get(slug):
            ids = tuple(run for run, _ in runs)
            yield Finding(Kind.LOOP, f"loop:agent:{agent.pk}", agent, None, since, {"runs": runs[0][1]}, ids)


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
