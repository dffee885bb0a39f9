"""A customer who was answered and says no more: after some days the ticket counts as resolved, from the answer on."""

from datetime import timedelta

import pytest
from django.db.models import F
from django.utils import timezone

from audit.models import AuditEntry
from supportagent.tickets import services
from supportagent.tickets.models import Message, Ticket
from supportagent.tickets.services import silence


@pytest.fixture
def answered(cast):
    ticket = cast.ticket()
    services.post_reply(ticket=ticket, body="It arrives tomorrow.", actor=cast.agent)
    return ticket


def go_on(**time):
    """So much time has passed since all that was said."""
    Message.objects.update(created_at=F("created_at") - timedelta(**time))
    Ticket.objects.update(created_at=F("created_at") - timedelta(**time))


def test_it_is_resolved_by_whom_the_records_say_from_the_last_reply_on(cast, answered):
    go_on(hours=71, minutes=59)
    assert services.resolve_silent() == 0
    go_on(minutes=2)
    assert services.resolve_silent() == 1
    assert services.resolve_silent() == 0
    answered.refresh_from_db()
    reply = answered.messages.get(kind="AGENT")
    assert (answered.state, answered.outcome, answered.resolved_at) == ("RESOLVED", "by_ai", reply.created_at)
    entry = AuditEntry.objects.get(action="tickets.ticket.fell_silent")
    assert (entry.actor_type, entry.actor_id, entry.ticket) == ("system", "scheduler", answered.number)
    again = cast.ticket(body="It did not arrive")
    assert again.reopens == answered, "who writes within the days of a reopening goes on with it"


@pytest.mark.parametrize("spoken", ["customer", "person", "nobody"])
def test_it_stays_while_somebody_owes_an_answer_or_has_just_spoken(cast, answered, spoken):
    go_on(hours=100)
    if spoken == "customer":
        cast.writes("And when?")
    elif spoken == "person":
        services.take_over(ticket=answered, by=cast.ana)
        services.post_reply(ticket=answered, body="Still there?", actor=cast.ana, kind="PERSON")
    assert services.resolve_silent() == (spoken == "nobody")


def test_who_writes_at_that_moment_is_heard(cast, answered, monkeypatch):
    go_on(hours=100)

    def meanwhile(ticket):
        cast.writes("Wait!")
        return lock(ticket)

    lock = silence.lock
    monkeypatch.setattr(silence, "lock", meanwhile)
    assert services.resolve_silent() == 0
    answered.refresh_from_db()
    assert (answered.state, answered.resolved_at) == ("OPEN", None)


def test_the_hours_are_a_setting_and_none_means_never(cast, answered, settings):
    go_on(hours=25)
    settings.SILENT_HOURS = 0
    assert services.resolve_silent() == 0
    settings.SILENT_HOURS = 24
    assert services.resolve_silent() == 1
    assert Ticket.objects.get().resolved_at < timezone.now() - timedelta(hours=24)
