"""Asking before deciding. The request leaves the queue of those who decide until there is news; its clock goes on."""

from django.db.models.functions import Now

from approvals.access import has_right_to_decide
from approvals.errors import AlreadyDecided, InvalidDecision, NotAllowed
from approvals.models import ApprovalQuestion, ApprovalRequest
from approvals.services.base import check_pending, lock, record
from approvals.signals import information_requested
from audit import log as audit_log
from audit.context import Actor
from supportagent.staff.models import User, may_see
from supportagent.staff.permissions import Permission, explain

MAX_LENGTH = 1000
MAX_QUESTIONS = 5  # each one wakes the agent, which costs money


def ask(*, request: ApprovalRequest, by: User, question: str) -> ApprovalQuestion:
    """Ask for what is missing to decide; the agent and the colleagues hear of it.

    Raises NotAllowed (403), AlreadyDecided (409), RequestExpired (410), InvalidDecision (422).
    """
    with audit_log.transaction():
        request = lock(request)
        check_pending(request)
        right = has_right_to_decide(by, request, limits=False)
        if not right.allowed:
            raise NotAllowed(f"You cannot ask about this: {right.because}.")
        if request.questions.count() >= MAX_QUESTIONS:
            raise InvalidDecision(f"{MAX_QUESTIONS} questions were asked already. Decide, or reject.", field="question")
        asked = ApprovalQuestion.objects.create(request=request, asked_by=by, question=_line(question, "question"))
        information_requested.send(ApprovalQuestion, question=asked)
        record("approvals.request.asked", request, actor=Actor.of(by), note=asked.question)
        return asked


def answer(*, question: ApprovalQuestion, by: User, text: str) -> ApprovalQuestion:
    """Answer a question for those who decide. Raises as `ask` does; AlreadyDecided too when somebody was first."""
    with audit_log.transaction():
        request = lock(question.request)
        check_pending(request)
        _check_may_answer(by, request)
        text = _line(text, "answer")
        # Race: two colleagues answer at once. The first stands, and the second is told.
        answered = ApprovalQuestion.objects.filter(pk=question.pk, answered_at=None).update(
            answer=text, answered_by=by, answered_at=Now()
        )
        question = ApprovalQuestion.objects.select_related("answered_by", "request").get(pk=question.pk)
        if not answered:
            who = question.answered_by.display_name if question.answered_by else "a colleague"
            raise AlreadyDecided(f"{who} answered this already.")
        record("approvals.request.answered", request, actor=Actor.of(by), note=text)
        return question


def may_answer(user: User, request: ApprovalRequest) -> bool:
    """Whoever has a say in the request, and colleagues who see it and work on the team's tickets."""
    try:
        _check_may_answer(user, request)
    except NotAllowed:
        return False
    return True


def _check_may_answer(user: User, request: ApprovalRequest) -> None:
    if has_right_to_decide(user, request, limits=False).allowed:
        return
    right = explain(user, Permission.ADD_NOTE)
    if not right.allowed or not may_see(user, request.ticket.team_id):
        raise NotAllowed(f"You cannot answer this: {right.because}.")


def _line(text: str, field: str) -> str:
    text = text.strip()
    if not 3 <= len(text) <= MAX_LENGTH:
        raise InvalidDecision(f"Write between 3 and {MAX_LENGTH} characters.", field=field)
    return text
