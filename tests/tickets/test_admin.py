import pytest
from django.utils import timezone

from audit.models import AuditEntry
from supportagent.staff.models import User
from supportagent.tickets import services
from supportagent.tickets.models import Customer, Message, Rating, Ticket, WorkPeriod

LISTS = [
    *("ticket", "customer", "message", "draft", "handover", "teamnotice", "rating"),
    *("triage", "triagelabel", "workperiod"),
]


def sort(cast, ticket, by):
    """The agent sorts it, and a person says the same."""
    sorting = {"category": "payment", "priority": "low", "language": "en", "sentiment": "calm", "team": ticket.team}
    row = services.triage(ticket=ticket, **sorting, reason="A card", confidence=80, threshold=60, actor=cast.agent)
    services.label_triage(triage=row, by=by, **sorting)


@pytest.fixture
def busy(cast):
    """A ticket of each team, with something in every list."""
    ours = cast.ticket(body="Where is my invoice\u202e?")
    theirs = cast.ticket(customer=cast.visitor, assurance="anonymous", team=cast.partners, body="Partner secret")
    for ticket in (ours, theirs):
        sort(cast, ticket, cast.ana if ticket == ours else cast.piet)
        services.save_draft(ticket=ticket, body="Draft", actor=cast.agent)
        services.hand_over(ticket=ticket, reason_code="other", summary="Stuck", actor=cast.agent)
        WorkPeriod.objects.create(ticket=ticket, user=cast.ana, started_at=timezone.now(), seen_at=timezone.now())
        services.notify_team(team=ticket.team, ticket=ticket, message="Look", actor=cast.agent)
        Rating.objects.create(ticket=ticket, score=3)
    return ours, theirs


@pytest.mark.parametrize("model", LISTS)
def test_each_team_sees_its_own_rows_in_every_list(cast, busy, client, model):
    ours, theirs = busy
    client.force_login(cast.ana)
    page = client.get(f"/admin/tickets/{model}/")
    shown, hidden = (
        (ours.customer.reference, theirs.customer.reference) if model == "customer" else (ours.number, theirs.number)
    )
    assert page.status_code == 200
    rows = [
        str(row) if model in ("ticket", "customer") else getattr(row, "triage", row).ticket.number
        for row in page.context["cl"].result_list
    ]
    assert rows == [shown] and hidden not in page.content.decode()


def test_a_page_of_another_teams_ticket_is_not_there(cast, busy, client):
    _ours, theirs = busy
    client.force_login(cast.ana)
    assert client.get(f"/admin/tickets/ticket/{theirs.pk}/change/").status_code == 302
    message = theirs.messages.first()
    assert client.get(f"/admin/tickets/message/{message.pk}/change/").status_code == 302
    found = client.get("/admin/tickets/message/?q=secret")
    assert not found.context["cl"].result_list


def test_the_page_of_a_ticket_shows_the_thread_with_hidden_characters_named(cast, busy, client):
    client.force_login(cast.ana)
    page = client.get(f"/admin/tickets/ticket/{busy[0].pk}/change/").content.decode()
    assert "Where is my invoice[U+202E]?" in page


def test_category_and_priority_are_set_through_the_verb_and_nothing_else_can_be(cast, busy, client):
    ticket = busy[0]
    client.force_login(cast.ana)
    form = {"category": "payment", "priority": "high", "state": "CLOSED", "number": "T-1"}
    form |= {"messages-TOTAL_FORMS": "0", "messages-INITIAL_FORMS": "0"}
    answer = client.post(f"/admin/tickets/ticket/{ticket.pk}/change/", form)
    assert answer.status_code == 302, answer.content.decode()[:3000]
    changed = Ticket.objects.get(pk=ticket.pk)
    assert (changed.category, changed.priority, changed.state) == ("payment", "high", "WAITING_PERSON")
    assert changed.number == ticket.number
    assert AuditEntry.objects.filter(action="tickets.ticket.categorised", actor_id=str(cast.ana.pk)).exists()


def test_not_even_a_superuser_adds_edits_or_deletes_a_record(cast, busy, client):
    client.force_login(User.objects.create_superuser("root"))
    message = Message.objects.first()
    assert client.post("/admin/tickets/message/add/", {}).status_code == 403
    assert client.post(f"/admin/tickets/message/{message.pk}/change/", {"body": "x"}).status_code == 403
    assert client.post(f"/admin/tickets/message/{message.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"/admin/tickets/ticket/{busy[0].pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post("/admin/tickets/ticket/add/", {}).status_code == 403


@pytest.mark.parametrize("model", LISTS)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(
    cast, busy, client, model, django_assert_max_num_queries
):
    for number in range(15):
        customer = Customer.objects.create(reference=f"anon-9{number}")
        ticket = cast.ticket(customer=customer, assurance="anonymous")
        services.save_draft(ticket=ticket, body="Draft", actor=cast.agent)
        services.hand_over(ticket=ticket, reason_code="other", summary="Stuck", actor=cast.agent)
        Rating.objects.create(ticket=ticket, score=3)
        sort(cast, ticket, cast.ana)
        services.take_over(ticket=ticket, by=cast.ana)
    client.force_login(cast.ana)
    with django_assert_max_num_queries(25):
        client.get(f"/admin/tickets/{model}/")
