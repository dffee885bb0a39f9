"""A supervisor asks before deciding: the request waits apart, its clock goes on, and the answer brings it back."""

from django.db.models import F

from approvals import services
from approvals.models import ApprovalQuestion, ApprovalRequest
from approvals.signals import information_requested
from supportagent.tickets import services as tickets
from tests.approvals.desk import colleague, decide, open_as, page_of
from tests.world import World

QUESTION = "Is there a photo of the damage?"
WAITING = "/console/approvals/?split=waiting"
MINE = "/console/approvals/?split=mine"


def asked(world: World, request: ApprovalRequest) -> ApprovalQuestion:
    answer = decide(open_as(world.ana), request, "ask", question=QUESTION)
    assert answer.status_code == 302
    return request.questions.get()


def is_listed(world: World, request: ApprovalRequest, where: str) -> bool:
    return f'id="request-{request.pk}"' in open_as(world.ana).get(where).content.decode()


def test_a_question_moves_the_request_from_mine_to_waiting_for_information(world: World) -> None:
    request = world.held_refund()
    assert is_listed(world, request, MINE)
    asked(world, request)
    assert not is_listed(world, request, MINE)
    assert is_listed(world, request, WAITING)
    page = page_of(world.ana, request)
    assert QUESTION in page
    assert "ends in" in page  # the clock is shown
    assert 'data-testid="approve"' in page  # who knows enough decides all the same


def test_the_agent_hears_of_the_question(world: World) -> None:
    heard = []

    def hear(question: ApprovalQuestion, **_: object) -> None:
        heard.append(question.question)

    information_requested.connect(hear)
    try:
        asked(world, world.held_refund())
    finally:
        information_requested.disconnect(hear)
    assert heard == [QUESTION]


def test_a_colleagues_answer_brings_the_request_back(world: World) -> None:
    request = world.held_refund()
    question = asked(world, request)
    berta = colleague(world.ana)
    path = f"/console/approvals/{request.pk}/questions/{question.pk}/answer/"
    empty = open_as(berta).post(path, {"answer": ""})
    assert empty.status_code == 422
    assert 'aria-invalid="true"' in empty.content.decode()
    assert open_as(berta).post(path, {"answer": "Yes, in the chat of Monday."}).status_code == 302
    assert is_listed(world, request, MINE)
    page = page_of(world.ana, request)
    assert "Yes, in the chat of Monday." in page
    assert "Berta Klein" in page
    late = open_as(world.ana).post(path, {"answer": "No."})
    assert late.status_code == 409
    assert "Berta Klein answered this already." in late.content.decode()


def test_what_the_customer_says_after_the_question_brings_the_request_back(world: World) -> None:
    request = world.held_refund()
    asked(world, request)
    tickets.post_reply(
        ticket=request.ticket, body="Could you send a photo?", actor=world.agent.service_user, author_name="Concierge"
    )
    assert not is_listed(world, request, MINE)  # the question passed on is no answer
    world.write("Here is the photo.")
    assert is_listed(world, request, MINE)


def test_an_internal_note_after_the_question_brings_the_request_back(world: World) -> None:
    request = world.held_refund()
    asked(world, request)
    tickets.add_note(ticket=request.ticket, body="The photo shows a crack.", actor=world.rosa)
    assert is_listed(world, request, MINE)


def test_a_request_that_waits_for_information_expires_like_any_other(world: World) -> None:
    request = world.held_refund()
    asked(world, request)
    ApprovalRequest.objects.filter(pk=request.pk).update(expires_at=F("created_at"))
    assert services.expire_due() == 1
    late = decide(open_as(world.ana), request, "ask", question="And now?")
    assert late.status_code == 410


def test_a_question_needs_words_and_there_is_an_end_to_them(world: World) -> None:
    request = world.held_refund()
    empty = decide(open_as(world.ana), request, "ask", question="  ")
    assert empty.status_code == 422
    assert 'aria-invalid="true"' in empty.content.decode()
    for number in range(5):
        assert decide(open_as(world.ana), request, "ask", question=f"Question {number}?").status_code == 302
    many = decide(open_as(world.ana), request, "ask", question="One more?")
    assert many.status_code == 422
    assert "5 questions were asked already" in many.content.decode()


def test_an_auditor_neither_asks_nor_answers(world: World) -> None:
    request = world.held_refund()
    auditor = open_as(world.auditor)
    assert decide(auditor, request, "ask", question=QUESTION).status_code == 403
    question = asked(world, request)
    path = f"/console/approvals/{request.pk}/questions/{question.pk}/answer/"
    assert auditor.post(path, {"answer": "I think so."}).status_code == 403
    assert 'data-testid="answer"' not in page_of(world.auditor, request)
