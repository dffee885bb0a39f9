"""A customer says what they thought of a conversation that has ended, and a colleague takes care of what was bad."""

from datetime import timedelta

import pytest
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from audit.models import AuditEntry
from supportagent.tickets import services
from supportagent.tickets.errors import Conflict, InvalidMessage, MessageTooLong, NotYours
from supportagent.tickets.models import Rating, SkippedRating, Ticket
from supportagent.tickets.services.rating import is_wanted
from tests.tickets.races import at_once


@pytest.fixture
def ended(cast):
    return services.close(ticket=cast.ticket(), by=cast.ana, outcome="by_person")


def rate(ended, score, comment="", customer=None):
    return services.rate(ticket=ended, customer=customer or ended.customer, score=score, comment=comment)


def ago(row, **fields):
    type(row).objects.filter(pk=row.pk).update(**{name: timezone.now() - gone for name, gone in fields.items()})


def entries(action="tickets.ticket.rated"):
    return list(AuditEntry.objects.filter(action=action).order_by("pk"))


def test_a_rating_is_a_whole_number_from_one_to_five_with_a_short_comment(ended):
    for score in (0, 6, -1, True, 4.0, "4"):
        with pytest.raises(InvalidMessage, match="1 to 5"):
            rate(ended, score)
    with pytest.raises(MessageTooLong):
        rate(ended, 4, "x" * 2001)
    assert not Rating.objects.exists()
    rate(ended, 4, "  Thanks\r\n ")
    assert (Rating.objects.get().score, Rating.objects.get().comment) == (4, "Thanks")
    [entry] = entries()
    assert (entry.actor_type, entry.ticket) == ("customer", ended.number)
    assert b"Thanks" not in bytes(entry.leaf)


def test_only_the_customer_rates_and_only_a_thread_that_ended_lately(cast, ended):
    with pytest.raises(NotYours):
        rate(ended, 1, customer=cast.visitor)
    going_on = cast.ticket(body="Something else")
    with pytest.raises(Conflict, match="goes on"):
        rate(going_on, 5)
    Ticket.objects.filter(pk=going_on.pk).update(merged_into=ended, state="CLOSED", resolved_at=timezone.now())
    with pytest.raises(Conflict, match="merged"):
        rate(going_on, 5)
    inside = services.open_ticket(
        customer=cast.customer, subject="Hm", body="Hm", actor=cast.ana, team=cast.orders, category="other"
    )
    Ticket.objects.filter(pk=inside.pk).update(state="CLOSED", resolved_at=timezone.now())
    with pytest.raises(NotYours):
        rate(inside, 5)
    ago(ended, resolved_at=timedelta(days=7, minutes=1))
    with pytest.raises(Conflict, match="7 days"):
        rate(ended, 5)
    assert not Rating.objects.exists()


def test_a_rating_changes_within_a_day_and_then_stands(cast, ended):
    first = rate(ended, 2, "Slow")
    services.take_care(rating=first, by=cast.rosa, note="Called them", shown=0)
    assert rate(ended, 2, "Slow").changes == 0 and len(entries()) == 1  # sent twice
    changed = rate(ended, 1, "And wrong")
    assert (changed.changes, changed.cared_by, changed.care_note) == (1, None, "")
    assert b'"before":2' in bytes(entries()[-1].leaf).replace(b" ", b"")
    ago(changed, created_at=timedelta(days=1, minutes=1))
    with pytest.raises(Conflict, match="for a day"):
        rate(ended, 5)
    assert Rating.objects.get().score == 1


def test_the_customer_is_asked_until_they_have_said_or_skipped_it(cast, ended):
    going_on = cast.ticket(body="Something else")
    assert (is_wanted(ended), is_wanted(going_on)) == (True, False)
    for _ in range(2):
        services.skip_rating(ticket=ended, customer=cast.customer)
    assert not is_wanted(ended) and SkippedRating.objects.count() == 1
    assert len(entries("tickets.rating.skipped")) == 1
    with pytest.raises(NotYours):
        services.skip_rating(ticket=ended, customer=cast.visitor)
    services.set_state(ticket=ended, state="OPEN", actor=cast.ana)
    again = services.close(ticket=ended, by=cast.ana, outcome="by_person")
    assert not is_wanted(again)  # never twice for a ticket


def test_a_low_rating_is_taken_care_of_once_by_somebody_who_saw_what_it_says(cast, ended):
    rating = rate(ended, 1, "Nobody answered")
    care = {"rating": rating, "note": "Called them", "shown": 0}
    for who, refused in (
        (cast.piet, NotYours),
        (cast.person("otto", "Otto", "Auditor", cast.orders), PermissionDenied),
    ):
        with pytest.raises(refused):
            services.take_care(by=who, **care)
    with pytest.raises(InvalidMessage, match="what you did"):
        services.take_care(by=cast.rosa, **care | {"note": " \u200b "})
    with pytest.raises(Conflict, match="has changed"):
        services.take_care(by=cast.rosa, **care | {"shown": 1})
    services.take_care(by=cast.rosa, **care)
    with pytest.raises(Conflict, match="Rosa has taken care") as caught:
        services.take_care(by=cast.ana, **care)
    assert caught.value.by == cast.rosa
    assert [entry.actor_id for entry in entries("tickets.rating.cared_for")] == [str(cast.rosa.pk)]
    assert not Rating.objects.waiting().exists()
    rate(ended, 4)
    with pytest.raises(Conflict, match="not a low one"):
        services.take_care(by=cast.ana, **care | {"shown": 1})


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_care_at_once_one_reads_who_was_first(cast):
    ended = services.close(ticket=cast.ticket(), by=cast.ana, outcome="by_person")
    rating = rate(ended, 1)
    both = at_once(
        *(lambda by=by: services.take_care(rating=rating, by=by, note="Mine", shown=0) for by in (cast.ana, cast.rosa))
    )
    assert sorted(type(each).__name__ for each in both) == ["Conflict", "Rating"]
    assert len(entries("tickets.rating.cared_for")) == 1
