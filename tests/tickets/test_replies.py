import pytest
from django.core.exceptions import PermissionDenied

from audit.context import Actor
from audit.models import AuditEntry
from supportagent.tickets import services
from supportagent.tickets.errors import Conflict, InvalidMessage, MessageTooLong, NotYours
from supportagent.tickets.models import Draft, Message
from supportagent.tickets.signals import reply_posted


@pytest.fixture
def ticket(cast):
    return cast.ticket()


@pytest.fixture
def heard():
    received = []

    def listener(sender, ticket, message, **kwargs):
        received.append(message.body)

    reply_posted.connect(listener)
    yield received
    reply_posted.disconnect(listener)


def test_an_agents_answer_is_posted_in_its_name_and_waits_for_the_customer(cast, ticket, heard):
    reply = services.post_reply(ticket=ticket, body="It ships today.", actor=cast.agent, author_name="Mira")
    ticket.refresh_from_db()
    assert (reply.kind, reply.author_type, reply.author_name, reply.seq) == ("AGENT", "agent", "Mira", 2)
    assert (ticket.state, ticket.last_seq, heard) == ("WAITING_CUSTOMER", 2, ["It ships today."])
    assert AuditEntry.objects.get(action="tickets.reply.posted").actor_id == str(cast.agent.pk)


def test_an_agent_without_the_permission_answers_nobody(cast, ticket):
    cast.agent.groups.clear()
    with pytest.raises(PermissionDenied, match="You may not reply to a customer"):
        services.post_reply(ticket=ticket, body="Hello", actor=cast.agent)


def test_an_answer_given_while_an_approval_is_pending_leaves_the_ticket_waiting_for_it(cast, ticket):
    services.set_state(ticket=ticket, state="WAITING_APPROVAL", actor=cast.ana)
    services.post_reply(ticket=ticket, body="A colleague is looking at it.", actor=cast.agent)
    ticket.refresh_from_db()
    assert ticket.state == "WAITING_APPROVAL"


def test_an_agent_is_silent_once_a_person_has_joined(cast, ticket):
    services.take_over(ticket=ticket, by=cast.ana)
    with pytest.raises(Conflict, match="Ana holds") as refusal:
        services.post_reply(ticket=ticket, body="Hello", actor=cast.agent)
    assert refusal.value.by == cast.ana


def test_a_person_replies_only_to_a_ticket_that_he_holds(cast, ticket):
    with pytest.raises(NotYours, match=r"Take T-\d+ over first"):
        services.post_reply(ticket=ticket, body="Hello", actor=cast.rosa, kind="PERSON")
    services.take_over(ticket=ticket, by=cast.ana)
    with pytest.raises(Conflict, match="Ana holds"):
        services.post_reply(ticket=ticket, body="Hello", actor=cast.rosa, kind="PERSON")
    reply = services.post_reply(ticket=ticket, body="Hello", actor=cast.ana, kind="PERSON")
    assert (reply.kind, reply.author_name) == ("PERSON", "Ana")


def test_a_colleague_of_another_team_replies_to_nothing_of_ours(cast, ticket):
    for verb in (
        lambda: services.post_reply(ticket=ticket, body="Hello", actor=cast.piet, kind="PERSON"),
        lambda: services.add_note(ticket=ticket, body="Hello", actor=cast.piet),
        lambda: services.take_over(ticket=ticket, by=cast.piet),
        lambda: services.categorise(ticket=ticket, category="other", priority="low", actor=cast.piet),
        lambda: services.set_state(ticket=ticket, state="CLOSED", actor=cast.piet),
    ):
        with pytest.raises(NotYours):
            verb()
    assert Message.objects.count() == 1


def test_an_agent_cannot_pose_as_a_person(cast, ticket):
    with pytest.raises(ValueError, match="only a person"):
        services.post_reply(ticket=ticket, body="Hello", actor=cast.agent, kind="PERSON")
    with pytest.raises(ValueError, match="AGENT or PERSON"):
        services.post_reply(ticket=ticket, body="Hello", actor=cast.agent, kind="EVENT")


def test_nobody_gets_around_a_permission_as_a_bare_actor(cast, ticket):
    with pytest.raises(TypeError, match="must act as a User"):
        services.post_reply(ticket=ticket, body="Hello", actor=Actor.of(cast.piet))


def test_an_empty_or_endless_reply_is_refused(cast, ticket):
    with pytest.raises(InvalidMessage):
        services.post_reply(ticket=ticket, body=" \u200b", actor=cast.agent)
    with pytest.raises(MessageTooLong):
        services.post_reply(ticket=ticket, body="x" * 8001, actor=cast.agent)


def test_a_note_is_not_among_what_the_customer_may_read_and_changes_no_state(cast, ticket, heard):
    services.add_note(ticket=ticket, body="Looks fishy", actor=cast.agent)
    services.post_event(ticket=ticket, body="Your request is being looked at")
    assert [m.kind for m in ticket.messages.for_customer()] == ["CUSTOMER", "EVENT"]
    assert [m.kind for m in ticket.messages.after(1)] == ["NOTE", "EVENT"]
    ticket.refresh_from_db()
    assert ticket.state == "OPEN" and heard == []


def test_a_draft_is_sent_as_edited_and_both_texts_are_kept(cast, ticket, heard):
    draft = services.save_draft(ticket=ticket, body="We refund you.", actor=cast.agent)
    assert Message.objects.count() == 1
    services.take_over(ticket=ticket, by=cast.ana)
    message = services.send_draft(draft=draft, by=cast.ana, body="We will refund you.")
    draft.refresh_from_db()
    assert (message.kind, message.author_name, message.body) == ("PERSON", "Ana", "We will refund you.")
    assert (draft.state, draft.body, draft.sent_body) == ("SENT", "We refund you.", "We will refund you.")
    assert draft.was_edited and draft.decided_by == cast.ana and heard == ["We will refund you."]


def test_a_draft_is_decided_once(cast, ticket):
    draft = services.save_draft(ticket=ticket, body="We refund you.", actor=cast.agent)
    stale = Draft.objects.get()
    services.discard_draft(draft=draft, by=cast.rosa)
    services.take_over(ticket=ticket, by=cast.ana)
    with pytest.raises(Conflict, match="Rosa has already discarded") as refusal:
        services.send_draft(draft=stale, by=cast.ana, body="We refund you.")
    assert refusal.value.by == cast.rosa
    assert not Message.objects.filter(kind="PERSON").exists()


def test_a_draft_is_sent_only_by_who_holds_the_ticket(cast, ticket):
    draft = services.save_draft(ticket=ticket, body="We refund you.", actor=cast.agent)
    with pytest.raises(NotYours):
        services.send_draft(draft=draft, by=cast.ana, body="We refund you.")
    assert Draft.objects.get().state == "OPEN"
