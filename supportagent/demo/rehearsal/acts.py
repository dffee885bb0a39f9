"""What the people of a scenario do, each through the same verbs as the pages, and how time passes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

from django.db.models import F
from django.utils import timezone

from agents.assisting import ask_agent
from agents.models import Run
from approvals import services as approvals
from approvals.models import ApprovalRequest
from supportagent.demo.play import drive_until_idle
from supportagent.demo.rehearsal.stage import Stage
from supportagent.rehearsal.scripts import StepScript
from supportagent.staff.models import Team, User
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Draft, HandOver, Message, Ticket, Triage

Act = Callable[[Stage, StepScript, User], None]
CONTACT_FORM = "contact form"  # where the widget asks for an address when nobody is here
LONG_AGO = timedelta(minutes=1)


class CannotAct(Exception):
    """The scenario got to a step that has nothing to act on: what came before went another way."""


def perform(stage: Stage, step: StepScript) -> None:
    """Do what a step says, and let the agents work until they wait for somebody. Raises CannotAct."""
    if step.who == "customer":
        _write(stage, step)
    elif step.who == "time":
        _known(PASSES, step.what)(stage)
    else:
        _known(ACTS, step.what)(stage, step, stage.people[step.who])
    for ticket in stage.tickets:
        drive_until_idle(ticket)


def _known(table: dict, what: str) -> Callable:
    if what not in table:
        raise CannotAct(f"nobody knows how to act on {what!r}; known: {', '.join(table)}")
    return table[what]


def _write(stage: Stage, step: StepScript) -> None:
    if step.channel == CONTACT_FORM:
        tickets.leave_contact(ticket=stage.ticket, email=stage.fill(step.what))
        return
    message, _ = tickets.receive_message(
        customer=stage.customer,
        body=stage.fill(step.what),
        client_message_id=uuid4().hex,
        channel=step.channel,
        assurance=stage.assurance,
        ticket=None,
    )
    if message.ticket not in stage.tickets:
        stage.tickets.append(message.ticket)


def _approve(stage: Stage, step: StepScript, by: User) -> None:
    request = _pending(stage)
    approvals.approve(request=request, by=by, shown_digest=request.digest, reason=step.text)


def _reject(stage: Stage, step: StepScript, by: User) -> None:
    request = _pending(stage)
    approvals.reject(
        request=request,
        by=by,
        shown_digest=request.digest,
        reason_code=step.because,
        reason="Decided in a scenario.",
        customer_text=stage.fill(step.text),
    )


def _take_over(stage: Stage, step: StepScript, by: User) -> None:
    tickets.take_over(ticket=stage.ticket, by=by)


def _reply(stage: Stage, step: StepScript, by: User) -> None:
    tickets.post_reply(
        ticket=stage.ticket,
        body=stage.fill(step.text),
        actor=by,
        author_name=by.display_name,
        kind=Message.Kind.PERSON,
    )


def _hand_back(stage: Stage, step: StepScript, by: User) -> None:
    tickets.hand_back(ticket=stage.ticket, by=by, brief=stage.fill(step.text))


def _resolve(stage: Stage, step: StepScript, by: User) -> None:
    tickets.set_state(ticket=stage.ticket, state=Ticket.State.RESOLVED, actor=by)


def _close(stage: Stage, step: StepScript, by: User) -> None:
    tickets.close(ticket=stage.ticket, by=by, outcome=step.outcome)


def _merge(stage: Stage, step: StepScript, by: User) -> None:
    tickets.merge(ticket=stage.tickets[0], into=stage.ticket, by=by)


def _sort(stage: Stage, step: StepScript, by: User) -> None:
    triage = Triage.objects.filter(ticket=stage.ticket).latest("pk")
    tickets.sort_and_return(
        triage=triage,
        by=by,
        category=step.category,
        priority=triage.priority,
        language=triage.language,
        sentiment=triage.sentiment,
        team=Team.objects.get(slug=step.team),
    )


def _ask_for_draft(stage: Stage, step: StepScript, by: User) -> None:
    _ask(stage, step, by, Run.AskedFor.DRAFT)


def _ask_to_look_up(stage: Stage, step: StepScript, by: User) -> None:
    _ask(stage, step, by, Run.AskedFor.LOOK_UP)


def _ask(stage: Stage, step: StepScript, by: User, asked_for: str) -> None:
    ask_agent(ticket=stage.ticket, by=by, asked_for=asked_for, question=stage.fill(step.text))


def _send_draft(stage: Stage, step: StepScript, by: User) -> None:
    draft = _open_draft(stage)
    tickets.send_draft(draft=draft, by=by, body=stage.fill(step.text) or draft.body)


def _discard_draft(stage: Stage, step: StepScript, by: User) -> None:
    tickets.discard_draft(draft=_open_draft(stage), by=by)


def _approve_draft(stage: Stage, step: StepScript, by: User) -> None:
    tickets.approve_draft(draft=_open_draft(stage), by=by)


ACTS: dict[str, Act] = {
    "approves": _approve,
    "rejects": _reject,
    "takes over": _take_over,
    "replies": _reply,
    "hands back": _hand_back,
    "resolves": _resolve,
    "closes": _close,
    "merges the first thread into this one": _merge,
    "sorts it and gives it back": _sort,
    "asks the agent for a draft": _ask_for_draft,
    "asks the agent to look something up": _ask_to_look_up,
    "sends the draft": _send_draft,
    "approves the draft": _approve_draft,
    "discards the draft": _discard_draft,
}


def _let_approval_expire(stage: Stage) -> None:
    request = _pending(stage)
    ApprovalRequest.objects.filter(pk=request.pk).update(expires_at=timezone.now() - LONG_AGO)
    approvals.expire_due()


def _let_two_days_pass(stage: Stage) -> None:
    _age(stage, timedelta(days=2))


def _let_eight_days_pass(stage: Stage) -> None:
    _age(stage, timedelta(days=8))


def _let_hand_over_become_due(stage: Stage) -> None:
    HandOver.objects.filter(ticket=stage.ticket, closed_at=None).update(due_at=timezone.now() - LONG_AGO)
    tickets.mark_overdue()


def _age(stage: Stage, by: timedelta) -> None:
    """What is over was over for longer."""
    mine = Ticket.objects.filter(pk__in=[ticket.pk for ticket in stage.tickets])
    mine.exclude(resolved_at=None).update(resolved_at=F("resolved_at") - by)


PASSES: dict[str, Callable[[Stage], None]] = {
    "the approval expires": _let_approval_expire,
    "two days pass": _let_two_days_pass,
    "nobody answers in time": _let_hand_over_become_due,
    "eight days pass": _let_eight_days_pass,
}


def _pending(stage: Stage) -> ApprovalRequest:
    request = ApprovalRequest.objects.pending().filter(ticket=stage.ticket).first()
    if request is None:
        raise CannotAct("nothing waits for an approval")
    return request


def _open_draft(stage: Stage) -> Draft:
    draft = Draft.objects.filter(ticket=stage.ticket, state=Draft.State.OPEN).order_by("-pk").first()
    if draft is None:
        raise CannotAct("there is no open draft")
    return draft
