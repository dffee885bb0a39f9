"""Two threads about the same thing become one; threads that are not merged keep to themselves."""

import pytest

from audit.models import AuditEntry
from audit.verification import verify
from supportagent.tickets import services
from supportagent.tickets.errors import Conflict, InvalidMessage, NotYours
from supportagent.tickets.models import Draft, HandOver, Message, Ticket
from supportagent.tickets.signals import message_received, ticket_ended
from tests.tickets.races import at_once


@pytest.fixture
def first(cast):
    return cast.ticket(body="Where is my order?", client_id="m1")


@pytest.fixture
def second(cast, first):
    """A parallel thread of the same customer: the first was resolved, and opened again beside a newer one."""
    return parallel(cast, first)


def parallel(cast, beside, body="My order, please"):
    services.set_state(ticket=beside, state="RESOLVED", actor=cast.ana)
    ticket = cast.ticket(body=body)
    services.set_state(ticket=beside, state="OPEN", actor=cast.ana)
    beside.refresh_from_db()
    assert ticket != beside
    return ticket


@pytest.fixture
def heard():
    received = []

    def message(sender, ticket, message, **kwargs):
        received.append((ticket.number, message.body))

    def ended(sender, ticket, by, why, **kwargs):
        received.append((ticket.number, why))

    message_received.connect(message)
    ticket_ended.connect(ended)
    yield received
    message_received.disconnect(message)
    ticket_ended.disconnect(ended)


def bodies(ticket, kind="CUSTOMER"):
    return list(ticket.messages.filter(kind=kind).values_list("body", flat=True))


def test_parallel_threads_of_one_customer_do_not_mix(cast, first, second):
    cast.writes("Still nothing", ticket=first)
    services.post_reply(ticket=second, body="It is on its way.", actor=cast.agent)
    services.take_over(ticket=first, by=cast.ana)
    draft = services.save_draft(ticket=first, body="Hm", actor=cast.agent, kind="approve")
    cast.writes("Thanks", ticket=second)
    draft.refresh_from_db()
    first.refresh_from_db()
    second.refresh_from_db()
    assert bodies(first) == ["Where is my order?", "Still nothing"] and bodies(second) == ["My order, please", "Thanks"]
    assert (first.assignee, second.assignee, draft.state) == (cast.ana, None, "OPEN")
    assert [message.seq for message in second.messages.all()] == [1, 2, 3]


def test_merged_the_source_is_closed_and_the_target_gets_what_was_not_answered(cast, first, second, heard):
    services.post_reply(ticket=first, body="Which one?", actor=cast.agent)
    cast.writes("ORD-1042", ticket=first)
    cast.writes("Please", ticket=first)
    heard.clear()
    target = services.merge(ticket=first, into=second, by=cast.ana)
    first.refresh_from_db()
    assert (first.state, first.merged_into, target.state) == ("CLOSED", second, "OPEN")
    assert bodies(second) == ["My order, please", "ORD-1042", "Please"]
    assert bodies(first) == ["Where is my order?", "ORD-1042", "Please"]
    assert heard == [(first.number, "merged"), (second.number, "Please")]
    assert bodies(second, "NOTE") == [f"{first.number} was merged into this ticket."]
    assert not second.messages.for_customer().filter(kind="NOTE").exists()
    assert AuditEntry.objects.get(action="tickets.ticket.merged").actor_id == str(cast.ana.pk)
    assert verify().findings == ()


def test_what_was_answered_is_not_answered_again(cast, first, second, heard):
    services.post_reply(ticket=first, body="It ships today.", actor=cast.agent)
    heard.clear()
    services.merge(ticket=first, into=second, by=cast.ana)
    assert bodies(second) == ["My order, please"] and heard == [(first.number, "merged")]


def test_what_waits_for_an_approval_is_not_lost(cast, first, second):
    services.post_reply(ticket=first, body="I asked a colleague.", actor=cast.agent)
    services.set_state(ticket=first, state="WAITING_APPROVAL", actor=cast.ana)
    services.merge(ticket=first, into=second, by=cast.ana)
    assert bodies(second) == ["My order, please", "Where is my order?"]


def test_what_people_had_they_have_in_the_target(cast, first, second):
    services.hand_over(
        ticket=first, reason_code="angry_customer", summary="Very angry", actor=cast.agent, customer_text="A moment."
    )
    services.merge(ticket=first, into=second, by=cast.ana)
    second.refresh_from_db()
    moved = HandOver.objects.get(ticket=second)
    assert (moved.reason_code, moved.summary, moved.closed_at) == ("angry_customer", "Very angry", None)
    assert HandOver.objects.get(ticket=first).closed_by == cast.ana
    assert second.held_by_person and bodies(second)[-1] == "Where is my order?"
    assert second.messages.filter(kind="AGENT").count() == 0


def test_an_answer_that_waits_to_be_sent_is_not_sent_any_more(cast, first, second):
    draft = services.save_draft(ticket=first, body="It ships today.", actor=cast.agent, kind="approve")
    overtaken = services.save_draft(ticket=second, body="It ships.", actor=cast.agent, kind="approve")
    services.merge(ticket=first, into=second, by=cast.ana)
    with pytest.raises(Conflict, match="was merged into"):
        services.approve_draft(draft=draft, by=cast.ana)
    assert set(Draft.objects.filter(pk__in=[draft.pk, overtaken.pk]).values_list("state", flat=True)) == {"SUPERSEDED"}


def test_a_message_that_still_arrives_lands_where_the_thread_goes_on(cast, first, second):
    services.merge(ticket=first, into=second, by=cast.ana)
    third = parallel(cast, second, "Hello?")
    services.merge(ticket=second, into=third, by=cast.ana)
    assert cast.writes("Any news?", ticket=first, client_id="m9").ticket == third
    assert cast.writes("Any news?", ticket=first, client_id="m9").ticket == third
    assert cast.writes("Where is my order?", client_id="m1").ticket == first, "a resend is the stored message"
    assert bodies(third).count("Any news?") == 1


def test_nothing_happens_in_a_merged_ticket_any_more(cast, first, second):
    services.merge(ticket=first, into=second, by=cast.ana)
    for verb in (
        lambda: services.set_state(ticket=first, state="OPEN", actor=cast.ana),
        lambda: services.take_over(ticket=first, by=cast.ana),
        lambda: services.post_reply(ticket=first, body="Hm", actor=cast.agent),
        lambda: services.hand_over(ticket=first, reason_code="other", summary="x", actor=cast.agent),
        lambda: services.save_draft(ticket=first, body="x", actor=cast.agent, kind="approve"),
        lambda: services.close(ticket=first, by=cast.ana, outcome="by_ai"),
        lambda: services.merge(ticket=first, into=second, by=cast.ana),
        lambda: services.merge(ticket=second, into=first, by=cast.ana),
    ):
        with pytest.raises(Conflict):
            verb()
    assert Ticket.objects.get(pk=first.pk).state == "CLOSED"


def test_what_cannot_be_merged(cast, first, second):
    with pytest.raises(InvalidMessage, match="into itself"):
        services.merge(ticket=first, into=first, by=cast.ana)
    with pytest.raises(InvalidMessage, match="same customer"):
        services.merge(ticket=first, into=cast.ticket(customer=cast.visitor), by=cast.ana)
    with pytest.raises(InvalidMessage, match="same customer"):
        services.merge(ticket=cast.ticket(assurance="claimed"), into=first, by=cast.ana)
    with pytest.raises(InvalidMessage, match="another channel"):
        services.merge(ticket=first, into=cast.ticket(channel="email"), by=cast.ana)
    services.set_state(ticket=second, state="RESOLVED", actor=cast.ana)
    with pytest.raises(Conflict, match="already resolved"):
        services.merge(ticket=first, into=second, by=cast.ana)
    assert not Ticket.objects.exclude(merged_into=None).exists()


def test_an_internal_ticket_is_merged_into_the_conversation_but_not_the_other_way(cast, first):
    inside = services.open_ticket(
        customer=cast.customer,
        subject="Courier",
        body="Ask",
        category="other",
        actor=cast.agent,
        team=cast.orders,
        assurance="verified",
    )
    with pytest.raises(InvalidMessage):
        services.merge(ticket=first, into=inside, by=cast.ana)
    services.merge(ticket=inside, into=first, by=cast.ana)
    assert bodies(first) == ["Where is my order?"]


def test_a_colleagues_ticket_or_another_teams_is_not_merged_away(cast, first, second):
    services.take_over(ticket=first, by=cast.rosa)
    with pytest.raises(Conflict, match="Rosa holds"):
        services.merge(ticket=first, into=second, by=cast.ana)
    Ticket.objects.filter(pk=second.pk).update(team=cast.partners)
    with pytest.raises(NotYours):
        services.merge(ticket=first, into=second, by=cast.rosa)
    with pytest.raises(ValueError, match="only a person"):
        services.merge(ticket=first, into=second, by=cast.agent)


@pytest.mark.django_db(transaction=True)
def test_merged_both_ways_at_once_one_of_them_stands(cast):
    first = cast.ticket()
    second = parallel(cast, first)
    results = at_once(
        lambda: services.merge(ticket=first, into=second, by=cast.ana),
        lambda: services.merge(ticket=second, into=first, by=cast.rosa),
    )
    assert sorted(type(result) for result in results if isinstance(result, Conflict)) == [Conflict], results
    assert Ticket.objects.exclude(merged_into=None).count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_message_at_the_moment_of_the_merge_is_in_the_thread_that_goes_on(cast):
    first = cast.ticket()
    second = parallel(cast, first)
    merged, written = at_once(
        lambda: services.merge(ticket=first, into=second, by=cast.ana),
        lambda: cast.writes("Hello?", ticket=first),
    )
    assert isinstance(merged, Ticket) and isinstance(written, Message), (merged, written)
    assert bodies(second).count("Hello?") == 1
