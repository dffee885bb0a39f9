"""Many people at once, on real threads through the HTTP view: one decision counts, and nobody pays back too much."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from agents import services as runs
from agents.loop.runner import AgentRunner
from agents.models import Run
from approvals.models import ApprovalDecision, ApprovalRequest
from audit import log as audit_log
from audit import verification
from audit.context import Actor
from supportagent.store.models import Refund
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Ticket
from tests.approvals.desk import colleague, decide, open_as, set_rule
from tests.world import World, build_world, team

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE, CLICKS = 5, 50
CAPTURED, PART = 8_400, 1_000


@pytest.fixture
def committed(settings: Any, tmp_path: Any) -> World:
    """A world that other threads see."""
    return build_world(settings, tmp_path)


def all_at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Every act in a thread of its own, let loose together."""
    together, answers = threading.Barrier(len(acts)), []

    def act(each: Callable[[], Any]) -> None:
        together.wait(60)
        try:
            answers.append(each())
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(each,)) for each in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(300)
    return answers


def test_of_fifty_decisions_at_once_one_wins_and_the_others_hear_who(committed: World) -> None:
    request = committed.held_refund()
    people = [committed.ana, *(colleague(committed.ana, f"Nr{number} Klein") for number in range(1, PEOPLE))]
    clients = [(people[number % PEOPLE], open_as(people[number % PEOPLE])) for number in range(CLICKS)]

    def click(number: int, client: Client) -> tuple[int, str]:
        verdict = "approve" if number % 2 else "reject"
        answer = decide(client, request, verdict, reason_code="policy")
        return answer.status_code, answer.content.decode()

    acts = [lambda number=number, client=client: click(number, client) for number, (_, client) in enumerate(clients)]
    answers = all_at_once(acts)  # type: ignore[arg-type]

    assert Counter(status for status, _ in answers) == {302: 1, 409: CLICKS - 1}
    decision = ApprovalDecision.objects.get(request=request)
    request.refresh_from_db()
    winner = f"{request.get_state_display()} by {decision.decided_by.display_name}."
    assert all(winner in page for status, page in answers if status == 409)
    committed.advance(request.ticket)
    assert committed.refunds() == (request.state == ApprovalRequest.State.APPROVED)
    assert verification.verify().ok


def test_of_an_approval_an_edit_and_an_undo_at_once_the_money_moves_at_most_once(committed: World) -> None:
    set_rule(tier="T1", undo_seconds=0)
    request = committed.held_refund()
    berta = open_as(colleague(committed.ana))
    ana = open_as(committed.ana)
    change = {"arg.amount_minor": "60.00", "reason": "partial"}
    answers = all_at_once(
        [
            lambda: decide(ana, request, "approve").status_code,
            lambda: decide(berta, request, "edit", **change).status_code,
            lambda: decide(ana, request, "undo").status_code,
        ]
    )
    assert sorted(answers)[0] == 302
    for _ in range(3):
        for waiting in ApprovalRequest.objects.pending():
            committed.approve(waiting, by=committed.ana if waiting.edited_by != committed.ana else None)
        committed.advance(request.ticket)
    assert committed.refunds() == 1


@pytest.mark.parametrize("many", [24, pytest.param(200, marks=pytest.mark.faults)])
def test_refunds_of_one_order_at_once_never_give_back_more_than_was_captured(committed: World, many: int) -> None:
    """Each ticket asks for a part of the same order and the rules let it pass: only the machine itself counts."""
    set_rule(outcome="allow")
    part = {"order_id": "ORD-1042", "amount_minor": PART, "currency": "EUR", "stated_reason": "a part is missing"}
    committed.script([{"calls": [{"name": "store__issue_refund", "arguments": part}]}, {"text": "Done."}])
    waiting = [_run(committed) for _ in range(many)]

    def work() -> None:
        while waiting:
            try:
                run = waiting.pop()
            except IndexError:
                return
            AgentRunner(run.pk).advance()

    all_at_once([work] * 12)
    given_back = sum(Refund.objects.values_list("amount_minor", flat=True))
    assert 0 < given_back <= CAPTURED
    assert not Run.objects.filter(state__in=[Run.State.RUNNING, Run.State.QUEUED]).exists()
    assert verification.verify().ok


def _run(world: World) -> Run:
    """A run of its own on a ticket of its own, as if the customer had written from many places."""
    with audit_log.transaction():
        ticket = tickets.open_ticket(
            customer=world.customer,
            subject="A part is missing",
            body="Please refund a part of ORD-1042.",
            actor=Actor.system("test"),
            team=team("orders"),
            assurance=Ticket.Assurance.VERIFIED,
        )
        run = runs.start_run(ticket)
    assert run is not None
    return run
