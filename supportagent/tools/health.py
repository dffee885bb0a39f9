"""How imported servers do, and the circuit of each, shared by all processes through the database.

Everything is written by statements that add to counters or name the state they leave, after the call and outside of the
gate's transactions: no worker overwrites what another has counted. The kill switch (`MCPServer.enabled`) is something
else: a person throws it, every check reads it. The circuit opens and closes by itself, and lets nothing pass that the
gate would not.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Model, QuerySet, Sum
from django.utils import timezone

from audit import log as audit_log
from audit.clock import database_now
from audit.context import Actor
from supportagent.console.health import Unhealthy
from supportagent.prepared import first, prepared
from supportagent.tools.models import MCPServer, ServerHealth, ServerMinute

logger = logging.getLogger(__name__)

# Milliseconds; each class is up to twice as wide as the one before, and inside it the mean is known.
CLASSES = (5, 10, 20, 35, 50, 75, 100, 150, 250, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000)
LONGEST = 2**31 - 1
KEPT = timedelta(days=2)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
PROBLEM_LIMIT = ServerHealth._meta.get_field("problem").max_length or 0


class CircuitOpen(Exception):
    """The server is left alone for now; the text says why and until when, for people and models."""


@dataclass(frozen=True)
class Admission:
    """A call that may be made. `probing` is set for the one call that tries an open circuit: the mark it left."""

    server_id: int
    probing: datetime | None = None
    openings: int = 0


def admit(server_id: int, *, seconds: float) -> Admission:
    """Let a call pass or raise CircuitOpen. `seconds`: how long the call may take at most.

    Race: the pause is over and several calls come at once. The UPDATE names the end of the pause that was read, so one
    of them becomes the probe; it moves that end to when it must be back, so a worker that dies frees the next one.
    """
    retry_at, openings = first(_circuit(server_id)) or (None, 0)
    if retry_at is None:
        return Admission(server_id)
    now = database_now()
    if retry_at > now:
        raise CircuitOpen(f"the server did not answer lately; it is tried again in {(retry_at - now).seconds + 1} s")
    mark = now + timedelta(seconds=seconds)
    if ServerHealth.objects.filter(pk=server_id, retry_at=retry_at).update(retry_at=mark) != 1:
        raise CircuitOpen("the server did not answer lately, and another call is trying it now")
    return Admission(server_id, mark, openings)


def look(server_id: int) -> None:
    """Raise CircuitOpen where `admit` would, without becoming the probe."""
    retry_at, _ = first(_circuit(server_id)) or (None, 0)
    if retry_at is not None and retry_at > database_now():
        raise CircuitOpen("the server did not answer lately, so it is left alone for now")


@prepared
def _circuit(server_id: int) -> QuerySet[ServerHealth, tuple[datetime | None, int]]:
    return ServerHealth.objects.filter(server=server_id).values_list("retry_at", "openings")


def release(admission: Admission) -> None:
    """The call ended without saying anything about the server: a probe leaves its place to the next call."""
    if admission.probing is not None:
        rows = ServerHealth.objects.filter(pk=admission.server_id, retry_at=admission.probing)
        rows.update(retry_at=database_now())


def note(admission: Admission, *, seconds: float, problem: str = "", unknown: bool = False) -> None:
    """Count a call that took so long. `problem`: why it was not answered, in our own words; "" when it was."""
    now, milliseconds = timezone.now(), max(round(seconds * 1000), 0)
    counted = {"calls": 1, "failures": int(bool(problem)), "unknown": int(unknown), "took_ms": milliseconds}
    minute = now.replace(second=0, microsecond=0)
    within = next((limit for limit in CLASSES if milliseconds <= limit), LONGEST)
    row: dict[str, Any] = {"server_id": admission.server_id}
    with transaction.atomic():
        if problem:
            found = {"failed_at": now, "problem": problem[:PROBLEM_LIMIT]}
            _add(ServerHealth, row, {**counted, "failures_in_a_row": 1}, found, {"openings": 0})
        else:  # whichever call it was: a server that answers is there
            found = {"answered_at": now, "failures_in_a_row": 0, "openings": 0, "retry_at": None}
            _add(ServerHealth, row, counted, found, {"problem": ""})
        _add(ServerMinute, {**row, "minute": minute, "within_ms": within}, counted, {}, {})
    if problem:
        _open(admission)


def _add(
    model: type[Model], key: dict[str, Any], counted: dict[str, int], found: dict[str, Any], begun: dict[str, Any]
) -> None:
    """Add to the row of this key, and set what was found; or begin it. One statement that both databases know.

    Race: the first calls of a server, or of a minute, end at once. One inserts, the others add to its row.
    """
    table, values = model._meta.db_table, {**key, **counted, **found, **begun}
    adding = [f"{name} = one.{name} + excluded.{name}" for name in counted]
    setting = [f"{name} = excluded.{name}" for name in found]
    adapt = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} AS one ({', '.join(values)}) VALUES ({', '.join(['%s'] * len(values))}) "  # noqa: S608
            f"ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join([*adding, *setting])}",
            [adapt(value) if isinstance(value, datetime) else value for value in values.values()],
        )


def _open(admission: Admission) -> None:
    """Open the circuit after a failure: again and longer after a probe's, else when there were enough in a row.

    Race: many calls fail at once, some of which began before it opened. A probe opens only what it has marked itself,
    so what a person or an answer has closed meanwhile stays closed; any other call opens only a closed circuit.
    """
    rows = ServerHealth.objects.filter(pk=admission.server_id, retry_at=admission.probing)
    if admission.probing is None:
        rows = rows.filter(failures_in_a_row__gte=settings.MCP_CIRCUIT_FAILURES)
    pause = min(settings.MCP_CIRCUIT_SECONDS * 2 ** min(admission.openings, 32), settings.MCP_CIRCUIT_LIMIT_SECONDS)
    until = database_now() + timedelta(seconds=pause)
    if rows.update(retry_at=until, openings=admission.openings + 1):
        logger.warning("server %s does not answer: its circuit is open for %g s", admission.server_id, pause)


def close(server: MCPServer, *, actor: Actor) -> bool:
    """Close the circuit by hand; audited. False when it was closed already."""
    with audit_log.transaction():
        rows = ServerHealth.objects.filter(pk=server.pk, retry_at__isnull=False)
        if not rows.update(retry_at=None, openings=0, failures_in_a_row=0):
            return False
        audit_log.record("tools.server.circuit_closed", actor=actor, target=("server", server.name))
        return True


def prune() -> int:
    """Drop the minutes that are older than two days; how many rows."""
    return ServerMinute.objects.filter(minute__lt=timezone.now() - KEPT).delete()[0]


@dataclass(frozen=True)
class Figures:
    """The calls of a stretch of time. p50 and p95 in milliseconds, unanswered calls included; None without any."""

    calls: int = 0
    failures: int = 0
    unknown: int = 0
    p50: float | None = None
    p95: float | None = None

    @property
    def error_rate(self) -> float:
        """Of 100 calls, how many were not answered."""
        return 100 * self.failures / self.calls if self.calls else 0.0


def figures(server_id: int, span: timedelta) -> Figures:
    """What happened in the last hour or day, by classes of time: p50 is the mean of the class it falls into."""
    rows = ServerMinute.objects.filter(server=server_id, minute__gte=timezone.now() - span)
    classes = list(
        rows.order_by("within_ms")
        .values_list("within_ms")
        .annotate(Sum("calls"), Sum("failures"), Sum("unknown"), Sum("took_ms"))
    )
    if not classes:
        return Figures()
    _, calls, failures, unknown, _ = (sum(column) for column in zip(*classes, strict=True))
    times = [(calls, took) for _, calls, _, _, took in classes]
    return Figures(calls, failures, unknown, _percentile(times, 0.5), _percentile(times, 0.95))


def _percentile(times: Iterable[tuple[int, int]], share: float) -> float:
    """The mean of the class that holds this share of all calls."""
    times = list(times)
    wanted, passed, mean = share * sum(calls for calls, _ in times), 0, 0.0
    for calls, took in times:
        passed, mean = passed + calls, took / calls
        if passed >= wanted:
            break
    return mean


def in_words(server: MCPServer) -> str:
    """The state of the server in a few words, for the list."""
    health = getattr(server, "health", None)
    if server.transport == MCPServer.Transport.BUILTIN:
        return "part of the installation"
    if health is None:
        return "not called yet"
    if health.retry_at is not None:
        return "circuit open" if health.retry_at > timezone.now() else "circuit half open: the next call tries"
    if health.failures_in_a_row:
        return f"{health.failures_in_a_row} not answered in a row"
    return "answers"


def open_circuits() -> list[MCPServer]:
    """Enabled servers that are left alone because they do not answer, half-open ones included."""
    servers = MCPServer.objects.select_related("health").filter(enabled=True, health__retry_at__isnull=False)
    return list(servers)


def circuits() -> str:
    """For `doctor`: every imported server that is switched on is being called."""
    found = [f"{server.name} ({server.health.problem})" for server in open_circuits()]
    if found:
        raise Unhealthy(f"circuit open, no calls go to: {', '.join(found)}")
    return "no circuit is open"
