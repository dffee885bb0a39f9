"""What the verbs share: the lock, the questions before a decision, the one UPDATE that ends a request, the trail."""

from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Now

from approvals import binding
from approvals.errors import AlreadyDecided, ChangedSinceShown, RequestExpired
from approvals.models import ApprovalDecision, ApprovalRequest
from audit import log as audit_log
from audit.clock import database_now
from audit.context import Actor
from supportagent.console import live
from supportagent.prepared import Change, change, insert, prepared
from supportagent.staff.models import User
from supportagent.tickets.models import Ticket

State = ApprovalRequest.State
TIME_IS_OVER = "The time to decide this request is over; nothing was executed."
CHANGED = "This request changed since you opened it. Read it again before you decide."


def lock(request: ApprovalRequest) -> ApprovalRequest:
    """The request as it is once its ticket's lock is ours: every verb of a ticket waits for the one before."""
    _lock_ticket(request.ticket_id)
    [locked] = _whole(request.pk)
    return locked


@prepared
def _lock_ticket(pk: int) -> QuerySet[Ticket]:
    return Ticket.objects.select_for_update(no_key=True).filter(pk=pk)


@prepared
def _whole(pk: int) -> QuerySet[ApprovalRequest]:
    relations = ("tool__server", "ticket__team", "ticket__customer", "rule", "requested_by")
    return ApprovalRequest.objects.select_related(*relations).filter(pk=pk)


def check_pending(request: ApprovalRequest) -> None:
    """Raise RequestExpired or AlreadyDecided, naming who was first, unless a person may still act on the request."""
    if request.state == State.EXPIRED:
        raise RequestExpired(TIME_IS_OVER)
    if request.state != State.PENDING:
        raise AlreadyDecided(outcome_of(request))


def check_shown(request: ApprovalRequest, shown_digest: str) -> None:
    """Raise unless the person saw exactly this request, and in time. Asked after the question whether they may."""
    if request.digest != shown_digest:
        raise ChangedSinceShown(CHANGED)
    if request.expires_at <= database_now():
        raise RequestExpired(TIME_IS_OVER)


def check_intact(request: ApprovalRequest) -> None:
    """Raise ChangedSinceShown unless the row still is what its digest was taken from: what is approved is what runs."""
    if binding.digest_of(request) != request.digest:
        raise ChangedSinceShown("The record of this request does not match its digest, so nobody can approve it.")


def end(request: ApprovalRequest, state: str, *, shown_digest: str, **fields: Any) -> None:
    """Let a pending request end in this state. Raises RequestExpired when the clock was faster."""
    if not _ended(request.pk, shown_digest, state=state, **fields):
        raise RequestExpired(TIME_IS_OVER)
    request.state = state
    for name, value in fields.items():
        setattr(request, name, value)


@prepared
def _ended(pk: int, shown_digest: str, **fields: Any) -> Change[ApprovalRequest]:
    pending = ApprovalRequest.objects.filter(pk=pk, state=State.PENDING, digest=shown_digest, expires_at__gt=Now())
    return change(pending, decided_at=Now(), **fields)


def write_decision(request: ApprovalRequest, by: User, verdict: str, **fields: str) -> ApprovalDecision:
    """Keep who decided what on which digest."""
    decision = ApprovalDecision(request=request, verdict=verdict, decided_by=by, digest=request.digest, **fields)
    insert(decision)
    return decision


def outcome_of(request: ApprovalRequest) -> str:
    """How a request ended, in a sentence: who decided it, or what ended it."""
    last = request.decisions.select_related("decided_by").last()
    if last is not None and request.state in (State.APPROVED, State.REJECTED):
        return f"{request.get_state_display()} by {last.decided_by.display_name}."
    if request.state == State.SUPERSEDED:
        return f"Superseded: {_why_replaced(request)}, and a new request took its place."
    return f"{request.get_state_display()}."


def _why_replaced(request: ApprovalRequest) -> str:
    newer = ApprovalRequest.objects.filter(supersedes=request).first()
    return newer.supersedes_because if newer and newer.supersedes_because else "the facts or the rules changed"


def record(
    action: str, request: ApprovalRequest, *, actor: Actor, note: str = "", data: dict[str, Any] | None = None
) -> None:
    """Audit what became of a request, and let open pages hear that something changed."""
    customer = request.ticket.customer.reference
    audit_log.record(
        action,
        actor=actor,
        target=("approval", str(request.pk)),
        on_behalf_of=customer,
        ticket=request.ticket.number,
        refs=[("tool_call", str(request.call_id)), ("customer", customer), *_subject_ref(request)],
        data={
            "digest": request.digest,
            "tool": request.tool.qualified_name,
            "tier": request.tier,
            "rule": f"{request.rule_name} v{request.rule_version}",
            **(data or {}),
        },
        private={"note": note} if note else None,
        subject=customer if note else "",
    )
    for group in (f"approvals.team.{request.ticket.team_id}", f"ticket.{request.ticket_id}"):
        live.publish(group, {"type": "live.changed", "what": "approvals"})


def _subject_ref(request: ApprovalRequest) -> list[tuple[str, str]]:
    kind, _, reference = request.subject.partition(":")
    return [(kind, reference)] if reference else []
