"""A ticket ends with an outcome that a person says and the records suggest, and time closes what was resolved."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from audit.models import AuditEntry
from audit.verification import verify
from supportagent.tickets import services
from supportagent.tickets.errors import Conflict, InvalidMessage, NotYours
from supportagent.tickets.models import Draft, HandOver, Ticket
from supportagent.tickets.signals import ticket_ended
from tests.tickets.races import at_once


@pytest.fixture
def ticket(cast):
    return cast.ticket()


def answered(cast, ticket, body="It ships today."):
    services.post_reply(ticket=ticket, body=body, actor=cast.agent)


def handed_over(cast, ticket):
    services.hand_over(
        ticket=ticket, reason_code="other", summary="Stuck", actor=cast.agent, customer_text="A colleague will answer."
    )


def test_closing_says_who_solved_it_and_ends_what_was_open(cast, ticket):
    handed_over(cast, ticket)
    draft = services.save_draft(ticket=ticket, body="Hm", actor=cast.agent, kind="draft")
    services.take_over(ticket=ticket, by=cast.ana)
    heard = []

    def ended(sender, ticket, by, why, **kwargs):
        heard.append((by, why))

    ticket_ended.connect(ended)
    closed = services.close(ticket=ticket, by=cast.ana, outcome="by_person")
    ticket_ended.disconnect(ended)
    draft.refresh_from_db()
    assert (closed.state, closed.outcome, draft.state) == ("RESOLVED", "by_person", "SUPERSEDED")
    assert closed.resolved_at is not None and HandOver.objects.get().closed_by == cast.ana
    assert heard == [(cast.ana, "closed")]
    entry = AuditEntry.objects.get(action="tickets.ticket.closed")
    assert b'"suggested":"not_resolved"' in bytes(entry.leaf).replace(b" ", b"")
    assert verify().findings == ()


@pytest.mark.parametrize(
    ("outcome", "resolved", "state"),
    [("by_ai", True, "RESOLVED"), ("by_ai", False, "CLOSED"), ("not_resolved", True, "CLOSED")],
)
def test_what_nobody_solved_is_closed_and_never_resolved(cast, ticket, outcome, resolved, state):
    assert services.close(ticket=ticket, by=cast.ana, outcome=outcome, resolved=resolved).state == state


def test_a_resolved_ticket_may_get_another_outcome_and_a_closed_one_not(cast, ticket):
    services.close(ticket=ticket, by=cast.ana, outcome="by_ai")
    before = Ticket.objects.get().resolved_at
    closed = services.close(ticket=ticket, by=cast.rosa, outcome="with_help", resolved=False)
    assert (closed.state, closed.outcome, closed.resolved_at) == ("CLOSED", "with_help", before)
    with pytest.raises(Conflict, match="already closed"):
        services.close(ticket=ticket, by=cast.ana, outcome="by_ai")


def test_opened_again_it_has_no_outcome(cast, ticket):
    services.close(ticket=ticket, by=cast.ana, outcome="by_ai", resolved=False)
    services.set_state(ticket=ticket, state="OPEN", actor=cast.ana)
    reopened = Ticket.objects.get()
    assert (reopened.outcome, reopened.resolved_at) == ("", None)


def test_who_may_not_close_it(cast, ticket):
    with pytest.raises(NotYours):
        services.close(ticket=ticket, by=cast.piet, outcome="by_ai")
    with pytest.raises(InvalidMessage, match="outcome must be one of"):
        services.close(ticket=ticket, by=cast.ana, outcome="magic")
    with pytest.raises(ValueError, match="only a person"):
        services.close(ticket=ticket, by=cast.agent, outcome="by_ai")
    services.take_over(ticket=ticket, by=cast.rosa)
    with pytest.raises(Conflict, match="Rosa holds"):
        services.close(ticket=ticket, by=cast.ana, outcome="by_ai")
    cast.rosa.groups.clear()
    with pytest.raises(PermissionDenied):
        services.close(ticket=ticket, by=cast.rosa, outcome="by_ai")
    assert Ticket.objects.get().state == "WAITING_PERSON"


def nothing(cast, ticket):
    pass


def given_up(cast, ticket):
    handed_over(cast, ticket)


def person_answers(cast, ticket):
    handed_over(cast, ticket)
    services.take_over(ticket=ticket, by=cast.ana)
    services.post_reply(ticket=ticket, body="Done.", actor=cast.ana, kind="PERSON")


def handed_back(cast, ticket):
    handed_over(cast, ticket)
    services.take_over(ticket=ticket, by=cast.ana)
    services.hand_back(ticket=ticket, by=cast.ana, brief="Go on")
    answered(cast, ticket)


def approved(cast, ticket):
    draft = services.save_draft(ticket=ticket, body="It ships.", actor=cast.agent, kind="approve")
    services.approve_draft(draft=draft, by=cast.ana)


def sent_in_a_persons_name(cast, ticket):
    draft = services.save_draft(ticket=ticket, body="It ships.", actor=cast.agent, kind="draft")
    services.send_draft(draft=draft, by=cast.ana, body="It ships!")


def agent_began_person_ended(cast, ticket):
    answered(cast, ticket)
    services.take_over(ticket=ticket, by=cast.ana)
    services.post_reply(ticket=ticket, body="Done.", actor=cast.ana, kind="PERSON")


@pytest.mark.parametrize(
    ("story", "outcome"),
    [
        (nothing, "not_resolved"),
        (answered, "by_ai"),
        (given_up, "not_resolved"),
        (person_answers, "by_person"),
        (handed_back, "with_help"),
        (approved, "with_help"),
        (sent_in_a_persons_name, "with_help"),
        (agent_began_person_ended, "by_person"),
    ],
)
def test_the_records_suggest_who_solved_it(cast, ticket, story, outcome, django_assert_max_num_queries):
    story(cast, ticket)
    with django_assert_max_num_queries(5):
        assert services.suggested_outcome(ticket) == outcome


def resolved_ago(cast, ticket, **ago):
    services.set_state(ticket=ticket, state="RESOLVED", actor=cast.ana)
    Ticket.objects.filter(pk=ticket.pk).update(resolved_at=timezone.now() - timedelta(**ago))


def test_what_was_resolved_a_week_ago_is_closed_and_keeps_its_outcome(cast, ticket):
    services.close(ticket=ticket, by=cast.ana, outcome="by_ai")
    resolved_ago(cast, ticket, days=7, minutes=1)
    before = Ticket.objects.get().updated_at
    assert (services.close_resolved(), services.close_resolved()) == (1, 0)
    closed = Ticket.objects.get()
    assert (closed.state, closed.outcome, closed.updated_at) == ("CLOSED", "by_ai", before)
    entry = AuditEntry.objects.filter(action="tickets.ticket.state_changed").latest("pk")
    assert (entry.actor_type, entry.ticket) == ("system", ticket.number)


def test_what_was_resolved_lately_or_opened_again_stays(cast, ticket):
    resolved_ago(cast, ticket, days=6)
    assert services.close_resolved() == 0
    resolved_ago(cast, ticket, days=8)
    services.set_state(ticket=ticket, state="OPEN", actor=cast.ana)
    assert services.close_resolved() == 0 and Ticket.objects.get().state == "OPEN"


@pytest.mark.django_db(transaction=True)
def test_two_schedulers_close_a_ticket_once(cast):
    ticket = cast.ticket()
    resolved_ago(cast, ticket, days=8)
    assert sorted(at_once(services.close_resolved, services.close_resolved)) == [0, 1]
    closings = AuditEntry.objects.filter(action="tickets.ticket.state_changed", actor_type="system")
    assert closings.count() == 1


@pytest.mark.django_db(transaction=True)
def test_closed_and_answered_at_once_an_answer_is_in_before_the_end_or_refused(cast):
    ticket = cast.ticket()
    draft = services.save_draft(ticket=ticket, body="It ships.", actor=cast.agent, kind="approve")
    closed, sent = at_once(
        lambda: services.close(ticket=ticket, by=cast.ana, outcome="not_resolved"),
        lambda: services.approve_draft(draft=Draft.objects.get(), by=cast.rosa),
    )
    assert isinstance(closed, Ticket), closed
    assert Ticket.objects.get().state == "CLOSED"
    draft.refresh_from_db()
    assert draft.state == ("SUPERSEDED" if isinstance(sent, Conflict) else "SENT")
