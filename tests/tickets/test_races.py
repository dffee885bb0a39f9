"""Promises that are about two at once, kept by real threads that commit."""

import pytest

from audit.models import AuditEntry
from supportagent.tickets import services
from supportagent.tickets.errors import Conflict, DuplicateMessage
from supportagent.tickets.models import Customer, Draft, HandOver, Message, Ticket
from tests.tickets.races import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_two_colleagues_take_over_at_once_and_one_learns_who_won(cast):
    ticket = cast.ticket()
    results = at_once(*(lambda by=by: services.take_over(ticket=ticket, by=by) for by in (cast.ana, cast.rosa)))
    winners = [result for result in results if isinstance(result, Ticket)]
    (loser,) = [result for result in results if isinstance(result, Conflict)]
    assert len(winners) == 1 and loser.by == winners[0].assignee
    assert Message.objects.filter(kind="EVENT").count() == 1


def test_four_posts_at_once_share_one_thread_and_number_its_messages_without_a_gap(cast):
    results = at_once(*(lambda n=n: cast.writes(f"Message {n}", client_id=f"m{n}") for n in range(4)))
    assert all(isinstance(result, Message) for result in results), results
    assert Ticket.objects.count() == 1
    assert sorted(result.seq for result in results) == [1, 2, 3, 4]


def test_the_same_message_sent_four_times_at_once_is_stored_once(cast):
    results = at_once(*(lambda: cast.writes("Refund, please", client_id="m1") for _ in range(4)))
    assert {getattr(result, "pk", result) for result in results} == {Message.objects.get().pk}
    assert AuditEntry.objects.filter(action="tickets.message.received").count() == 1


def test_one_id_with_two_texts_at_once_keeps_one_and_refuses_the_other(cast):
    results = at_once(*(lambda n=n: cast.writes(f"Refund EUR {n}", client_id="m1") for n in (8, 800)))
    assert {type(result) for result in results} == {DuplicateMessage, Message}
    assert Message.objects.count() == 1


def test_customers_who_write_at_once_get_numbers_of_their_own(cast):
    def visitor(number: int):
        customer = Customer.objects.create(reference=f"anon-{number}")
        return cast.ticket(customer=customer, assurance="anonymous")

    tickets = at_once(*(lambda n=n: visitor(n) for n in range(10, 14)))
    assert len({ticket.number for ticket in tickets}) == 4
    assert not Ticket.objects.filter(number__startswith="new-").exists()


def test_a_draft_sent_and_discarded_at_once_ends_as_one_of_the_two(cast):
    ticket = cast.ticket()
    draft = services.save_draft(ticket=ticket, body="We refund you.", actor=cast.agent)
    services.take_over(ticket=ticket, by=cast.ana)
    sent, discarded = at_once(
        lambda: services.send_draft(draft=Draft.objects.get(), by=cast.ana, body="We refund you."),
        lambda: services.discard_draft(draft=Draft.objects.get(), by=cast.rosa),
    )
    assert isinstance(sent, Conflict) != isinstance(discarded, Conflict), (sent, discarded)
    went_out = Message.objects.filter(kind="PERSON").exists()
    assert went_out == (Draft.objects.get(pk=draft.pk).state == "SENT")


def test_a_ticket_handed_over_twice_at_once_has_one_open_hand_over(cast):
    ticket = cast.ticket()
    results = at_once(
        *(
            lambda: services.hand_over(
                ticket=ticket, reason_code="other", summary="Stuck", actor=cast.agent, customer_text="One moment."
            )
            for _ in range(3)
        )
    )
    assert {getattr(result, "pk", result) for result in results} == {HandOver.objects.get().pk}
    assert Message.objects.count() == 2


def test_a_take_over_and_an_agents_answer_at_once_never_answer_after_the_person_joined(cast):
    ticket = cast.ticket()
    _taken, answered = at_once(
        lambda: services.take_over(ticket=ticket, by=cast.ana),
        lambda: services.post_reply(ticket=ticket, body="It ships today.", actor=cast.agent),
    )
    kinds = list(ticket.messages.values_list("kind", flat=True))
    assert kinds in (["CUSTOMER", "AGENT", "EVENT"], ["CUSTOMER", "EVENT"])
    assert isinstance(answered, Conflict) == (len(kinds) == 2)
