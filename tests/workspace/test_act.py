"""What people do to a ticket on its page, and how each refusal reads."""

from typing import Any

import pytest
from django.test import Client

from audit.models import AuditEntry
from supportagent.tickets import services
from supportagent.tickets.models import Draft, Message, Ticket
from tests.world import World


def post(client: Client, ticket: Ticket, what: str, **data: str) -> Any:
    return client.post(f"/console/tickets/{ticket.number}/{what}/", data)


def test_a_person_takes_over_replies_and_hands_back(world: World, ticket: Ticket, browser: Any) -> None:
    rosa = browser(world.rosa)
    assert post(rosa, ticket, "take-over").status_code == 302
    assert post(rosa, ticket, "reply", body="I am looking into it.").status_code == 302
    assert post(rosa, ticket, "hand-back", body="Parcel found, tell them Friday.").status_code == 302

    ticket.refresh_from_db()
    kinds = list(ticket.messages.order_by("seq").values_list("kind", "body"))
    assert ticket.assignee is None
    assert (Message.Kind.PERSON, "I am looking into it.") in kinds
    assert (Message.Kind.NOTE, "Parcel found, tell them Friday.") in kinds
    assert AuditEntry.objects.filter(action="tickets.reply.posted", actor_id=str(world.rosa.pk)).count() == 1


def test_the_second_who_takes_over_sees_who_was_first(world: World, held: Ticket, browser: Any) -> None:
    answer = post(browser(world.ana), held, "take-over")
    assert answer.status_code == 409
    assert "Rosa Lind has already taken" in answer.content.decode()
    held.refresh_from_db()
    assert held.assignee == world.rosa


def test_a_hand_back_without_a_brief_is_asked_for_again_in_its_place(world: World, held: Ticket, browser: Any) -> None:
    answer = post(browser(world.rosa), held, "hand-back", body=" ")
    assert answer.status_code == 422
    assert 'aria-describedby="brief-error"' in answer.content.decode()
    held.refresh_from_db()
    assert held.assignee == world.rosa


@pytest.mark.parametrize("body", ["", "   \n ", "\u200b\u2060"])
def test_an_empty_reply_is_refused_and_nothing_is_sent(world: World, held: Ticket, browser: Any, body: str) -> None:
    before = held.messages.count()
    assert post(browser(world.rosa), held, "reply", body=body).status_code == 422
    assert held.messages.count() == before


def test_a_reply_that_is_too_long_is_refused_with_its_text_kept(world: World, held: Ticket, browser: Any) -> None:
    answer = post(browser(world.rosa), held, "reply", body="long " * 2_000)
    assert answer.status_code == 413
    page = answer.content.decode()
    assert "at most 8000 are accepted" in page
    assert "long " * 2_000 in page


def test_a_reply_needs_the_ticket_in_ones_hands_and_the_text_is_not_lost(
    world: World, ticket: Ticket, browser: Any
) -> None:
    answer = post(browser(world.rosa), ticket, "reply", body="Typed with care.")
    assert answer.status_code == 403
    page = answer.content.decode()
    assert f"Take {ticket.number} over first." in page
    assert "Typed with care." in page
    assert not ticket.messages.filter(kind=Message.Kind.PERSON).exists()


def test_a_reply_to_a_ticket_that_a_colleague_holds_names_the_colleague(
    world: World, held: Ticket, browser: Any
) -> None:
    answer = post(browser(world.ana), held, "reply", body="Me too.")
    assert answer.status_code == 409
    assert "Rosa Lind holds" in answer.content.decode()


def test_while_the_agent_answers_the_page_offers_a_note_and_no_reply(
    world: World, ticket: Ticket, browser: Any
) -> None:
    page = browser(world.rosa).get(f"/console/tickets/{ticket.number}/").content.decode()
    assert 'data-testid="note-composer"' in page
    assert 'data-testid="reply-composer"' not in page


def test_a_note_stands_on_the_page_and_never_before_the_customer(world: World, ticket: Ticket, browser: Any) -> None:
    rosa = browser(world.rosa)
    assert post(rosa, ticket, "note", body="Customer is a reseller.").status_code == 302
    page = rosa.get(f"/console/tickets/{ticket.number}/").content.decode()
    assert "Customer is a reseller." in page
    assert "not visible to the customer" in page
    assert not ticket.messages.for_customer().filter(body__contains="reseller").exists()


def test_a_draft_is_edited_and_sent_and_both_texts_are_kept(world: World, held: Ticket, browser: Any) -> None:
    draft = services.save_draft(ticket=held, body="Deer customer", actor=world.agent.service_user)
    rosa = browser(world.rosa)
    assert "Deer customer" in rosa.get(f"/console/tickets/{held.number}/").content.decode()
    assert post(rosa, held, f"drafts/{draft.pk}/send", body="Dear customer").status_code == 302

    draft.refresh_from_db()
    assert (draft.state, draft.body, draft.sent_body) == (Draft.State.SENT, "Deer customer", "Dear customer")
    assert world.replies(held) == ["Dear customer"]


def test_a_draft_that_was_discarded_meanwhile_is_not_sent(world: World, held: Ticket, browser: Any) -> None:
    draft = services.save_draft(ticket=held, body="Hello", actor=world.agent.service_user)
    assert post(browser(world.ana), held, f"drafts/{draft.pk}/discard").status_code == 302
    answer = post(browser(world.rosa), held, f"drafts/{draft.pk}/send", body="Hello, edited")
    assert answer.status_code == 409
    assert "Ana Ruiz has already discarded" in answer.content.decode()
    assert "Hello, edited" in answer.content.decode()
    assert world.replies(held) == []


def test_a_draft_of_another_ticket_is_not_here(world: World, held: Ticket, browser: Any) -> None:
    other = world.write("Another matter", assurance=Ticket.Assurance.CLAIMED)
    draft = services.save_draft(ticket=other, body="Hello", actor=world.agent.service_user)
    assert post(browser(world.rosa), held, f"drafts/{draft.pk}/discard").status_code == 404
    draft.refresh_from_db()
    assert draft.state == Draft.State.OPEN


def test_a_reply_may_be_kept_as_a_draft(world: World, held: Ticket, browser: Any) -> None:
    assert post(browser(world.rosa), held, "drafts", body="To be finished").status_code == 302
    assert held.drafts.get().body == "To be finished"
    assert world.replies(held) == []


def test_a_ticket_is_resolved_opened_again_and_closed(world: World, held: Ticket, browser: Any) -> None:
    rosa = browser(world.rosa)
    for state in ("RESOLVED", "OPEN", "RESOLVED", "CLOSED"):
        assert post(rosa, held, "state", state=state).status_code == 302
        held.refresh_from_db()
        assert held.state == state


@pytest.mark.parametrize("state", ["", "WAITING_APPROVAL", "nonsense"])
def test_a_state_that_nobody_sets_by_hand_is_refused(world: World, held: Ticket, browser: Any, state: str) -> None:
    assert post(browser(world.rosa), held, "state", state=state).status_code == 422
    held.refresh_from_db()
    assert held.state == Ticket.State.WAITING_PERSON


def test_nobody_resolves_a_ticket_out_of_a_colleagues_hands(world: World, held: Ticket, browser: Any) -> None:
    answer = post(browser(world.ana), held, "state", state="RESOLVED")
    assert answer.status_code == 409
    assert "Rosa Lind holds" in answer.content.decode()
    held.refresh_from_db()
    assert not held.is_over


ACTIONS = ["take-over", "hand-back", "reply", "note", "drafts", "state"]


@pytest.mark.parametrize("what", ACTIONS)
def test_who_may_only_read_is_refused_and_changes_nothing(
    world: World, ticket: Ticket, browser: Any, what: str
) -> None:
    before = (ticket.messages.count(), AuditEntry.objects.count())
    answer = post(browser(world.auditor), ticket, what, body="x", state="CLOSED")
    assert answer.status_code == 403
    assert (ticket.messages.count(), AuditEntry.objects.count()) == before


@pytest.mark.parametrize("what", ACTIONS)
def test_without_the_forms_token_nothing_happens(world: World, ticket: Ticket, what: str) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.rosa)
    assert post(client, ticket, what, body="x").status_code == 403
    ticket.refresh_from_db()
    assert ticket.assignee is None
    assert ticket.last_seq == 1


@pytest.mark.parametrize("what", ACTIONS)
def test_actions_are_posts_of_people_who_are_logged_in(world: World, ticket: Ticket, browser: Any, what: str) -> None:
    assert browser(world.rosa).get(f"/console/tickets/{ticket.number}/{what}/").status_code == 405
    answer = post(Client(), ticket, what, body="x")
    assert answer.status_code == 302
    assert answer["Location"].startswith("/admin/login/")
    assert ticket.messages.count() == 1
