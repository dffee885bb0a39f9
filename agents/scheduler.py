"""What time itself has to do: end leases, find lost jobs, let approvals and reservations expire.

Every duty is safe to run in several processes at once: each takes its rows by a conditional UPDATE.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.db import Error, close_old_connections

from agents import abandoned, outcomes, services
from agents.costs import budgets, hours, interactions, telling, watching
from approvals import services as approvals
from approvals.notifications.announcing import announce
from approvals.overdue import escalate_overdue
from approvals.requeue import requeue_outdated
from supportagent.tickets import services as tickets
from supportagent.tools import health

logger = logging.getLogger(__name__)


@dataclass
class Duty:
    """Something to be done every so many seconds."""

    name: str
    every: float
    act: Callable[[], int]
    due: float = 0.0


_from_above: list[tuple[str, float, Callable[[], int]]] = []


def register(name: str, every: float, act: Callable[[], int]) -> None:
    """Let the scheduler do something of an app above this one every so many seconds. `act` says how much it did."""
    _from_above.append((name, every, act))


def duties() -> list[Duty]:
    """What the scheduler does, with the intervals of the settings."""
    return [
        Duty("lost jobs enqueued again", settings.SWEEP_SECONDS, services.sweep),
        Duty("runs woken to send what was approved", min(settings.SWEEP_SECONDS, 1), services.wake_effective),
        Duty("approval requests expired", settings.SWEEP_SECONDS, approvals.expire_due),
        Duty("approval requests judged by new rules", settings.SWEEP_SECONDS, requeue_outdated),
        Duty("overdue approval requests passed on", settings.SWEEP_SECONDS, escalate_overdue),
        Duty("notices of approval requests written", settings.SWEEP_SECONDS, announce),
        Duty("hand-overs found overdue", settings.SWEEP_SECONDS, tickets.mark_overdue),
        Duty("hand-overs suggested to who is here", settings.REAPER_SECONDS, tickets.suggest_again),
        Duty("runs recovered from dead workers", settings.REAPER_SECONDS, services.reap),
        Duty("calls of ended runs settled", settings.REAPER_SECONDS, abandoned.settle_abandoned),
        Duty("unknown outcomes settled by a read", settings.REAPER_SECONDS, outcomes.reconcile_open),
        Duty("tickets of silent customers resolved", 300, tickets.resolve_silent),
        Duty("resolved tickets closed", 300, tickets.close_resolved),
        Duty("old minutes of servers dropped", 600, health.prune),
        Duty("alerts about cost opened or ended", 60, watching.CostWatch().look),
        Duty("notices of alerts about cost written", 5, telling.announce),
        Duty("hours of the ledger summed", 60, hours.roll_up),
        Duty("reservations charged in full", settings.REAPER_SECONDS, budgets.forfeit_expired),
        Duty("conversations counted", 30, interactions.refresh),
        *(Duty(*each) for each in _from_above),
    ]


def run(stop: threading.Event) -> None:
    """Do the duties until `stop` is set. A database that is away is tried again, not given up."""
    tasks = duties()
    while not stop.wait(max(min(duty.due for duty in tasks) - time.monotonic(), 0.05)):
        close_old_connections()
        for duty in tasks:
            if duty.due <= time.monotonic():
                _do(duty)
                duty.due = time.monotonic() + duty.every


def _do(duty: Duty) -> None:
    try:
        count = duty.act()
    except Error:
        logger.warning("scheduler: %s: the database did not answer", duty.name, exc_info=True)
        return
    except Exception:
        # One duty that fails must not end the others: nobody else finds lost jobs and dead workers.
        logger.exception("scheduler: %s failed", duty.name)
        return
    if count:
        logger.info("scheduler: %d %s", count, duty.name)
