"""A request is sorted by an agent, or by a person whose word is the truth against which agents are measured."""

import pytest
from django.core.exceptions import PermissionDenied

from audit.models import AuditEntry
from audit.verification import verify
from supportagent.tickets import accuracy, services
from supportagent.tickets.errors import Conflict, InvalidMessage, NotYours
from supportagent.tickets.models import HandOver, Ticket, Triage, TriageLabel
from supportagent.tickets.signals import message_received


def sort(cast, ticket, **changes):
    usual = {
        "category": "payment",
        "priority": "high",
        "language": "en",
        "sentiment": "calm",
        "team": cast.orders,
        "reason": "Speaks of a card that was charged twice",
        "confidence": 80,
        "threshold": 60,
        "actor": cast.agent,
    }
    return services.triage(ticket=ticket, **{**usual, **changes})


def truth(cast, **changes):
    usual = {"category": "technical", "priority": "low", "language": "de", "sentiment": "calm", "team": cast.orders}
    return {**usual, **changes}


@pytest.fixture
def ticket(cast):
    return cast.ticket()


@pytest.fixture
def told(monkeypatch):
    groups = []
    monkeypatch.setattr("supportagent.tickets.services.base.publish", lambda group, payload: groups.append(group))
    return groups


def test_sorting_sets_the_ticket_and_keeps_how_sure_the_agent_was(cast, ticket):
    row = sort(cast, ticket, language="PT-br", sentiment="angry")
    ticket.refresh_from_db()
    assert (ticket.category, ticket.priority, ticket.language, ticket.sentiment) == (
        "payment",
        "high",
        "pt-BR",
        "angry",
    )
    assert (row.confidence, row.threshold, row.is_sure, row.author) == (80, 60, True, cast.agent)
    assert not ticket.held_by_person
    entry = AuditEntry.objects.get(action="tickets.ticket.triaged")
    assert entry.target_id == str(row.pk) and b"charged twice" not in bytes(entry.leaf)
    assert verify().findings == ()


def test_both_teams_hear_of_a_ticket_that_moves(cast, ticket, told):
    sort(cast, ticket, team=cast.partners)
    assert Ticket.objects.get().team == cast.partners
    assert {f"tickets.team.{cast.orders.pk}", f"tickets.team.{cast.partners.pk}"} <= set(told)


def test_an_agent_that_is_not_sure_asks_a_person_and_the_ticket_stays_where_it_is(cast, ticket):
    sort(cast, ticket, confidence=59, team=cast.partners)
    ticket.refresh_from_db()
    handed = HandOver.objects.get()
    assert (ticket.team, ticket.category, ticket.held_by_person) == (cast.orders, "payment", True)
    assert handed.reason_code == "unsorted" and "Partner desk" in handed.facts["guess"]
    assert ticket.messages.filter(kind="AGENT").count() == 1
    sort(cast, ticket, confidence=10)
    assert HandOver.objects.count() == 1 and ticket.messages.filter(kind="AGENT").count() == 1


@pytest.mark.parametrize(("confidence", "sure"), [(60, True), (59, False), (0, False), (100, True)])
def test_the_threshold_itself_is_sure_enough(cast, ticket, confidence, sure):
    assert sort(cast, ticket, confidence=confidence).is_sure is sure


def test_sorted_again_it_has_a_second_row_and_the_first_stays(cast, ticket):
    first, second = sort(cast, ticket), sort(cast, ticket, category="technical")
    assert list(ticket.triages.all()) == [second, first]
    assert Ticket.objects.get().category == "technical"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("category", "refunds"),
        ("priority", "asap"),
        ("sentiment", ""),
        ("language", "klingon"),
        ("language", "e"),
        ("language", "en_US"),
        ("language", "en\n"),
        ("reason", " \u200b"),
        ("confidence", 101),
        ("confidence", -1),
        ("confidence", True),
        ("confidence", "80"),
        ("threshold", 101),
        ("team", None),
    ],
)
def test_what_is_outside_its_vocabulary_is_refused_and_nothing_is_kept(cast, ticket, field, value):
    with pytest.raises(InvalidMessage):
        sort(cast, ticket, **{field: value})
    assert not Triage.objects.exists() and Ticket.objects.get().category == "other"


def test_an_agent_does_not_sort_what_is_over_or_in_a_persons_hands(cast, ticket):
    services.take_over(ticket=ticket, by=cast.ana)
    with pytest.raises(Conflict, match="Ana holds") as refusal:
        sort(cast, ticket, team=cast.partners)
    assert refusal.value.by == cast.ana
    services.set_state(ticket=ticket, state="CLOSED", actor=cast.ana)
    with pytest.raises(Conflict, match="already closed"):
        sort(cast, ticket)


def test_without_the_permission_nothing_is_sorted(cast, ticket):
    cast.agent.groups.clear()
    with pytest.raises(PermissionDenied):
        sort(cast, ticket)
    with pytest.raises(NotYours):
        sort(cast, ticket, actor=cast.piet)


def test_a_persons_word_corrects_the_ticket_and_the_last_one_counts(cast, ticket, told):
    row = sort(cast, ticket)
    services.label_triage(triage=row, by=cast.rosa, **truth(cast, category="complaint"))
    label = services.label_triage(triage=row, by=cast.ana, **truth(cast, team=cast.partners))
    ticket.refresh_from_db()
    assert TriageLabel.objects.get() == label and label.by == cast.ana
    assert (ticket.category, ticket.language, ticket.team) == ("technical", "de", cast.partners)
    assert f"tickets.team.{cast.orders.pk}" in told
    assert Triage.objects.get().category == "payment"
    assert AuditEntry.objects.filter(action="tickets.triage.labelled").count() == 2
    assert verify().findings == ()


def test_a_label_of_an_older_triage_leaves_the_ticket_as_it_is(cast, ticket):
    old = sort(cast, ticket)
    sort(cast, ticket, category="complaint")
    services.label_triage(triage=old, by=cast.ana, **truth(cast))
    assert Ticket.objects.get().category == "complaint"


def test_a_label_is_refused_to_other_teams_to_agents_and_outside_the_vocabulary(cast, ticket):
    row = sort(cast, ticket)
    with pytest.raises(NotYours):
        services.label_triage(triage=row, by=cast.piet, **truth(cast))
    with pytest.raises(ValueError, match="only a person"):
        services.label_triage(triage=row, by=cast.agent, **truth(cast))
    with pytest.raises(InvalidMessage, match="category must be one of"):
        services.label_triage(triage=row, by=cast.ana, **truth(cast, category="x"))
    assert not TriageLabel.objects.exists()


def test_a_ticket_is_not_moved_out_of_its_holders_sight(cast, ticket):
    row = sort(cast, ticket)
    services.take_over(ticket=ticket, by=cast.ana)
    with pytest.raises(Conflict, match="does not see Partner desk"):
        services.label_triage(triage=row, by=cast.rosa, **truth(cast, team=cast.partners))
    assert not TriageLabel.objects.exists() and Ticket.objects.get().team == cast.orders


@pytest.fixture
def given_back():
    received = []

    def heard(sender, ticket, message, **kwargs):
        received.append((message.body, message.for_agents, ticket.team.slug, ticket.held_by_person))

    message_received.connect(heard)
    yield received
    message_received.disconnect(heard)


def test_whoever_sorts_an_unsorted_request_gives_it_back_with_a_brief_without_taking_it(cast, ticket, given_back):
    row = sort(cast, ticket, confidence=10)
    services.sort_and_return(triage=row, by=cast.ana, **truth(cast, team=cast.partners))
    ticket.refresh_from_db()
    assert (ticket.team, ticket.category, ticket.state) == (cast.partners, "technical", "OPEN")
    assert HandOver.objects.get().closed_by == cast.ana
    assert given_back == [("Sorted by Ana: Technical fault, priority low, for Partner desk.", True, "partners", False)]
    assert verify().findings == ()


def test_whoever_holds_it_may_give_it_back_with_words_of_ones_own(cast, ticket, given_back):
    row = sort(cast, ticket, confidence=10)
    services.take_over(ticket=ticket, by=cast.ana)
    services.sort_and_return(triage=row, by=cast.ana, **truth(cast, team=cast.partners), brief="It is the kettle")
    assert [said[0] for said in given_back] == ["It is the kettle"]
    assert Ticket.objects.get().assignee is None


def test_sorting_and_giving_back_needs_a_ticket_that_waits_for_a_person(cast, ticket):
    row = sort(cast, ticket)
    with pytest.raises(Conflict, match="with the agents already"):
        services.sort_and_return(triage=row, by=cast.ana, **truth(cast))
    services.take_over(ticket=ticket, by=cast.rosa)
    with pytest.raises(Conflict, match="Rosa holds"):
        services.sort_and_return(triage=row, by=cast.ana, **truth(cast))
    services.set_state(ticket=ticket, state="RESOLVED", actor=cast.rosa)
    with pytest.raises(Conflict, match="already resolved"):
        services.sort_and_return(triage=row, by=cast.rosa, **truth(cast))
    assert not TriageLabel.objects.exists()


def test_accuracy_by_category_as_it_was_worked_out_by_hand(cast):
    """Said to be payment: 4, 3 of them truly (0.3006-0.9544). Truly payment: 5, 3 of them found (0.2307-0.8824)."""
    pairs = [("payment", "payment")] * 3 + [("payment", "complaint")] + [("other", "payment")] * 2
    rows = {row.category: row for row in accuracy.accuracy(pairs)}
    assert set(rows) == set(Ticket.Category.values)
    payment = rows["payment"]
    assert (payment.labelled, payment.claimed, payment.right, payment.label) == (5, 4, 3, "Payment")
    assert (payment.precision.value, payment.recall.value) == (0.75, 0.6)
    assert payment.precision.interval == pytest.approx((0.3006, 0.9544), abs=1e-4)
    assert payment.recall.interval == pytest.approx((0.2307, 0.8824), abs=1e-4)
    assert rows["exchange"].precision.value is None and rows["exchange"].recall.interval == (0.0, 1.0)
    assert rows["complaint"].recall.value == 0 and rows["complaint"].recall.interval[0] == 0
    assert accuracy.overall(rows.values()) == accuracy.Share(3, 6)


def test_the_labels_are_counted_in_one_query(cast, ticket, django_assert_num_queries):
    for category in ("payment", "technical", "technical"):
        row = sort(cast, ticket, category=category)
        services.label_triage(triage=row, by=cast.ana, **truth(cast))
    with django_assert_num_queries(1):
        rows = {row.category: row for row in accuracy.triage_accuracy()}
    assert (rows["technical"].labelled, rows["technical"].right, rows["technical"].claimed) == (3, 2, 2)
