"""The dashboard: figures with what they rest on, for the teams of whoever looks."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from agents.costs.meters import budgets_seen_by
from agents.costs.spending import use_of
from agents.models import Budget
from approvals import services as approvals
from approvals.models import ApprovalRequest
from supportagent.metrics import dashboard, reports
from supportagent.staff.models import User
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Ticket
from tests.world import World


def cards(user: User) -> dict[str, dashboard.Card]:
    return {card.label: card for card in dashboard.cards(user)}


def test_without_rows_there_is_not_enough_data_and_never_zero_percent(world: World, client: Client) -> None:
    found = cards(world.ana)
    assert found["Tickets"].value == "0"
    assert found["Solved by the agent alone"].value == found["Approved"].value == found["Time to decide"].value == ""
    client.force_login(world.ana)
    body = client.get("/console/").content.decode()
    assert "Not enough data" in body and "0 %</span>" not in body


def test_a_ticket_that_an_agent_finished_counts_until_a_person_writes(world: World) -> None:
    world.script([{"text": "Your parcel arrives tomorrow."}])
    ticket = world.write("Where is my parcel?")
    world.advance(ticket)
    assert cards(world.ana)["Solved by the agent alone"].value == "100 %"
    assert cards(world.ana)["Model cost per ticket"].basis == "n = 1 tickets with an agent"
    tickets.take_over(ticket=ticket, by=world.rosa)
    tickets.post_reply(ticket=ticket, body="Hello", actor=world.rosa, kind="PERSON")
    assert cards(world.ana)["Solved by the agent alone"].value == "0 %"


def test_decisions_are_counted_with_their_share_and_their_median(world: World) -> None:
    request = world.held_refund()
    assert cards(world.ana)["Approvals decided"].value == "0"
    ApprovalRequest.objects.update(created_at=timezone.now() - timedelta(minutes=7))
    approvals.reject(
        request=request,
        by=world.ana,
        shown_digest=request.digest,
        reason_code="policy",
        reason="",
        customer_text="",
    )
    found = cards(world.ana)
    assert (found["Approvals decided"].value, found["Approved"].value) == ("1", "0 %")
    assert found["Time to decide"].value == "7 min"


def test_triage_is_measured_by_what_people_said(world: World, client: Client) -> None:
    client.force_login(world.ana)
    assert "How often triage is right" not in client.get("/console/").content.decode()
    ticket = world.write("Where is my parcel?")
    said = {"priority": "normal", "language": "en", "sentiment": "calm", "team": ticket.team}
    for category, truth in (("order_status", "order_status"), ("order_status", "complaint")):
        sorted_as = tickets.triage(
            ticket=ticket,
            category=category,
            reason="so it seems",
            confidence=90,
            threshold=60,
            actor=world.agent.service_user,
            **said,
        )
        tickets.label_triage(triage=sorted_as, by=world.ana, category=truth, **said)
    rows = {row.label: row for row in dashboard.triage(world.ana)}
    assert (rows["Order status"].precision, rows["Order status"].recall) == (
        "50 % (9 to 91 %, n = 2)",
        "100 % (21 to 100 %, n = 1)",
    )
    assert (rows["Complaint"].precision, rows["Complaint"].recall) == ("", "0 % (0 to 79 %, n = 1)")
    assert dashboard.triage(world.piet) == []
    assert "50 % (9 to 91 %, n = 2)" in client.get("/console/").content.decode()


def test_the_week_is_compared_with_the_week_before(world: World) -> None:
    for days in (1, 2, 9):
        ticket = world.write("Hello", customer=world.customer, ticket=None)
        Ticket.objects.filter(pk=ticket.pk).update(created_at=timezone.now() - timedelta(days=days), state="CLOSED")
    card = cards(world.ana)["Tickets"]
    assert (card.value, card.delta, card.trend) == ("2", "+1 against the 7 days before", "")


def test_a_supervisor_of_another_team_sees_none_of_it(world: World, client: Client) -> None:
    request = world.held_refund()
    assert list(reports.oldest_pending(world.ana)) == [request]
    assert list(reports.oldest_pending(world.piet)) == []
    assert cards(world.piet)["Tickets"].value == "0"
    assert list(budgets_seen_by(world.piet)) == []
    client.force_login(world.piet)
    body = client.get("/console/").content.decode()
    assert "ORD-1042" not in body and "concierge" not in body and "Organisation" not in body


def test_a_budget_of_a_day_that_is_over_counts_as_unspent(world: World) -> None:
    budget = Budget.objects.get(scope="agent", period="day")
    today = timezone.now().date()
    budget.spent, budget.reserved, budget.period_start = 5_000_000, 1_000_000, today
    assert use_of(budget).ratio == 6 / 20
    assert str(use_of(budget)) == "USD 5.00 of USD 20.00, USD 1.00 reserved"
    assert use_of(budget, today + timedelta(days=1)).ratio == 1 / 20
    budget.cap = 0
    assert use_of(budget).ratio == 1


@pytest.mark.parametrize(("person", "page"), [("rosa", "/console/tickets/"), ("auditor", "/console/approvals/")])
def test_whoever_may_not_see_it_is_taken_to_a_page_of_theirs(
    world: World, client: Client, person: str, page: str
) -> None:
    client.force_login(getattr(world, person))
    assert client.get("/console/").headers["Location"] == page


def test_somebody_without_a_role_reads_why_there_is_nothing(world: World, client: Client) -> None:
    client.force_login(User.objects.create_user("new"))
    assert client.get("/console/").status_code == 403


def test_the_dashboard_takes_as_many_queries_for_many_rows_as_for_few(
    world: World, client: Client, django_assert_max_num_queries
) -> None:
    request = world.held_refund()
    for number in range(30):
        request.pk, request.call_id = None, f"00000000-0000-4000-8000-{number:012}"
        request._state.adding = True
        request.save()
    client.force_login(world.ana)
    with django_assert_max_num_queries(40):
        body = client.get("/console/").content.decode()
    assert body.count('id="pending-') == reports.OLDEST + 1
