"""Calls to imported servers of which nobody knows what became: kept, looked into, and settled.

What is unknown counts as carried out until it is settled: its money is spent, its effect cannot be proposed again. It
is settled by an answer that comes late, by a paired read, or by a person who looked, and each leaves its evidence.
"""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from agents import services, tallies
from agents.lease import Step
from agents.loop import arrows, classes, paying, planning, reconciling
from agents.loop.execution import Unknown
from agents.loop.reconciling import Finding
from agents.models import Resolution, Run, ToolCall
from audit import log as audit_log
from audit.clock import database_now
from audit.context import Actor, acting
from supportagent.console import live
from supportagent.grants.server import Outcome
from supportagent.staff.models import Team, User
from supportagent.staff.permissions import Permission, require
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Ticket
from supportagent.tickets.text import storable
from supportagent.tools.models import Tool

logger = logging.getLogger(__name__)

State = ToolCall.State
Verdict = Resolution.Verdict
EVIDENCE_LENGTH = range(10, 2001)  # characters
FIRST_LOOK = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=10)
# After the last moment at which an answer could come, how long a record must stay as it was before the call.
GRACE = timedelta(minutes=1)


class OutcomeError(Exception):
    """Base of what can be wrong with settling an outcome; `status` is the HTTP status of the answer."""

    status = 400


class AlreadySettled(OutcomeError):
    """The outcome is known: somebody else settled it, or the answer came."""

    status = 409


class EvidenceMissing(OutcomeError):
    """Without a verdict and words on what was looked at, nothing is settled."""

    status = 422


def open_calls(user: User) -> QuerySet[ToolCall]:
    """Calls with an unknown outcome on the tickets of the teams whose work this person may see, oldest first."""
    unknown = ToolCall.objects.filter(state=State.OUTCOME_UNKNOWN, run__ticket__team__in=Team.objects.visible_to(user))
    return unknown.order_by("sent_at", "pk")


def conclude_unknown(step: Step, call: ToolCall, unknown: Unknown, finding: Finding | None = None) -> str:
    """Write down that nobody knows what became of a sent call, unless a read or a late answer has told by now.

    What settled it, in words for people; empty while it is unknown.
    """
    notes = ToolCall.objects.values_list("reconciliation", flat=True).get(pk=call.pk)
    notes |= {"error": storable(unknown.message), "evidence": unknown.evidence, "unknown_since": _now_text()}
    if finding is not None:
        notes |= {"after": finding.after}
    if classes.is_reconcilable(planning.tool_of(call)) and "before" in notes:
        notes |= {"next": _text(database_now() + FIRST_LOOK)}
    arrows.move(call, State.SENDING, State.OUTCOME_UNKNOWN, reconciliation=notes)
    paying.settle(call, None)
    arrows.record("agents.tool_call.outcome_unknown", call)
    step.emit("error", f"{call.name}: nobody knows whether it was carried out", call=str(call.pk))
    _publish(call)
    if "late" in notes:
        return _believe(step, call, notes["late"])
    if finding is not None and finding.happened:
        return _settle(step, call, Verdict.HAPPENED, "The record shows it.", result={"record": finding.after})
    return ""


def note_late(key: str, outcome: Outcome) -> None:
    """Keep an answer that came after its caller had given up; it tells what became of the call.

    Race: it comes before the worker has written that the outcome is unknown. Then it waits in the row, and the worker
    finds it there under the run's lock.
    """
    call_id, _, attempt = key.rpartition(".")
    with audit_log.transaction(), acting(Actor.system("late answer")):
        found = locked(UUID(call_id))
        if found is None:
            return
        step, call = found
        answer = {"ok": outcome.ok, "data": outcome.data, "records": outcome.records, "attempt": int(attempt)}
        call.reconciliation |= {"late": answer | {"at": _now_text()}}
        ToolCall.objects.filter(pk=call.pk).update(reconciliation=call.reconciliation)
        step.emit("tool", f"{call.name} was answered late", call=str(call.pk))
        settled = ""
        if call.state == State.OUTCOME_UNKNOWN:
            settled = _believe(step, call, answer)
        elif call.state == State.FAILED and outcome.ok:
            settled = _contradict(step, call, outcome)
        finish(step, settled)


def resolve(*, call: ToolCall, by: User, verdict: str, evidence: str) -> ToolCall:
    """Settle an outcome as a person who looked.

    Raises PermissionDenied (403), EvidenceMissing (422), AlreadySettled (409).
    """
    require(by, Permission.RESOLVE_OUTCOME, strict=True)
    evidence = storable(" ".join(evidence.split()))
    if verdict not in Verdict.values:
        raise EvidenceMissing("Say whether it was carried out.")
    if len(evidence) not in EVIDENCE_LENGTH:
        raise EvidenceMissing("Say in 10 to 2,000 characters what you looked at and what it showed.")
    with audit_log.transaction(), acting(Actor.of(by)):
        found = locked(call.pk)
        if found is None or found[1].state != State.OUTCOME_UNKNOWN:
            raise AlreadySettled(_how_settled(call))
        step, call = found
        if not Team.objects.visible_to(by).filter(pk=step.run.ticket.team_id).exists():
            raise AlreadySettled("There is no such open outcome.")
        finish(step, _settle(step, call, Verdict(verdict), evidence, by=by))
    return call


def reconcile_open(*, limit: int = 20) -> int:
    """Look again at the records of calls whose outcome a paired read can show. Returns how many were settled."""
    due = ToolCall.objects.filter(
        state=State.OUTCOME_UNKNOWN, tool__tool_class=Tool.Repeat.RECONCILABLE, reconciliation__next__lte=_now_text()
    )
    loaded = due.select_related("tool__server", "run__agent", "run__caller").order_by("sent_at")[:limit]
    return sum(_look_again(call) for call in list(loaded))


def _look_again(call: ToolCall) -> bool:
    finding = reconciling.look(call)
    with audit_log.transaction(), acting(Actor.system("reconciliation")):
        found = locked(call.pk)
        if found is None or found[1].state != State.OUTCOME_UNKNOWN:
            return False  # a person or a late answer was first
        step, call = found
        looks = int(call.reconciliation.get("looks", 0)) + 1
        now = database_now()
        call.reconciliation |= {
            "looks": looks,
            "next": _text(now + min(FIRST_LOOK * 2 ** min(looks, 10), LONGEST_PAUSE)),
            "looked_at": _text(now),
        }
        if finding is not None:
            call.reconciliation["after"] = finding.after
        ToolCall.objects.filter(pk=call.pk).update(reconciliation=call.reconciliation)
        settled = "" if finding is None else _tells(step, call, finding, now)
        finish(step, settled)
        return bool(settled)


def _tells(step: Step, call: ToolCall, finding: Finding, now: datetime) -> str:
    """Settle a call by what its record shows. That nothing happened is believed only when nothing can come any more,
    and the record is still exactly what it was; everything between is for a person."""
    if finding.happened:
        return _settle(step, call, Verdict.HAPPENED, "The record shows it.", result={"record": finding.after})
    over = call.deadline is not None and call.deadline + GRACE < now
    if finding.happened is False and finding.unchanged and over:
        return _settle(step, call, Verdict.NOT_HAPPENED, "The record is what it was before the call.")
    return ""


def _believe(step: Step, call: ToolCall, answer: dict[str, Any]) -> str:
    """Settle an unknown outcome by an answer that came late.

    Of a call that was sent more than once, a refusal says nothing about the other attempts.
    """
    if answer["ok"]:
        words = "The server answered late that it was carried out."
        return _settle(step, call, Verdict.HAPPENED, words, result=answer["data"], records=answer["records"])
    if call.attempt == answer["attempt"] == 1:
        return _settle(step, call, Verdict.NOT_HAPPENED, "The server answered late that it was not carried out.")
    return ""


def _settle(
    step: Step,
    call: ToolCall,
    verdict: Verdict,
    evidence: str,
    *,
    by: User | None = None,
    result: dict[str, Any] | None = None,
    records: list[str] | None = None,
) -> str:
    """Write the verdict down and take back what was counted if nothing happened. It in words for people."""
    happened = verdict == Verdict.HAPPENED
    if not happened:
        tallies.uncount(call)
        result = {"error": {"code": "not_happened", "message": "it was found out that nothing was carried out"}}
    arrows.move(
        call,
        State.OUTCOME_UNKNOWN,
        State.SUCCEEDED if happened else State.FAILED,
        code="" if happened else "not_happened",
        result=result or {"status": "carried out", "found_out_by": "a person" if by else "a read"},
        records=records or [],
        finished_at=Now(),
    )
    Resolution.objects.create(call=call, verdict=verdict, resolved_by=by, evidence=evidence)
    arrows.record(f"agents.tool_call.{'succeeded' if happened else 'failed'}", call)
    arrows.record("agents.outcome.resolved", call, note=evidence)
    who = by.display_name if by else "The record"
    step.emit("human" if by else "tool", f"{who}: {call.name} {verdict.label.lower()[3:]}", call=str(call.pk))
    _publish(call)
    return f"{call.name}: {verdict.label.lower()}. {evidence}"


def finish(step: Step, settled: str) -> None:
    """Write the step down. A live run hears of what was settled as its next news; where it has ended, people do."""
    step.flush()  # first: it writes the state that the run had when it was locked
    if settled and step.run.state in Run.LIVE:
        services.wake(step.run.pk)
    elif settled:
        tickets.add_note(ticket=step.run.ticket, body=settled, actor=Actor.system("outcomes"), run_id=step.run.pk)


def _contradict(step: Step, call: ToolCall, outcome: Outcome) -> str:
    """It was settled that nothing happened, and now the server says that it did: the truth is kept, and an alarm."""
    arrows.move(call, State.FAILED, State.SUCCEEDED, code="", result=outcome.data, records=outcome.records)
    arrows.record("agents.tool_call.succeeded", call)
    arrows.record("agents.outcome.contradicted", call)
    sent_at = ToolCall.objects.values_list("sent_at", flat=True).get(pk=call.pk)
    if sent_at is not None:
        tallies.count(call, sent_at.date())
    step.emit("error", f"Alarm: {call.name} was carried out although it was settled that it was not", call=str(call.pk))
    return f"{call.name}: it was carried out after all. The server answered after it was settled that it was not."


def locked(call_id: UUID) -> tuple[Step, ToolCall] | None:
    """The call under the locks of its ticket and its run, in that order; what hangs on them is read afterwards."""
    found = ToolCall.objects.filter(pk=call_id).values_list("run_id", "run__ticket_id").first()
    if found is None:
        return None
    run_id, ticket_id = found
    ticket = Ticket.objects.select_for_update(no_key=True).get(pk=ticket_id)
    run = Run.objects.select_for_update(no_key=True).get(pk=run_id)
    run.ticket = ticket
    call = ToolCall.objects.select_related("tool__server").get(pk=call_id)
    call.run = run
    return Step(run), call


def _how_settled(call: ToolCall) -> str:
    resolution = Resolution.objects.select_related("resolved_by").filter(call=call.pk).first()
    if resolution is None:
        return "The outcome of this call is not open."
    by = f" by {resolution.resolved_by.display_name}" if resolution.resolved_by else ""
    return f"Settled already{by}: {resolution.get_verdict_display().lower()}."


def _publish(call: ToolCall) -> None:
    live.publish(f"outcomes.team.{call.run.ticket.team_id}", {"type": "live.changed", "what": "outcomes"})


def _now_text() -> str:
    return _text(database_now())


def _text(moment: datetime) -> str:
    """In a form that sorts as time does, the same on every database."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
