import pytest
from django.core.exceptions import PermissionDenied

from audit.context import Actor
from audit.models import AuditEntry
from supportagent.tickets import services
from supportagent.tickets.errors import Conflict, InvalidMessage, NotYours
from supportagent.tickets.models import HandOver, Message, Ticket
from supportagent.tickets.signals import message_received, ticket_taken_over


@pytest.fixture
def ticket(cast):
    return cast.ticket()


@pytest.fixture
def heard():
    received = []

    def taken(sender, ticket, by, **kwargs):
        received.append(("taken", by.username))

    def message(sender, ticket, message, **kwargs):
        received.append((message.kind, message.body, ticket.held_by_person))

    ticket_taken_over.connect(taken)
    message_received.connect(message)
    yield received
    ticket_taken_over.disconnect(taken)
    message_received.disconnect(message)


def hand_over(ticket, actor, **options):
    options = {"reason_code": "customer_asked", "summary": "Wants a person", **options}
    return services.hand_over(ticket=ticket, actor=actor, **options)


def test_taking_over_says_who_joined_and_tells_the_agents(cast, ticket, heard):
    taken = services.take_over(ticket=ticket, by=cast.ana)
    assert (taken.assignee, taken.state, taken.held_by_person) == (cast.ana, "WAITING_PERSON", True)
    assert list(Ticket.objects.held_by_person()) == [ticket]
    event = ticket.messages.last()
    assert (event.kind, event.body) == ("EVENT", "Ana from the team has joined")
    assert heard == [("taken", "ana")]


def test_a_second_colleague_is_told_who_was_first(cast, ticket):
    services.take_over(ticket=ticket, by=cast.ana)
    with pytest.raises(Conflict, match="Ana has already taken") as refusal:
        services.take_over(ticket=ticket, by=cast.rosa)
    assert refusal.value.by == cast.ana


def test_taking_over_ones_own_ticket_again_says_nothing_twice(cast, ticket, heard):
    services.take_over(ticket=ticket, by=cast.ana)
    services.take_over(ticket=ticket, by=cast.ana)
    assert Message.objects.filter(kind="EVENT").count() == 1 and len(heard) == 1


def test_a_ticket_that_is_over_is_not_taken_over(cast, ticket):
    services.set_state(ticket=ticket, state="RESOLVED", actor=cast.ana)
    with pytest.raises(Conflict, match="already resolved"):
        services.take_over(ticket=ticket, by=cast.ana)


def test_without_the_permission_nothing_is_taken_over(cast, ticket):
    cast.rosa.groups.clear()
    with pytest.raises(PermissionDenied, match="take over"):
        services.take_over(ticket=ticket, by=cast.rosa)


def test_handing_back_gives_the_agents_a_brief_to_start_from(cast, ticket, heard):
    hand_over(ticket, cast.agent)
    services.take_over(ticket=ticket, by=cast.ana)
    note = services.hand_back(ticket=ticket, by=cast.ana, brief="Refund was agreed, please go on")
    ticket.refresh_from_db()
    assert (ticket.assignee, ticket.state, note.kind) == (None, "OPEN", "NOTE")
    assert heard[-1] == ("NOTE", "Refund was agreed, please go on", False)
    assert HandOver.objects.get().closed_by == cast.ana


def test_handing_back_needs_a_brief_and_the_holder(cast, ticket):
    with pytest.raises(NotYours):
        services.hand_back(ticket=ticket, by=cast.ana, brief="Go on")
    services.take_over(ticket=ticket, by=cast.ana)
    with pytest.raises(InvalidMessage):
        services.hand_back(ticket=ticket, by=cast.ana, brief="  ")
    with pytest.raises(Conflict, match="Ana holds"):
        services.hand_back(ticket=ticket, by=cast.rosa, brief="Go on")


def test_an_agent_hands_over_with_a_summary_and_tells_the_customer(cast, ticket):
    handed = hand_over(
        ticket, cast.agent, facts={"order": "ORD-1042"}, customer_text="A colleague will answer.", author_name="Mira"
    )
    ticket.refresh_from_db()
    said = ticket.messages.last()
    assert (ticket.state, ticket.held_by_person) == ("WAITING_PERSON", True)
    assert (said.kind, said.author_name, said.body) == ("AGENT", "Mira", "A colleague will answer.")
    assert (handed.summary, handed.facts, handed.created_by_type) == (
        "Wants a person",
        {"order": "ORD-1042"},
        "agent",
    )


def test_an_agent_that_lost_its_role_can_still_give_up_but_a_person_cannot(cast, ticket):
    cast.agent.groups.clear()
    cast.rosa.groups.clear()
    with pytest.raises(PermissionDenied):
        hand_over(ticket, cast.rosa)
    assert hand_over(ticket, cast.agent).ticket == ticket


def test_the_house_itself_hands_over_as_an_event(cast, ticket):
    hand_over(ticket, Actor.system("reaper"), reason_code="failure", customer_text="A colleague will answer.")
    assert ticket.messages.last().kind == "EVENT"


def test_a_ticket_is_handed_over_once_and_the_customer_hears_it_once(cast, ticket):
    first = hand_over(ticket, cast.agent, customer_text="A colleague will answer.")
    again = hand_over(ticket, Actor.system("reaper"), customer_text="A colleague will answer.")
    assert again == first and Message.objects.count() == 2


def test_an_agent_may_end_its_sentence_after_handing_over_and_the_ticket_still_waits(cast, ticket):
    hand_over(ticket, cast.agent)
    services.post_reply(ticket=ticket, body="They will be with you soon.", actor=cast.agent)
    ticket.refresh_from_db()
    assert ticket.state == "WAITING_PERSON"


def test_a_job_does_not_move_a_ticket_that_people_hold_but_a_person_does(cast, ticket):
    hand_over(ticket, cast.agent)
    assert services.set_state(ticket=ticket, state="OPEN", actor=cast.agent).state == "WAITING_PERSON"
    assert services.set_state(ticket=ticket, state="OPEN", actor=Actor.system("sweep")).state == "WAITING_PERSON"
    resolved = services.set_state(ticket=ticket, state="RESOLVED", actor=cast.ana)
    assert resolved.state == "RESOLVED" and resolved.resolved_at is not None
    assert HandOver.objects.get().closed_at is not None


def test_every_step_is_in_the_trail_in_order(cast, ticket):
    hand_over(ticket, cast.agent, customer_text="A colleague will answer.")
    services.take_over(ticket=ticket, by=cast.ana)
    services.hand_back(ticket=ticket, by=cast.ana, brief="Go on")
    trail = AuditEntry.objects.filter(ticket=ticket.number).order_by("seq").values_list("action", flat=True)
    assert list(trail)[2:] == [
        "tickets.reply.posted",
        "tickets.ticket.handed_over",
        "tickets.event.posted",
        "tickets.ticket.taken_over",
        "tickets.note.added",
        "tickets.ticket.handed_back",
    ]
