"""Putting another request in the place of one whose call may still be stopped: what is approved never changes."""

from typing import Any

from django.db.models import Q

from approvals.errors import AlreadyDecided
from approvals.models import ApprovalRequest, _nonce
from approvals.services import requests
from approvals.services.base import State, outcome_of, record
from approvals.signals import request_replaced
from audit.context import Actor
from supportagent.staff.models import User


def take_out(request: ApprovalRequest, condition: Q, *, by: User) -> None:
    """Mark a locked request as superseded if the condition still holds; raises AlreadyDecided if it does not."""
    if not ApprovalRequest.objects.filter(condition, pk=request.pk).update(state=State.SUPERSEDED):
        raise AlreadyDecided(outcome_of(request))
    request.state = State.SUPERSEDED
    record("approvals.request.superseded", request, actor=Actor.of(by))


def put_in(old: ApprovalRequest, new: ApprovalRequest) -> ApprovalRequest:
    """Let the house move the call under the new request. Raises TooLate when the call has gone out already."""
    request_replaced.send(ApprovalRequest, old=old, new=new)
    return new


def again(request: ApprovalRequest, *, because: str, what_changed: list[dict[str, Any]]) -> ApprovalRequest:
    """The same action under a new digest, pending until the same time as before."""
    new = ApprovalRequest.objects.select_related("tool__server", "ticket__team", "ticket__customer").get(pk=request.pk)
    new.pk = None
    new._state.adding = True
    new.state = State.PENDING
    new.nonce = _nonce()
    new.decided_at = new.effective_at = new.escalated_at = new.assigned_to = None
    new.escalated_because = ""
    new.supersedes = request
    new.supersedes_because = because
    new.what_changed = what_changed
    requests.save(new)
    return put_in(request, new)
