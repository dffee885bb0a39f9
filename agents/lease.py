"""Who works on a run: claim by compare-and-set, a lease that a heartbeat renews, and a fence against late writers.

Whoever holds an older fence can change nothing: every transaction of a worker starts in `step`, which locks
the run's row and compares the fence.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from agents import failpoints
from agents.models import Run, RunEvent
from agents.versions import keep_version
from audit import log as audit_log
from audit.context import Actor, acting
from supportagent.console import live
from supportagent.prepared import Change, change, first, insert, prepared, save
from supportagent.tickets.services.base import keep_locked

logger = logging.getLogger(__name__)


class FenceLost(Exception):
    """Somebody else has the run now (a taker-over, the reaper, another worker): stop and touch nothing."""


@dataclass(eq=False)
class Claim:
    """The right to work on a run, as long as its fence is the newest.

    `run` is the row as the last step of this worker left it. Who acts and the customer behind it are those of
    the moment of the claim; what must be true right now (rights, switches) is asked where it is needed.
    """

    run: Run
    fence: int
    actor: Actor

    @property
    def run_id(self) -> UUID:
        return self.run.pk


# What the worker that holds the run may change; `wanted`, `fence` and the lease belong to others as well, and what the
# run has used is counted where the ledger is written, by whoever ends a reservation.
_OWNED = (
    "state",
    "ended_because",
    "turns",
    "event_seq",
    "message_seq",
    "worked_ms",
    "fallback_model",
    "finished_at",
)


@dataclass
class Step:
    """One transaction of a worker on its run: the locked row, and the timeline lines it adds."""

    run: Run
    events: list[RunEvent] = field(default_factory=list)

    def emit(self, kind: str, title: str, **body: Any) -> None:
        """Add a line to the run's timeline, numbered under the run's lock."""
        self.run.event_seq += 1
        self.events.append(RunEvent(run=self.run, seq=self.run.event_seq, kind=kind, title=title[:200], body=body))

    def flush(self) -> None:
        """Write the step down. Whatever changes the run also says so on its timeline."""
        if not self.events:
            return
        insert(*self.events)
        save(self.run, *_OWNED)
        for group in (f"run.{self.run.pk}", f"ticket.{self.run.ticket_id}"):
            live.publish(group, {"what": "run", "seq": self.run.event_seq})
        live.publish(f"widget.{self.run.ticket_id}", {"what": "status", "seq": None})


def claim(run_id: UUID) -> Claim | None:
    """Take a queued run; None when there is nothing to take.

    Race: the same job may be delivered twice, or together with the reaper's. The UPDATE names the state it
    expects, so one caller gets the row.
    """
    if not _take(run_id, _lease_end()):
        return None
    [run] = _with_relations(run_id)
    keep_version(run)
    return Claim(run, run.fence, Actor.of(run.actor))


@contextmanager
def step(held: Claim, *, with_ticket: bool = False) -> Iterator[Step]:
    """Open a transaction on a claimed run; raises FenceLost when the claim is no longer the newest.

    `with_ticket` locks the ticket first, for verbs that write to the ticket as well.
    """
    with audit_log.transaction(), acting(held.actor):
        current = Step(_locked(held, with_ticket=with_ticket))
        yield current
        current.flush()
    held.run = current.run
    failpoints.reach("committed")


def _locked(held: Claim, *, with_ticket: bool) -> Run:
    """The run's row under its lock and the ticket as it is now; what never changes comes from the claim."""
    known = held.run
    read = _locked_both if with_ticket else _locked_with_ticket
    run = first(read(known.pk, held.fence))
    if run is None:
        raise FenceLost(str(known.pk))
    run.agent, run.caller = known.agent, known.caller
    if run.ticket.customer_id == known.ticket.customer_id:
        run.ticket.customer = known.ticket.customer
    if run.ticket.team_id == known.ticket.team_id:
        run.ticket.team = known.ticket.team
    if with_ticket:
        keep_locked(run.ticket)
    return run


class Heartbeat:
    """Renews the leases of every run that this process works on, so a slow model call does not lose its run."""

    def __init__(self) -> None:
        self._claims: set[Claim] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @contextmanager
    def holding(self, held: Claim) -> Iterator[None]:
        """Renew the lease of this claim until the block ends."""
        with self._lock:
            self._claims.add(held)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._beat, name="lease-heartbeat", daemon=True)
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._claims.discard(held)

    def held(self) -> list[Claim]:
        """What this process works on right now."""
        with self._lock:
            return list(self._claims)

    def _beat(self) -> None:
        pause = threading.Event()
        while not pause.wait(settings.LEASE_RENEW_SECONDS):
            claims = self.held()
            if not claims:
                connection.close()  # an idle process holds no connection for its heartbeat
                continue
            try:
                close_old_connections()
                renew(claims)
            except Exception:
                # The next beat tries again; if the database stays away, the leases run out, as they should.
                logger.warning("leases could not be renewed", exc_info=True)


def renew(claims: list[Claim]) -> int:
    """Prolong the leases of these claims; those that lost their fence are left alone."""
    mine = Q()
    for held in claims:
        mine |= Q(pk=held.run_id, fence=held.fence)
    return Run.objects.filter(mine, state=Run.State.RUNNING).update(lease_until=_lease_end())


def _lease_end() -> Any:
    return Now() + timedelta(seconds=settings.LEASE_SECONDS)


@prepared
def _take(run_id: UUID, lease_until: Any) -> Change[Run]:
    queued = Run.objects.filter(pk=run_id, state=Run.State.QUEUED)
    return change(queued, state=Run.State.RUNNING, fence=F("fence") + 1, lease_until=lease_until)


@prepared
def _with_relations(run_id: UUID) -> QuerySet[Run]:
    return Run.objects.select_related("agent__service_user", "caller", "ticket__customer", "ticket__team").filter(
        pk=run_id
    )


@prepared
def _locked_both(run_id: UUID, fence: int) -> QuerySet[Run]:
    """PostgreSQL takes the locks in the order of `of`, the ticket first, and reads anew what it had to wait for."""
    rows = Run.objects.select_for_update(of=("ticket", "self"), no_key=True).select_related("ticket")
    return rows.filter(pk=run_id, fence=fence, state=Run.State.RUNNING).order_by()


@prepared
def _locked_with_ticket(run_id: UUID, fence: int) -> QuerySet[Run]:
    rows = Run.objects.select_for_update(of=("self",), no_key=True).select_related("ticket")
    return rows.filter(pk=run_id, fence=fence, state=Run.State.RUNNING).order_by()


heartbeat = Heartbeat()
