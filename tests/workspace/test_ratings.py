"""The list of ratings: what was bad waits for somebody, and the comment stays text."""

import pytest
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from supportagent.staff.models import User
from supportagent.tickets import services
from supportagent.tickets.models import Customer, Rating, Ticket
from supportagent.workspace import rating_views

PAGE = "/console/ratings/"
HOSTILE = "<script>alert(1)</script> \u202eevil & slow"


@pytest.fixture
def rated(world):
    """One conversation that was bad, with a hostile comment, and one that was good."""
    ticket = world.write("Where is my order ORD-1042?")
    services.close(ticket=ticket, by=world.rosa, outcome="by_person", resolved=False)
    bad = services.rate(ticket=ticket, customer=world.customer, score=1, comment=HOSTILE)
    ben = Customer.objects.get(reference="CUS-1002")
    other = services.close(ticket=world.write("Hm", customer=ben), by=world.rosa, outcome="by_ai")
    services.rate(ticket=other, customer=ben, score=5, comment="Lovely")
    return bad


def badge(user):
    request = RequestFactory().get("/")
    request.user = user
    return rating_views.waiting(request)


def care(client, rating, note="Called her", shown=0):
    return client.post(f"{PAGE}{rating.pk}/care/", {"note": note, "shown": shown})


def test_a_low_rating_waits_with_its_ticket_agent_and_comment_as_text(world, browser, rated):
    page = browser(world.rosa).get(PAGE).content.decode()
    low, everything = page.split("All ratings", 1)
    assert rated.ticket.number in low and world.agent.name in low and "Lovely" not in low
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in low and "<script>alert" not in page and "\u202e" not in page
    assert "Lovely" in everything and "3.0 of 5 on average" in everything
    assert badge(world.rosa) == "1"
    ticket = browser(world.rosa).get(f"/console/tickets/{rated.ticket.number}/").content.decode()
    assert (
        'data-testid="ticket-rating"' in ticket and "&lt;script&gt;alert(1)" in ticket and "<script>alert" not in ticket
    )


def test_whoever_takes_care_of_it_is_named_and_the_next_one_reads_that(world, browser, rated):
    empty = care(browser(world.rosa), rated, note="  ")
    assert empty.status_code == 422 and b"what you did" in empty.content
    assert care(browser(world.rosa), rated).status_code == 302
    second = care(browser(world.ana), rated, note="I wrote to her")
    assert second.status_code == 409
    assert "has taken care of" in second.content.decode() and "I wrote to her" in second.content.decode()
    page = browser(world.ana).get(PAGE).content.decode()
    assert 'data-testid="all-clear"' in page and "Called her" in page and badge(world.rosa) == ""
    services.rate(ticket=rated.ticket, customer=world.customer, score=2, comment="Still not here")
    assert badge(world.rosa) == "1"
    assert care(browser(world.ana), rated, shown=0).status_code == 409  # it says something else now
    assert care(browser(world.ana), rated, shown="x").status_code == 409


def test_filters_narrow_the_list_and_nonsense_narrows_nothing(world, browser, rated):
    def shown(query):
        return browser(world.rosa).get(f"{PAGE}?{query}").content.decode().count('data-testid="rating-row"')

    Ticket.objects.filter(pk=rated.ticket_id).update(category="payment")
    queries = (
        "score=low",
        "score=5",
        "score=3",
        "score=cared",
        "category=payment",
        "score=5&category=payment",
        "score=9",
    )
    assert [shown(query) for query in queries] == [1, 1, 0, 0, 1, 0, 2]


def test_another_team_and_a_role_without_personal_data_see_less(world, browser, rated):
    piet = browser(world.piet)
    assert rated.ticket.number not in piet.get(PAGE).content.decode() and badge(world.piet) == ""
    assert care(piet, rated).status_code == 404
    auditor = browser(world.auditor).get(PAGE).content.decode()
    assert rated.ticket.number in auditor and "evil" not in auditor and 'data-testid="care"' not in auditor
    assert care(browser(world.auditor), rated).status_code == 403
    assert browser(User.objects.create_user("nobody")).get(PAGE).status_code == 403


def test_the_page_costs_the_same_however_much_is_rated(world, browser, rated):
    client = browser(world.rosa)
    client.get(PAGE)
    with CaptureQueriesContext(connection) as few:
        client.get(PAGE)
    tickets = [
        Ticket(
            number=f"T-{n}",
            customer=world.customer,
            team=rated.ticket.team,
            subject="s",
            state="CLOSED",
            resolved_at=timezone.now(),
        )
        for n in range(50_000, 50_060)
    ]
    Rating.objects.bulk_create(Rating(ticket=t, score=1) for t in Ticket.objects.bulk_create(tickets))
    with CaptureQueriesContext(connection) as many:
        assert client.get(PAGE).content.decode().count('data-testid="low-rating"') == 50
    assert len(many) <= len(few) + 1
