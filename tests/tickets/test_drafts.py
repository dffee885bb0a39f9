"""An agent's answer that a person sends, approves or throws away; what overtakes it; and two at once."""

import time

import pytest
from django.core.exceptions import PermissionDenied

from audit.models import AuditEntry
from audit.verification import verify
from supportagent.tickets import services
from supportagent.tickets.errors import Conflict, NotYours
from supportagent.tickets.models import Draft, HandOver, Message, Ticket
from tests.tickets.races import at_once

RUN = "5b0e8c9e-6c5a-4b7e-9a55-0f8e3b1c2d3e"


def answer(cast, ticket, body="We refund you.", kind="approve"):
    return services.save_draft(ticket=ticket, body=body, actor=cast.agent, run_id=RUN, kind=kind)


@pytest.fixture
def ticket(cast):
    return cast.ticket()


def state() -> str:
    return Ticket.objects.get().state


@pytest.mark.parametrize("kind", ["draft", "approve"])
def test_an_agents_answer_waits_for_approval_and_knows_the_category(cast, ticket, kind):
    services.categorise(ticket=ticket, category="payment", priority="low", actor=cast.agent)
    draft = answer(cast, ticket, kind=kind)
    assert (draft.kind, draft.category, state()) == (kind, "payment", "WAITING_APPROVAL")
    assert not Message.objects.filter(kind="AGENT").exists()


def test_what_is_only_proposed_moves_no_ticket(cast, ticket):
    assert services.save_draft(ticket=ticket, body="Hello", actor=cast.rosa).kind == "proposed"
    assert state() == "OPEN"


def test_a_ticket_that_a_person_holds_stays_theirs(cast, ticket):
    services.take_over(ticket=ticket, by=cast.ana)
    answer(cast, ticket)
    assert state() == "WAITING_PERSON"


def test_approved_it_goes_out_as_it_is_in_the_agents_name(cast, ticket):
    draft = answer(cast, ticket)
    message = services.approve_draft(draft=draft, by=cast.rosa, author_name="Mira")
    assert (message.kind, message.author_type, message.author_name) == ("AGENT", "agent", "Mira")
    assert (message.body, str(message.run_id)) == ("We refund you.", RUN)
    draft.refresh_from_db()
    assert (draft.state, draft.edit_distance, draft.decided_by) == ("SENT", 0, cast.rosa)
    assert state() == "WAITING_CUSTOMER"
    entry = AuditEntry.objects.get(action="tickets.draft.sent")
    assert entry.actor_id == str(cast.rosa.pk)
    assert verify().findings == ()


def test_only_what_is_meant_for_it_goes_out_in_the_agents_name(cast, ticket):
    with pytest.raises(Conflict, match="send it in your own"):
        services.approve_draft(draft=answer(cast, ticket, kind="draft"), by=cast.rosa)
    assert Draft.objects.get().state == "OPEN"


def test_a_person_sends_it_in_ones_own_name_without_taking_the_ticket(cast, ticket):
    draft = answer(cast, ticket, kind="draft")
    message = services.send_draft(draft=draft, by=cast.rosa, body="We will refund you!")
    draft.refresh_from_db()
    assert (message.kind, message.author_name) == ("PERSON", "Rosa")
    assert (draft.edit_distance, draft.was_edited) == (6, True)
    ticket.refresh_from_db()
    assert (ticket.state, ticket.assignee) == ("WAITING_CUSTOMER", None)


@pytest.mark.parametrize(("sent", "distance"), [("We refund you.", 0), ("we refund you", 2), ("Zoë 👩‍👩‍👧", 14)])
def test_the_distance_counts_characters(cast, ticket, sent, distance):
    services.send_draft(draft=answer(cast, ticket), by=cast.rosa, body=sent)
    assert Draft.objects.get().edit_distance == distance


def test_two_long_texts_are_compared_in_no_time(cast, ticket):
    draft = answer(cast, ticket, body="abcdefgh" * 1000)
    began = time.monotonic()
    services.send_draft(draft=draft, by=cast.rosa, body="hgfedcba" * 1000)
    assert time.monotonic() - began < 1
    assert 0 < Draft.objects.get().edit_distance <= 8000


def test_a_ticket_that_waits_for_a_person_is_taken_over_before_a_draft_is_sent(cast, ticket):
    draft = answer(cast, ticket)
    services.hand_over(ticket=ticket, reason_code="other", summary="Stuck", actor=cast.agent)
    with pytest.raises(NotYours):
        services.send_draft(draft=draft, by=cast.ana, body="Hello")
    with pytest.raises(Conflict, match="A person has the word"):
        services.approve_draft(draft=draft, by=cast.ana)
    services.take_over(ticket=ticket, by=cast.ana)
    with pytest.raises(Conflict, match="Ana has the word") as refusal:
        services.approve_draft(draft=draft, by=cast.rosa)
    assert refusal.value.by == cast.ana
    with pytest.raises(Conflict, match="Ana holds"):
        services.send_draft(draft=draft, by=cast.rosa, body="Hello")
    assert services.send_draft(draft=draft, by=cast.ana, body="Hello").kind == "PERSON"


def test_a_newer_answer_takes_the_place_of_the_older_and_says_whose_it_is(cast, ticket):
    mine = services.save_draft(ticket=ticket, body="Mine", actor=cast.rosa)
    old = answer(cast, ticket, body="Old")
    new = answer(cast, ticket, body="New", kind="draft")
    for verb in (
        lambda: services.approve_draft(draft=old, by=cast.ana),
        lambda: services.send_draft(draft=old, by=cast.ana, body="Old"),
        lambda: services.discard_draft(draft=old, by=cast.ana),
    ):
        with pytest.raises(Conflict, match="Orders assistant has written a newer draft") as refusal:
            verb()
        assert refusal.value.by == cast.agent
    assert list(Draft.objects.filter(state="OPEN").order_by("pk")) == [mine, new]
    assert AuditEntry.objects.get(action="tickets.draft.superseded").target_id == str(old.pk)


def test_a_customer_who_writes_again_overtakes_the_answer(cast, ticket):
    draft = answer(cast, ticket)
    cast.writes("And one thing more")
    with pytest.raises(Conflict, match="The customer wrote again"):
        services.approve_draft(draft=draft, by=cast.ana)
    with pytest.raises(Conflict, match="The customer wrote again"):
        services.send_draft(draft=draft, by=cast.ana, body="We refund you.")
    assert not Message.objects.filter(kind__in=["AGENT", "PERSON"]).exists()


def test_what_lies_before_a_person_stays_when_the_customer_writes_and_goes_when_the_agents_begin_anew(cast, ticket):
    draft = answer(cast, ticket)
    services.take_over(ticket=ticket, by=cast.ana)
    cast.writes("And one thing more")
    assert Draft.objects.get().state == "OPEN"
    services.hand_back(ticket=ticket, by=cast.ana, brief="Please answer both")
    draft.refresh_from_db()
    assert draft.state == "SUPERSEDED"


def test_an_answer_that_is_thrown_away_leaves_the_customer_to_a_person(cast, ticket):
    services.discard_draft(draft=answer(cast, ticket), by=cast.rosa)
    assert state() == "WAITING_PERSON" and "Rosa threw" in HandOver.objects.get().summary
    services.discard_draft(draft=services.save_draft(ticket=ticket, body="x", actor=cast.rosa), by=cast.rosa)
    assert HandOver.objects.count() == 1


def test_nothing_goes_out_on_a_closed_ticket(cast, ticket):
    draft = answer(cast, ticket)
    Ticket.objects.update(state="CLOSED")
    for verb in (services.approve_draft, lambda **given: services.send_draft(body="Hi", **given)):
        with pytest.raises(Conflict, match="is closed"):
            verb(draft=draft, by=cast.ana)


def test_another_team_and_a_role_without_the_right_approve_nothing(cast, ticket):
    draft = answer(cast, ticket)
    with pytest.raises(NotYours):
        services.approve_draft(draft=draft, by=cast.piet)
    cast.rosa.groups.clear()
    with pytest.raises(PermissionDenied):
        services.approve_draft(draft=draft, by=cast.rosa)
    assert Draft.objects.get().state == "OPEN"


def _one_of(*results):
    """What the winner returned; every other one was told that it came too late."""
    won = [result for result in results if not isinstance(result, Exception)]
    assert all(isinstance(result, Conflict) for result in results if isinstance(result, Exception)), results
    return won


@pytest.mark.django_db(transaction=True)
def test_two_who_approve_at_once_send_it_once(cast):
    draft = answer(cast, cast.ticket())
    assert len(_one_of(*at_once(*(lambda by=by: _approve(draft, by) for by in (cast.ana, cast.rosa))))) == 1
    assert Message.objects.filter(kind="AGENT").count() == 1


@pytest.mark.django_db(transaction=True)
def test_approved_and_discarded_at_once_it_is_one_of_the_two(cast):
    draft = answer(cast, cast.ticket())
    _one_of(
        *at_once(
            lambda: _approve(draft, cast.ana),
            lambda: services.discard_draft(draft=Draft.objects.get(), by=cast.rosa),
        )
    )
    assert Message.objects.filter(kind="AGENT").exists() == (Draft.objects.get().state == "SENT")


@pytest.mark.django_db(transaction=True)
def test_sent_while_a_colleague_claims_it_goes_out_before_the_claim_or_never(cast):
    ticket = cast.ticket()
    draft = answer(cast, ticket)
    at_once(
        lambda: services.take_over(ticket=ticket, by=cast.ana),
        lambda: services.send_draft(draft=Draft.objects.get(), by=cast.rosa, body="Hello"),
        lambda: _approve(draft, cast.rosa),
    )
    said = [kind for kind in ticket.messages.values_list("kind", flat=True) if kind != "CUSTOMER"]
    assert said in (["EVENT"], ["PERSON", "EVENT"], ["AGENT", "EVENT"])


@pytest.mark.django_db(transaction=True)
def test_approved_while_the_customer_writes_it_is_an_answer_to_what_was_there(cast):
    ticket = cast.ticket()
    draft = answer(cast, ticket)
    approved, written = at_once(lambda: _approve(draft, cast.ana), lambda: cast.writes("And one thing more"))
    assert isinstance(written, Message)
    if isinstance(approved, Message):
        assert approved.seq < written.seq
    else:
        assert isinstance(approved, Conflict) and Draft.objects.get().state == "SUPERSEDED"


@pytest.mark.django_db(transaction=True)
def test_approved_while_a_newer_one_is_saved_there_is_one_open_at_most(cast):
    ticket = cast.ticket()
    draft = answer(cast, ticket)
    _one_of(*at_once(lambda: _approve(draft, cast.ana), lambda: answer(cast, ticket, body="Newer")))
    assert Draft.objects.filter(state="OPEN").count() == 1
    assert Draft.objects.get(pk=draft.pk).state in ("SENT", "SUPERSEDED")


def _approve(draft, by):
    return services.approve_draft(draft=Draft.objects.get(pk=draft.pk), by=by)
