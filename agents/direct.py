"""Direct runs: a tool called without a model, by a person from a ticket's page or by an outside client.

The same gate, audit and approvals as for an agent's calls: only who asks differs. Here the call is judged as far as a
reply of a model would be and written down; `advance_run` does the rest, also after a decision, a crash or a lost job.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import IntegrityError
from django.db.models.functions import Now

from agents.dispatch import enqueue
from agents.lease import Step
from agents.loop import arrows, planning
from agents.loop.capability import Capability
from agents.models import Run, ToolCall
from agents.providers.base import RequestedCall
from approvals.policy import rules_in_force
from audit import log as audit_log
from audit.context import Actor, acting
from supportagent.grants import strict
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, require
from supportagent.tickets.models import Ticket
from supportagent.tickets.services.base import lock
from supportagent.tools.access import GrantedTool
from supportagent.tools.schema import REASON

State = ToolCall.State
KEY_LIMIT = Run._meta.get_field("caller_key").max_length or 0
UNDER_WAY = (State.PROPOSED, State.READY, State.SENDING)


class DirectCallError(Exception):
    """A call that was not made; nothing was written. `status` as in HTTP, `code` stable, the text may be shown."""

    status = 400

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotOffered(DirectCallError):
    """The ticket is not in the caller's view, or the tool not among those that the caller may call on it (404)."""

    status = 404


class InvalidCall(DirectCallError):
    """The arguments, the reason or the key cannot be accepted as they are: correct them (422)."""

    status = 422


class KeyReused(DirectCallError):
    """The caller used this key for another call before; the first one stands (409)."""

    status = 409


def offered(ticket: Ticket, by: User, *, via: str = Run.Via.CONSOLE) -> Mapping[str, GrantedTool]:
    """The tools that this account may call on this ticket, by qualified name: granted, switched on, not of the host
    alone, and those for a proved customer only where the ticket's is."""
    return Capability.mint(_new_run(ticket, by, via)).tools


def call_tool(
    *,
    ticket: Ticket,
    by: User,
    tool: str,
    arguments: Mapping[str, Any],
    reason: str,
    key: str = "",
    via: str = Run.Via.CONSOLE,
) -> ToolCall:
    """Ask for one call of a tool (by its qualified name) on a ticket; the call as it stands, its work enqueued.

    `by` needs the permission to view tickets, the ticket's team in view and a grant on the tool. `arguments` are as the
    tool's offered schema wants them, without the stated reason. `key` is the caller's own and unique per caller: the
    same key again gives the same call. What was typed by a logged-in person and what an outside client sends differ in
    `via`: the latter counts like a model's words.

    Raises PermissionDenied (403), NotOffered (404), KeyReused (409), InvalidCall (422).
    """
    require(by, Permission.VIEW_TICKET)
    if len(key) > KEY_LIMIT:
        raise InvalidCall("invalid_key", f"a key has at most {KEY_LIMIT} characters")
    asked = strict.digest({"ticket": ticket.number, "tool": tool, "arguments": dict(arguments)})
    try:
        with audit_log.transaction(), acting(Actor.of(by)):
            ticket = lock(ticket)
            if not Ticket.objects.visible_to(by).filter(pk=ticket.pk).exists():
                raise NotOffered("unknown_ticket", "there is no such ticket")
            return _known(by, key, asked) or _ask(_new_run(ticket, by, via, key, asked), tool, arguments, reason)
    except IntegrityError:
        # Race: the same key at the same moment on another ticket, whose lock is another. The first one stands.
        known = _known(by, key, asked)
        if known is None:
            raise
        return known


def wait_for(call: ToolCall, *, seconds: float | None = None) -> ToolCall:
    """The call once it rests, or as it is when the time is over, by default that of the settings. Outside transactions.

    Most calls take a few milliseconds of a worker; a slow one goes on without whoever asked for it.
    """
    until = time.monotonic() + (settings.DIRECT_CALL_WAIT_SECONDS if seconds is None else seconds)
    pause = 0.02
    call.refresh_from_db()
    while call.state in UNDER_WAY and time.monotonic() + pause < until:
        time.sleep(pause)
        pause = min(pause * 1.5, 0.25)
        call.refresh_from_db()
    return call


def _new_run(ticket: Ticket, by: User, via: str, key: str = "", asked: str = "") -> Run:
    """Unsaved; the customer counts only where the ticket's identity is proved, as in an agent's run."""
    verified = ticket.assurance == Ticket.Assurance.VERIFIED
    return Run(
        ticket=ticket,
        caller=by,
        via=Run.Via(via),
        caller_key=key,
        caller_digest=asked,
        assurance=ticket.assurance,
        customer=ticket.customer.reference if verified else "",
    )


def _known(by: User, key: str, asked: str) -> ToolCall | None:
    """The call that was asked for under this key before. Raises KeyReused when it was another."""
    if not key:
        return None
    call = ToolCall.objects.select_related("run").filter(run__caller=by, run__caller_key=key).first()
    if call is not None and call.run.caller_digest != asked:
        raise KeyReused("key_reused", "this key was used for another call before")
    return call


def _ask(run: Run, tool: str, arguments: Mapping[str, Any], reason: str) -> ToolCall:
    """Judge a call as one of a model's reply would be, and write it down with its run. The caller holds the ticket."""
    call = _propose(run, tool, arguments, reason)
    if not planning.tool_of(call).writes:
        call.state = State.READY  # a read needs no rule; its intent asks everything else again
    run.configuration = {"policies": rules_in_force()}
    run.enqueued_at = Now()
    run.save(force_insert=True)
    call.save(force_insert=True)
    step = Step(run)
    step.emit("human", f"{run.actor_name} asked for {call.name}", call=str(call.pk), via=run.via)
    step.flush()
    arrows.record("agents.tool_call.requested", call)
    enqueue(run.pk)
    return call


def _propose(run: Run, tool: str, arguments: Mapping[str, Any], reason: str) -> ToolCall:
    if REASON in arguments:
        raise InvalidCall("invalid_arguments", f"{REASON}: is not an argument")
    text = json.dumps({**arguments, REASON: " ".join(reason.split())})
    [call] = planning.propose(run, Capability.mint(run), (RequestedCall("", tool, text),))
    if call.state == State.REFUSED:
        message = call.result["error"]["message"] if call.result else call.code
        raise (NotOffered if call.code == "unknown_tool" else InvalidCall)(call.code, message)
    return call
