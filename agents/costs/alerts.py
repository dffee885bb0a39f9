"""Alerts about cost: one open row per cause, opened and ended by what is found, answered or silenced by people."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError
from django.db.models import F, Sum, Window
from django.db.models.functions import RowNumber

from agents.models import Agent, Budget, CostAlert, Spend
from audit import log as audit_log
from audit.clock import database_now
from audit.context import Actor
from supportagent.console.live import publish
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, require
from supportagent.tickets.models import Ticket
from supportagent.tickets.text import storable

Kind = CostAlert.Kind
Scope = Budget.Scope

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
    """A cause that holds now. `since` is from when on runs are behind it: the most expensive ones, where it does not
    name them itself."""

    kind: Kind
    key: str
    agent: Agent | None
    budget: Budget | None
    since: datetime
    figures: dict[str, Any]
    run_ids: tuple[str, ...] = ()


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


def follow(found: dict[str, Finding], now: datetime) -> int:
    """Open, count up and end alerts by what holds now. Returns how many were opened or ended; safe in parallel."""
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
    for finding in findings:
        if finding.run_ids:
            opened += _open(finding, list(finding.run_ids), now)
    unnamed = [finding for finding in findings if not finding.run_ids]
    for since in {finding.since for finding in unnamed}:
        behind = _runs_since(since)
        for finding in unnamed:
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
