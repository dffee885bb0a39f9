"""Escalation to a person: who is suggested, by when it is answered, what the customer hears while nobody is there."""

from datetime import UTC, datetime, time, timedelta

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from supportagent.staff.models import OpeningHours, Presence
from supportagent.staff.presence import heard_of, set_away
from supportagent.tickets import services
from supportagent.tickets.errors import Conflict, InvalidMessage
from supportagent.tickets.models import HandOver, Message, Skill
from supportagent.tickets.services import holding, waiting

CONNECTING = "I am connecting you to a colleague."
FRIDAY_EVENING = datetime(2026, 3, 27, 17, 30, tzinfo=UTC)  # 18:30 in Berlin; on Sunday the clocks go forward
MONDAY_NINE = datetime(2026, 3, 30, 7, 0, tzinfo=UTC)


@pytest.fixture
def ticket(cast):
    return cast.ticket()


@pytest.fixture
def now(monkeypatch):
    def stand_still(moment):
        monkeypatch.setattr(holding.timezone, "now", lambda: moment)

    return stand_still


def office_hours(team, when_away):
    team.time_zone, team.when_away = "Europe/Berlin", when_away
    team.save()
    for weekday in range(5):
        OpeningHours.objects.create(team=team, weekday=weekday, opens=time(9), closes=time(17))


def hand_over(ticket, actor, **options):
    options = {"reason_code": "customer_asked", "summary": "Wants a person", "customer_text": CONNECTING, **options}
    return services.hand_over(ticket=ticket, actor=actor, **options)


def events(ticket):
    return list(ticket.messages.filter(kind="EVENT").values_list("body", flat=True))


def gone(user):
    Presence.objects.filter(user=user).update(seen_at=timezone.now() - timedelta(minutes=3))


# -- nobody is there ----------------------------------------------------------------------------------


def test_a_team_that_keeps_tickets_says_nothing_more(cast, ticket):
    handed = hand_over(ticket, cast.agent)
    assert handed.suggested_for is None and events(ticket) == []
    assert [message.body for message in ticket.messages.exclude(kind="CUSTOMER")] == [CONNECTING]


def test_a_team_that_is_closed_says_when_it_is_back_and_by_when_it_answers(cast, ticket, now):
    """Over a weekend on which the clocks change, in the team's own time."""
    office_hours(cast.orders, "promise")
    now(FRIDAY_EVENING)
    handed = hand_over(ticket, cast.agent)
    assert handed.due_at == MONDAY_NINE + timedelta(hours=1)
    assert events(ticket) == [
        "Our team is back at 09:00 on Monday, 30 March and answers you by 10:00 on Monday, 30 March "
        "(Europe/Berlin time)."
    ]
    assert list(ticket.messages.order_by("seq").values_list("body", flat=True))[-2] == CONNECTING


def test_a_team_that_is_open_and_not_at_the_desk_promises_a_time_too(cast, ticket, now):
    office_hours(cast.orders, "promise")
    now(MONDAY_NINE)
    hand_over(ticket, cast.agent)
    assert events(ticket) == [
        "Nobody of our team is at the desk right now. The team answers you by 10:00 today (Europe/Berlin time)."
    ]


def test_a_team_that_asks_for_an_address_keeps_it_for_colleagues(cast, ticket):
    cast.orders.when_away = "contact"
    cast.orders.save()
    hand_over(ticket, cast.agent)
    assert "leave an e-mail address" in events(ticket)[0]
    ticket.refresh_from_db()
    assert waiting.contact_of(ticket) == "wanted"
    handed = services.leave_contact(ticket=ticket, email=" ana@home.example ")
    assert handed.contact == "ana@home.example" and waiting.contact_of(ticket) == "left"
    assert "ana@home.example" not in "".join(Message.objects.values_list("body", flat=True))
    entry = AuditEntry.objects.get(action="tickets.hand_over.contact_left")
    assert entry.actor_type == "customer" and "ana@home" not in str(entry.__dict__)


def test_an_address_can_be_corrected_and_is_confirmed_once(cast, ticket):
    cast.orders.when_away = "contact"
    cast.orders.save()
    hand_over(ticket, cast.agent)
    for email in ("ana@home.example", "ana@home.example", "ana@work.example"):
        services.leave_contact(ticket=ticket, email=email)
    assert HandOver.objects.get().contact == "ana@work.example"
    assert events(ticket).count(waiting.CONTACT_SAVED) == 1


@pytest.mark.parametrize("email", ["", "ana", "ana@", "a@b@c.example", "x" * 250 + "@home.example", "a\x00@b.example"])
def test_what_is_no_address_is_refused(cast, ticket, email):
    cast.orders.when_away = "contact"
    cast.orders.save()
    hand_over(ticket, cast.agent)
    with pytest.raises(InvalidMessage, match="e-mail address"):
        services.leave_contact(ticket=ticket, email=email)
    assert HandOver.objects.get().contact == ""


def test_an_address_is_kept_only_while_somebody_waits_for_a_team_that_asks(cast, ticket):
    with pytest.raises(Conflict):
        services.leave_contact(ticket=ticket, email="ana@home.example")
    hand_over(ticket, cast.agent)
    with pytest.raises(Conflict):
        services.leave_contact(ticket=ticket, email="ana@home.example")
    cast.orders.when_away = "contact"
    cast.orders.save()
    services.take_over(ticket=ticket, by=cast.rosa)
    with pytest.raises(Conflict):
        services.leave_contact(ticket=ticket, email="ana@home.example")


@pytest.mark.parametrize("when_away", ["keep", "promise", "contact"])
def test_while_a_colleague_is_there_nothing_is_said_about_being_away(cast, ticket, when_away):
    cast.orders.when_away = when_away
    cast.orders.save()
    heard_of(cast.rosa)
    handed = hand_over(ticket, cast.agent)
    ticket.refresh_from_db()
    assert events(ticket) == [] and handed.suggested_for == cast.rosa
    assert waiting.contact_of(ticket) == ""


def test_a_hand_over_by_the_house_without_words_still_says_that_nobody_is_there(cast, ticket):
    cast.orders.when_away = "promise"
    cast.orders.save()
    hand_over(ticket, cast.rosa, customer_text="")
    assert len(events(ticket)) == 1


def test_nobody_is_told_to_wait_whom_a_person_talks_to_already(cast, ticket):
    cast.orders.when_away = "promise"
    cast.orders.save()
    services.take_over(ticket=ticket, by=cast.rosa)
    handed = hand_over(ticket, cast.rosa)
    assert events(ticket) == ["Rosa from the team has joined"] and handed.suggested_for is None


# -- by when --------------------------------------------------------------------------------------------


def test_the_first_answer_of_a_person_counts_and_an_agents_words_do_not(cast, ticket):
    handed = hand_over(ticket, cast.agent)
    services.post_reply(ticket=ticket, body="They will be with you soon.", actor=cast.agent)
    handed.refresh_from_db()
    assert handed.answered_at is None
    services.take_over(ticket=ticket, by=cast.rosa)
    services.post_reply(ticket=ticket, body="Rosa here.", actor=cast.rosa, kind="PERSON")
    handed.refresh_from_db()
    first = handed.answered_at
    assert first is not None
    services.post_reply(ticket=ticket, body="And again.", actor=cast.rosa, kind="PERSON")
    handed.refresh_from_db()
    assert handed.answered_at == first


def test_a_hand_over_that_ends_without_an_answer_has_none(cast, ticket):
    hand_over(ticket, cast.agent)
    services.take_over(ticket=ticket, by=cast.rosa)
    services.hand_back(ticket=ticket, by=cast.rosa, brief="Go on")
    handed = HandOver.objects.get()
    assert handed.closed_at is not None and handed.answered_at is None


def late(handed, minutes=1):
    HandOver.objects.filter(pk=handed.pk).update(due_at=timezone.now() - timedelta(minutes=minutes))


def test_what_nobody_answered_in_time_is_overdue_once(cast, ticket):
    handed = hand_over(ticket, cast.agent)
    assert services.mark_overdue() == 0
    late(handed)
    assert (services.mark_overdue(), services.mark_overdue()) == (1, 0)
    handed.refresh_from_db()
    assert handed.overdue_since is not None
    assert AuditEntry.objects.filter(action="tickets.hand_over.overdue").count() == 1
    note = ticket.messages.get(kind="NOTE")
    assert "Nobody of the team Orders & returns has answered" in note.body


def test_what_was_answered_or_closed_is_not_overdue(cast, ticket):
    late(hand_over(ticket, cast.agent))
    services.take_over(ticket=ticket, by=cast.rosa)
    services.post_reply(ticket=ticket, body="Rosa here.", actor=cast.rosa, kind="PERSON")
    other = cast.ticket(client_id="second", customer=cast.visitor, assurance="anonymous")
    late(hand_over(other, cast.agent))
    services.set_state(ticket=other, state="CLOSED", actor=cast.rosa)
    assert services.mark_overdue() == 0


def test_being_taken_over_is_not_yet_an_answer(cast, ticket):
    late(hand_over(ticket, cast.agent))
    services.take_over(ticket=ticket, by=cast.rosa)
    assert services.mark_overdue() == 1


# -- to whom --------------------------------------------------------------------------------------------


def test_the_colleague_with_the_skill_is_suggested_before_one_with_less_to_do(cast, ticket):
    carla = cast.person("carla", "Carla", "Support rep", cast.orders)
    for user in (cast.ana, cast.rosa, carla):
        heard_of(user)
    Skill.objects.create(user=cast.rosa, category="technical")  # another one: it does not fit
    Skill.objects.create(user=carla, category="other")
    busy = cast.ticket(client_id="second", customer=cast.visitor, assurance="anonymous")
    services.take_over(ticket=busy, by=carla)
    assert hand_over(ticket, cast.agent).suggested_for == carla


def test_a_skill_in_category_and_language_goes_before_one_in_either(cast, ticket):
    for user in (cast.ana, cast.rosa):
        heard_of(user)
    Skill.objects.create(user=cast.ana, category="other")
    Skill.objects.create(user=cast.ana, category="other", language="de")
    Skill.objects.create(user=cast.rosa, category="other", language="en")
    assert hand_over(ticket, cast.agent).suggested_for == cast.rosa


def test_among_equals_whoever_holds_least_is_suggested(cast, ticket):
    for user in (cast.ana, cast.rosa):
        heard_of(user)
    held = cast.ticket(client_id="second", customer=cast.visitor, assurance="anonymous")
    services.take_over(ticket=held, by=cast.ana)
    assert hand_over(ticket, cast.agent).suggested_for == cast.rosa
    services.set_state(ticket=held, state="CLOSED", actor=cast.ana)
    HandOver.objects.update(suggested_for=None)
    assert services.suggest_again() == 1
    assert HandOver.objects.get().suggested_for == cast.ana, "what is over is no load"


def test_hand_overs_that_nobody_claims_are_spread_over_the_desk(cast, ticket):
    for user in (cast.ana, cast.rosa):
        heard_of(user)
    other = cast.ticket(client_id="second", customer=cast.visitor, assurance="anonymous")
    suggested = {hand_over(each, cast.agent).suggested_for for each in (ticket, other)}
    assert suggested == {cast.ana, cast.rosa}


def test_a_colleague_of_another_team_is_not_suggested(cast, ticket):
    heard_of(cast.piet)
    assert hand_over(ticket, cast.agent).suggested_for is None
    assert services.suggest_again() == 0


def test_when_the_suggested_colleague_goes_away_the_next_is_suggested(cast, ticket):
    heard_of(cast.ana)
    handed = hand_over(ticket, cast.agent)
    assert handed.suggested_for == cast.ana
    heard_of(cast.rosa)
    assert services.suggest_again() == 0, "whoever is here keeps it"
    set_away(cast.ana, True)
    assert (services.suggest_again(), services.suggest_again()) == (1, 0)
    handed.refresh_from_db()
    assert handed.suggested_for == cast.rosa
    gone(cast.rosa)
    assert (services.suggest_again(), services.suggest_again()) == (1, 0)
    handed.refresh_from_db()
    assert handed.suggested_for is None
    heard_of(cast.rosa)
    assert services.suggest_again() == 1


def test_what_somebody_holds_or_answered_is_suggested_to_nobody(cast, ticket):
    hand_over(ticket, cast.agent)
    services.take_over(ticket=ticket, by=cast.ana)
    heard_of(cast.rosa)
    assert services.suggest_again() == 0


def test_suggesting_again_asks_once_while_nothing_changes(cast, django_assert_num_queries):
    tickets = [cast.ticket(client_id=f"m{n}", customer=cast.visitor, assurance="anonymous") for n in range(1)]
    tickets.append(cast.ticket(client_id="other"))
    for ticket in tickets:
        hand_over(ticket, cast.agent)
    with django_assert_num_queries(1):
        assert services.suggest_again() == 0
    heard_of(cast.rosa)
    with django_assert_num_queries(1 + 2 * 2):  # to look for a colleague, and to write down whom
        assert services.suggest_again() == 2


def test_a_language_is_kept_as_tickets_name_it(cast):
    skill = Skill(user=cast.rosa, language=" DE ")
    skill.full_clean()
    assert skill.language == "de"
