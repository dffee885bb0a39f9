"""A customer who comes back soon goes on with the thread that ended."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from supportagent.tickets import services
from supportagent.tickets.models import Ticket


@pytest.fixture
def ended(cast):
    ticket = cast.ticket()
    services.set_state(ticket=ticket, state="RESOLVED", actor=cast.ana)
    return ticket


def ended_ago(ticket, **ago):
    Ticket.objects.filter(pk=ticket.pk).update(resolved_at=timezone.now() - timedelta(**ago))


def test_a_message_within_a_week_opens_a_thread_that_goes_on_with_the_one_that_ended(cast, ended):
    ended_ago(ended, days=6, hours=23)
    again = cast.ticket(body="It broke again")
    assert again.reopens == ended and list(ended.reopened_as.all()) == [again]
    ended.refresh_from_db()
    assert ended.state == "RESOLVED"
    entry = AuditEntry.objects.get(action="tickets.ticket.reopened")
    assert entry.ticket == again.number
    assert cast.writes("And now?").ticket == again
    assert AuditEntry.objects.filter(action="tickets.ticket.reopened").count() == 1


def test_after_a_week_it_is_a_matter_of_its_own(cast, ended):
    ended_ago(ended, days=7, minutes=1)
    assert cast.ticket().reopens is None


def test_the_days_are_a_setting(cast, ended, settings):
    ended_ago(ended, days=2)
    settings.REOPEN_DAYS = 1
    assert cast.ticket().reopens is None


def test_it_goes_on_with_the_newest_of_those_that_ended(cast, ended):
    services.set_state(ticket=ended, state="CLOSED", actor=cast.ana)
    second = cast.ticket()
    services.set_state(ticket=second, state="CLOSED", actor=cast.ana)
    assert cast.ticket().reopens == second


@pytest.mark.parametrize("other", [{"channel": "email"}, {"assurance": "claimed"}])
def test_another_channel_or_somebody_who_only_claims_to_be_the_customer_goes_on_with_nothing(cast, ended, other):
    assert cast.ticket(**other).reopens is None


def test_another_customer_goes_on_with_nothing(cast, ended):
    assert cast.ticket(customer=cast.visitor).reopens is None


def test_what_was_merged_is_not_gone_on_with_but_what_it_was_merged_into_is(cast, ended):
    target = cast.ticket(body="Something else")
    services.merge(ticket=ended, into=target, by=cast.ana)
    services.set_state(ticket=target, state="RESOLVED", actor=cast.ana)
    ended_ago(target, days=1)
    assert cast.ticket().reopens == target
