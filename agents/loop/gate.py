"""The gate: whether a write may happen, asked when it is planned and asked again in the commit that sends it.

The intent (state SENDING, audit entry, counters) is committed before the first byte leaves. Everything that was true
when a call was planned or approved is checked again under that commit, because time has passed.
"""

import json
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Now

from agents import tallies
from agents.lease import Step
from agents.loop import arrows, intact, money, paying, planning, standing
from agents.loop.capability import Capability
from agents.loop.provenance import confirmed_again
from agents.loop.refusal import CallRefused, answer_refusal
from agents.loop.standing import Standing
from agents.models import ToolCall
from approvals import services as approvals
from approvals.errors import TooManyPending
from approvals.models import ApprovalRequest
from approvals.policy import Ruling
from approvals.services import Proposal
from supportagent.prepared import first, prepared

State = ToolCall.State


@dataclass(frozen=True)
class Case:
    """What is known about a write when it is judged: facts read by code, the customer's words, sources of values."""

    facts: dict[str, Any]
    words: str
    provenance: dict[str, str]
    before: dict[str, Any] | None = None  # the record as it was, where a later read is compared with it


def plan(step: Step, call: ToolCall, case: Case, capability: Capability, *, at_once: bool) -> ToolCall | None:
    """Decide under the run's and the ticket's lock what becomes of a proposed write: ready, held or refused.

    With `at_once` a write that needs nobody is committed to in the same breath, and returned to be sent. The caller
    has locked what its calls are counted on.
    """
    counted: date | None = None
    now = standing.standing_of(call)
    call = now.call
    try:
        money.settle_amount(call, case.facts)
        if at_once:
            counted = now.now.date()
            sums = tallies.count(call, counted)
        else:
            sums = tallies.sums_for(call)
        tallies.check(call, sums, capability.caps, counted=counted)
        ruling = _rule(now, case, sums)
        if call.effect_key or ruling.outcome != "allow":
            now.check_is_new()
        if ruling.outcome != "allow":
            _hold(step, call, case, sums, ruling)
        elif at_once:
            _check_may_go(now, case, capability)
            return _commit(call, now, case, before=State.PROPOSED)
        else:
            arrows.move(call, State.PROPOSED, State.READY, amount_minor=call.amount_minor, currency=call.currency)
    except CallRefused as refusal:
        arrows.refuse(step, call, refusal)
    if counted is not None:
        tallies.uncount(call, counted)
    return None


def intend(step: Step, call: ToolCall, case: Case, capability: Capability) -> ToolCall | None:
    """Commit to sending a ready call. The call to send, or None: refused, taken back, or before a person again."""
    tallies.lock([call], capability.caps, captured=money.captured([(call, case.facts)]))
    now = standing.standing_of(call)
    if (now.call.state, now.call.subject) != (State.READY, call.subject):
        return None  # a decision, an edit or an undo moved it while the facts were read
    call = now.call
    counted: date | None = None
    try:
        standing.check_running(now.stopped)
        request = _approval_of(call)
        if request is not None and not _is_effective(call, request, now):
            return None
        money.settle_amount(call, case.facts)
        sums: tallies.Sums = {}
        if planning.tool_of(call).writes:  # a read whose worker died comes here as well, and counts for nothing
            counted = now.now.date()
            sums = tallies.count(call, counted)
            tallies.check(call, sums, capability.caps, counted=counted)
        if _may_still_be_sent(step, now, request, case, sums):
            _check_may_go(now, case, capability)
            return _commit(call, now, case, before=State.READY)
    except CallRefused as refusal:
        arrows.refuse(step, call, refusal)
    if counted is not None:
        tallies.uncount(call, counted)
    return None


def intend_reads(step: Step, calls: list[ToolCall]) -> list[ToolCall]:
    """Commit to sending the unsaved reads of a turn, with one audit entry that covers them. Returns those to send."""
    stopped = standing.stopped_tools(calls) if calls else {}
    for call in calls:
        try:
            standing.check_running(stopped[call.tool_id])
            price = planning.tool_of(call).price_micros
            paying.reserve(call, price)
            call.state, call.sent_at, call.price_micros = State.SENDING, Now(), price
        except CallRefused as refusal:
            answer_refusal(call, refusal)
            arrows.note_refused(step, call)
    sending = [call for call in calls if call.state == State.SENDING]
    if sending:
        arrows.record_reads("agents.reads.intended", sending)
    return sending


def _check_may_go(now: Standing, case: Case, capability: Capability) -> None:
    """The last checks, the same for a call that was approved and for one that needed nobody."""
    call = now.call
    standing.check_running(now.stopped)
    _check_definition(call)
    arguments = intact.check(call)
    standing.check_right(now, arguments)
    capability.mediate(call, arguments, tool=call.tool)
    money.check_sum(call, case.facts, given_back=now.given_back)


def _rule(now: Standing, case: Case, sums: tallies.Sums) -> Ruling:
    return planning.rule(now.call, facts=case.facts, sums=sums, provenance=case.provenance, edition=now.edition)


def _check_definition(call: ToolCall) -> None:
    if call.definition_hash != planning.tool_of(call).definition_hash:
        raise CallRefused("definition_changed", "the tool changed since the call was planned")


def repeat(step: Step, call: ToolCall) -> ToolCall | None:
    """Commit to sending a call once more under the same key, because nobody knows what became of it. None: it stays
    unknown, because a switch, a right or the tool stands in the way by now."""
    now = standing.standing_of(call)
    call = now.call
    if call.state != State.SENDING or call.tool is None or call.definition_hash != call.tool.definition_hash:
        return None
    try:
        standing.check_running(now.stopped)
        standing.check_right(now, intact.check(call))
    except CallRefused as refusal:
        step.emit("guard", f"{call.name} is not sent again: {refusal.message}", call=str(call.pk))
        if refusal.code == intact.ALTERED:
            arrows.alarm_key_reused(step, call)  # its key may be known for what it was before
        return None
    arrows.move(call, State.SENDING, State.SENDING, attempt=call.attempt + 1, deadline=_deadline(call, now))
    arrows.record("agents.tool_call.repeated", call)
    return call


def _commit(call: ToolCall, now: Standing, case: Case, *, before: str) -> ToolCall:
    """The intent. Its price is reserved first, so that a call that a cap refuses was never sent. Raises CallRefused."""
    price = planning.tool_of(call).price_micros
    paying.reserve(call, price)
    imported: dict[str, Any] = {}
    if planning.tool_of(call).imported:
        imported = {"deadline": _deadline(call, now), "reconciliation": {}}
        if case.before is not None:
            imported["reconciliation"] = {"before": case.before}
    amount = {"amount_minor": call.amount_minor, "currency": call.currency}
    arrows.move(call, before, State.SENDING, sent_at=now.now, price_micros=price, **amount, **imported)
    if planning.tool_of(call).writes:
        arrows.record("agents.tool_call.intended", call)
    else:
        arrows.record_reads("agents.reads.intended", [call])
    return call


def _deadline(call: ToolCall, now: Standing) -> datetime:
    """Until then an answer may come."""
    return now.now + timedelta(seconds=planning.tool_of(call).listen_seconds)


def _hold(
    step: Step, call: ToolCall, case: Case, sums: tallies.Sums, ruling: Ruling, *, before: str = State.PROPOSED
) -> None:
    """Put a call before a person. Raises CallRefused when too many wait already."""
    try:
        request = approvals.request_approval(_proposal(call, case, sums), ruling)
    except TooManyPending as error:
        raise CallRefused("too_many_pending", str(error)) from error
    amount = {"amount_minor": call.amount_minor, "currency": call.currency}
    arrows.move(call, before, State.AWAITING_APPROVAL, approval_id=request.pk, **amount)
    step.emit(
        "approval",
        f"{request.reference} waits for a person: {request.title}",
        call=str(call.pk),
        approval=request.pk,
        rule=request.rule_name,
    )


def _approval_of(call: ToolCall) -> ApprovalRequest | None:
    """The request under which a call goes, None for one that needed nobody. Raises CallRefused."""
    if call.approval_id is None and not _requests_of(call.pk):
        return None
    request = first(_whole_request(call.pk, call.approval_id or 0))
    if request is None:
        raise CallRefused(intact.ALTERED, "this call is not the one that was approved")
    return request


@prepared
def _requests_of(call_id: UUID) -> QuerySet[ApprovalRequest, int]:
    return ApprovalRequest.objects.filter(call_id=call_id).order_by().values_list("pk", flat=True)[:1]


@prepared
def _whole_request(call_id: UUID, pk: int) -> QuerySet[ApprovalRequest]:
    whole = ApprovalRequest.objects.select_related("tool__server", "ticket__team", "ticket__customer")
    return whole.filter(call_id=call_id, pk=pk)


def _is_effective(call: ToolCall, request: ApprovalRequest, now: Standing) -> bool:
    """Whether the time to take an approval back is over. The request says until when; the call follows it."""
    if request.effective_at != call.effective_at:
        arrows.move(call, State.READY, State.READY, effective_at=request.effective_at)
    return request.effective_at is None or request.effective_at <= now.now


def _may_still_be_sent(
    step: Step, now: Standing, request: ApprovalRequest | None, case: Case, sums: tallies.Sums
) -> bool:
    """Ask the rules again, and hold what they or the record now want a person to see. Raises CallRefused."""
    call = now.call
    if request is None:
        _check_definition(call)
        ruling = _rule(now, case, sums)
        if ruling.outcome != "allow":
            now.check_is_new()
            _hold(step, call, case, sums, ruling, before=State.READY)
            return False
        return True
    known = confirmed_again(request.provenance, json.loads(call.bound_arguments), case.facts)
    case = Case(case.facts, request.customer_words, known)
    ruling = _rule(now, case, sums)
    obstacle = approvals.obstacle_to_sending(
        request, facts=case.facts, ruling=ruling, proposal=_proposal(call, case, sums), now=now.now
    )
    if obstacle == "":
        return True
    if obstacle == "expired":
        raise CallRefused("expired", "the approval was not used in time")
    _ask_again(step, call, request, case, sums, ruling, obstacle)
    return False


def _ask_again(
    step: Step,
    call: ToolCall,
    request: ApprovalRequest,
    case: Case,
    sums: tallies.Sums,
    ruling: Ruling,
    obstacle: str,
) -> None:
    """Put an approved call before a person again, and say what changed. Raises CallRefused where nobody could help."""
    intact.check(call)
    if ruling.outcome != "approve":
        rule = (request.rule_id, request.rule_name, request.rule_version)
        roles = tuple(request.approver_roles)
        ruling = Ruling("approve", request.tier, *rule, approver_roles=roles, book_version=ruling.book_version)
    again = approvals.supersede(request, _proposal(call, case, sums), ruling, because=obstacle)
    arrows.move(
        call,
        State.READY,
        State.AWAITING_APPROVAL,
        approval_id=again.pk,
        definition_hash=again.definition_hash,
        effective_at=None,
    )
    step.emit(
        "approval",
        f"{request.reference} was superseded by {again.reference}: {obstacle}",
        call=str(call.pk),
        approval=again.pk,
        changed=again.what_changed,
    )


def _proposal(call: ToolCall, case: Case, sums: tallies.Sums) -> Proposal:
    run, tool = call.run, planning.tool_of(call)
    return Proposal(
        call_id=call.pk,
        tool=tool,
        ticket=run.ticket,
        arguments=call.arguments,
        bound_arguments=call.bound_arguments,
        values=json.loads(call.bound_arguments),
        facts=case.facts,
        subject=call.subject,
        action_key=call.action_key,
        stated_reason=call.stated_reason,
        customer_words=case.words,
        provenance=case.provenance,
        requested_by=run.actor,
        requested_by_name=run.actor_name,
        sums=sums,
    )
