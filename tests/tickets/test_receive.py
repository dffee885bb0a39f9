import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEntry
from supportagent.tickets import services
from supportagent.tickets.errors import DuplicateMessage, InvalidMessage, MessageTooLong, NotYours
from supportagent.tickets.models import Message, Ticket
from supportagent.tickets.signals import message_received


@pytest.fixture
def heard():
    """What the layers above hear of customers' messages."""
    received = []

    def listener(sender, ticket, message, **kwargs):
        received.append((ticket.number, message.body))

    message_received.connect(listener)
    yield received
    message_received.disconnect(listener)


def test_a_first_message_opens_a_thread_at_the_front_desk(cast, heard):
    message = cast.writes("  Where is\nmy order?  ", client_id="a1")
    ticket = message.ticket
    assert ticket.number == f"T-{1000 + ticket.pk}"
    assert (ticket.team, ticket.state, ticket.subject) == (cast.orders, "OPEN", "Where is my order?")
    assert (message.seq, message.kind, message.body) == (1, "CUSTOMER", "Where is\nmy order?")
    assert heard == [(ticket.number, "Where is\nmy order?")]
    said = AuditEntry.objects.filter(action__startswith="tickets.").order_by("seq")
    assert list(said.values_list("action", "actor_id")) == [
        ("tickets.ticket.opened", "CUS-1001"),
        ("tickets.message.received", "CUS-1001"),
    ]


def test_the_next_message_joins_the_open_thread(cast):
    first, second = cast.writes("One"), cast.writes("Two")
    assert second.ticket == first.ticket
    assert [first.seq, second.seq] == [1, 2]


@pytest.mark.parametrize("state", ["RESOLVED", "CLOSED"])
def test_a_thread_that_is_over_is_not_reopened_by_a_message(cast, state):
    old = cast.ticket()
    services.set_state(ticket=old, state=state, actor=cast.ana)
    assert cast.ticket() != old
    assert cast.writes("Again", ticket=old).ticket != old


def test_another_channel_has_its_own_thread(cast):
    assert cast.ticket() != cast.ticket(channel="email")


def test_who_has_not_proved_who_he_is_never_joins_a_verified_thread(cast):
    verified = cast.ticket()
    assert cast.ticket(assurance="claimed") != verified
    with pytest.raises(NotYours):
        cast.writes("Let me in", ticket=verified, assurance="claimed")
    with pytest.raises(NotYours):
        cast.writes("Let me in", ticket=verified, customer=cast.visitor)


def test_a_resend_gets_the_stored_message_and_starts_nothing(cast, heard):
    first = cast.writes("Refund, please", client_id="a1")
    again, created = services.receive_message(
        customer=cast.customer, body=" Refund, please\r\n", client_message_id="a1", assurance="verified"
    )
    assert (again, created) == (first, False)
    assert len(heard) == 1 and Message.objects.count() == 1


def test_a_resend_after_the_thread_was_resolved_opens_no_second_one(cast):
    first = cast.writes("Refund, please", client_id="a1")
    services.set_state(ticket=first.ticket, state="RESOLVED", actor=cast.ana)
    assert cast.writes("Refund, please", client_id="a1") == first
    assert Ticket.objects.count() == 1


def test_the_same_id_with_another_text_is_refused_and_the_first_text_stands(cast):
    first = cast.writes("Refund EUR 8", client_id="a1")
    with pytest.raises(DuplicateMessage):
        cast.writes("Refund EUR 800", client_id="a1")
    first.refresh_from_db()
    assert first.body == "Refund EUR 8" and Message.objects.count() == 1


def test_another_customer_may_use_the_same_client_message_id(cast):
    cast.writes("Mine", client_id="a1")
    assert cast.writes("Also mine", client_id="a1", customer=cast.visitor, assurance="anonymous").seq == 1


@pytest.mark.parametrize(
    "body", ["", "   \n\t ", "\u200b\u200d\ufeff", "\u202e \u2066", "\x00\x00", "\ud800", "\U000e0041"]
)
def test_a_message_without_anything_to_read_is_refused(cast, body):
    with pytest.raises(InvalidMessage):
        cast.writes(body)
    assert not Ticket.objects.exists()


def test_a_message_over_the_limit_is_refused_with_the_limit(cast):
    assert len(cast.writes("x" * 8000).body) == 8000
    with pytest.raises(MessageTooLong, match="8001 characters; at most 8000"):
        cast.writes("x" * 8001)
    with pytest.raises(MessageTooLong):
        cast.writes("x" * 1_000_000)


def test_a_text_that_grows_over_the_limit_when_normalised_is_refused(cast):
    with pytest.raises(MessageTooLong):
        cast.writes("\u0958" * 8000)


def test_text_is_normalised_and_what_no_database_holds_is_dropped(cast):
    assert cast.writes("Cafe\u0301\x00 \ud83d ok").body == "Caf\u00e9  ok"


@pytest.mark.parametrize("client_id", ["a b", "x" * 65, "../x", "a\n", "é"])
def test_a_strange_client_message_id_is_refused(cast, client_id):
    with pytest.raises(InvalidMessage):
        cast.writes("Hello", client_id=client_id)


def test_a_message_while_a_person_holds_the_ticket_waits_for_that_person(cast):
    ticket = cast.ticket()
    services.take_over(ticket=ticket, by=cast.ana)
    services.post_reply(ticket=ticket, body="Hello", actor=cast.ana, kind="PERSON")
    assert cast.writes("And now?").ticket.state == "WAITING_PERSON"


def test_a_message_while_an_approval_is_pending_leaves_the_ticket_waiting_for_it(cast):
    ticket = cast.ticket()
    services.set_state(ticket=ticket, state="WAITING_APPROVAL", actor=cast.ana)
    assert cast.writes("And now?").ticket.state == "WAITING_APPROVAL"


def test_the_queries_of_a_message_do_not_grow_with_the_thread(cast):
    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            cast.writes("Again")
        return len(queries)

    cast.writes()
    first = cost()
    for _ in range(10):
        cast.writes()
    assert cost() == first
