"""What a supervisor sees and may do in the approvals queue."""

import threading
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals.models import ApprovalDecision, ApprovalRequest, Tier
from tests.approvals.desk import colleague, decide, let_decide, open_as, set_rule
from tests.world import World, build_world


def test_the_card_shows_evidence_before_the_buttons(world: World) -> None:
    request = world.held_refund()
    page = open_as(world.ana).get(f"/console/approvals/{request.pk}/").content.decode()
    for evidence in (
        "Issue refund EUR 84.00 · ORD-1042",
        "Every refund is seen by a person",
        "card •4242",
        "EUR 84.00",
        "Please refund ORD-1042, it arrived broken.",
        "arrived broken",
        request.digest[:12],
    ):
        assert evidence in page
    assert page.index("The customer said") < page.index("Approve now")


def test_approving_moves_the_request_out_of_the_queue_and_keeps_it_readable(world: World) -> None:
    request = world.held_refund()
    client = open_as(world.ana)
    assert decide(client, request, "approve", reason="looks right").status_code == 302
    world.advance(request.ticket)

    pending = client.get("/console/approvals/?split=all").content.decode()
    decided = client.get(f"/console/approvals/{request.pk}/?split=decided").content.decode()
    assert "All clear" in pending
    assert "Approved by Ana Ruiz." in decided
    assert "looks right" in decided
    assert "agents.tool_call.succeeded" in decided


def test_the_second_supervisor_sees_who_decided_first(world: World) -> None:
    request = world.held_refund()
    assert decide(open_as(world.ana), request, "approve").status_code == 302
    late = decide(open_as(colleague(world.ana)), request, "reject", reason_code="policy")
    assert late.status_code == 409
    assert "Approved by Ana Ruiz." in late.content.decode()


def test_a_decision_on_something_else_than_what_was_shown_is_refused(world: World) -> None:
    request = world.held_refund()
    answer = open_as(world.ana).post(f"/console/approvals/{request.pk}/approve/", {"digest": "0" * 64})
    assert answer.status_code == 409
    assert "changed since you opened it" in answer.content.decode()
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.PENDING


def test_an_expired_request_answers_gone_and_no_money_moves(world: World) -> None:
    request = world.held_refund()
    ApprovalRequest.objects.filter(pk=request.pk).update(expires_at="2020-01-01T00:00:00Z")
    assert decide(open_as(world.ana), request, "approve").status_code == 410
    assert world.refunds() == 0


def test_a_rejection_without_a_reason_is_sent_back_with_the_field_marked(world: World) -> None:
    request = world.held_refund()
    answer = decide(open_as(world.ana), request, "reject", reason_code="", customer_text="Sorry!")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in page
    assert "Sorry!" in page
    short = decide(open_as(world.ana), request, "reject", reason_code="other", reason="no")
    assert short.status_code == 422


def test_a_rejected_customer_reads_the_safe_sentence_only_from_the_agent(world: World) -> None:
    request = world.held_refund()
    decide(
        open_as(world.ana),
        request,
        "reject",
        reason_code="suspected_fraud",
        reason="third time this month",
        customer_text="We cannot refund this order.",
    )
    decision = ApprovalDecision.objects.get(request=request)
    assert (decision.reason_code, decision.customer_text) == ("suspected_fraud", "We cannot refund this order.")


@pytest.mark.parametrize("who", ["rosa", "auditor"])
def test_whoever_may_not_decide_gets_403_and_is_told_why(world: World, who: str) -> None:
    request = world.held_refund()
    answer = decide(open_as(getattr(world, who)), request, "approve")
    assert answer.status_code == 403
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.PENDING


def test_a_superuser_decides_nothing_by_that_alone(world: World) -> None:
    request = world.held_refund()
    world.admin.is_superuser = True
    world.admin.save()
    answer = decide(open_as(world.admin), request, "approve")
    assert answer.status_code == 403
    assert "your role does not decide approval requests" in answer.content.decode()


def test_a_supervisor_of_another_team_does_not_see_that_the_request_exists(world: World) -> None:
    request = world.held_refund()
    piet = open_as(world.piet)
    assert piet.get(f"/console/approvals/{request.pk}/").status_code == 404
    assert decide(piet, request, "approve").status_code == 404
    assert request.title not in piet.get("/console/approvals/?split=all&q=ORD-1042").content.decode()


def test_who_took_the_ticket_over_cannot_decide_on_it(world: World) -> None:
    request = world.held_refund()
    request.ticket.assignee = world.ana
    request.ticket.save()
    answer = decide(open_as(world.ana), request, "approve")
    assert answer.status_code == 403
    assert "you hold the ticket" in answer.content.decode()


def test_a_t3_request_takes_two_different_people(world: World) -> None:
    set_rule(tier=Tier.T3)
    request = world.held_refund()
    let_decide(world.finance)
    ana = open_as(world.ana)
    decide(ana, request, "approve")
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.PENDING
    assert "1 of 2 approved: Ana Ruiz" in ana.get(f"/console/approvals/{request.pk}/").content.decode()
    assert decide(ana, request, "approve").status_code == 403
    assert decide(open_as(world.finance), request, "approve").status_code == 302
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.APPROVED


def test_a_decision_without_a_csrf_token_is_refused(world: World) -> None:
    request = world.held_refund()
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.ana)
    assert decide(client, request, "approve").status_code == 403
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.PENDING


def test_the_queue_costs_the_same_number_of_queries_for_one_and_for_many(
    world: World, django_assert_num_queries: Any
) -> None:
    request = world.held_refund()
    client = open_as(world.ana)
    client.get("/console/approvals/?split=all")
    with CaptureQueriesContext(connection) as for_one:
        client.get("/console/approvals/?split=all")
    assert len(for_one) <= 34, "what stands around the list has grown"
    for number in range(30):
        copy = ApprovalRequest.objects.get(pk=request.pk)
        copy.pk, copy.call_id = None, f"00000000-0000-0000-0000-{number:012d}"
        copy.save()
    with django_assert_num_queries(len(for_one)):
        page = client.get("/console/approvals/?split=all").content.decode()
    assert page.count('data-testid="approval-row"') == 31


@pytest.mark.django_db(transaction=True)
def test_approving_and_rejecting_at_once_leaves_exactly_one_decision(settings: Any, tmp_path: Any) -> None:
    world = build_world(settings, tmp_path)
    request = world.held_refund()
    answers: list[int] = []
    together = threading.Barrier(2)

    def act(verdict: str, fields: dict[str, str]) -> None:
        client = open_as(world.ana)
        together.wait()
        try:
            answers.append(decide(client, request, verdict, **fields).status_code)
        finally:
            connection.close()

    threads = [
        threading.Thread(target=act, args=args) for args in (("approve", {}), ("reject", {"reason_code": "policy"}))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [302, 409]
    assert ApprovalDecision.objects.filter(request=request).count() == 1


def test_characters_that_no_database_stores_are_dropped_and_never_an_error(world: World) -> None:
    request = world.held_refund()
    client = open_as(world.ana)
    assert client.get("/console/approvals/?q=a%00b").status_code == 200
    answer = decide(client, request, "reject", reason_code="policy", reason="no\0pe", customer_text="so\0rry")
    assert answer.status_code == 302
    decision = ApprovalDecision.objects.get(request=request)
    assert (decision.reason, decision.customer_text) == ("nope", "sorry")


def test_every_console_page_says_so_when_a_demo_model_answers(world: World, settings: Any) -> None:
    client = open_as(world.ana)
    assert "fixed rules, not a language model" in client.get("/console/approvals/").content.decode()
    settings.DEFAULT_MODEL_PROVIDER = "openai_responses"
    assert "fixed rules, not a language model" not in client.get("/console/approvals/").content.decode()
