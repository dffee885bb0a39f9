"""What a person finds on the list and on a ticket's page, and what stays out of sight."""

from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from supportagent.tickets import services
from supportagent.tickets.models import Customer, Message, Ticket
from supportagent.workspace import queries, thread
from tests.world import World, team

LIST = "/console/tickets/"


def page_of(client: Any, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, path
    return answer.content.decode()


def another(world: World, subject: str = "A matter of its own", **changes: Any) -> Ticket:
    customer = Customer.objects.create(reference=f"CUS-{uuid4().hex[:8]}", name="Zoë Zebra", email="zoe@example.com")
    return world.write(subject, customer=customer, **changes)


def test_each_part_of_the_list_counts_what_it_shows(world: World, held: Ticket, browser: Any) -> None:
    another(world)
    services.set_state(ticket=another(world), state="CLOSED", actor=world.rosa)
    counted = {split.key: number for split, number in queries.counts(world.rosa)}
    nothing = {"suggested": 0, "drafts": 0, "approval": 0}
    assert counted == {"mine": 1, "person": 1, "open": 2, "all": 3, "closed": 1} | nothing
    for key, number in counted.items():
        page = page_of(browser(world.rosa), f"{LIST}?split={key}")
        assert page.count('data-testid="ticket-row"') == number


@pytest.mark.parametrize("words", ["{number}", "wHere is", "cus-1001", " ORD-1042 "])
def test_search_finds_number_subject_and_customer(world: World, ticket: Ticket, browser: Any, words: str) -> None:
    # The beginning of a number: PostgreSQL goes on counting from test to test.
    page = page_of(browser(world.rosa), f"{LIST}?q={words.format(number=ticket.number[:3])}")
    assert f'id="row-{ticket.number}"' in page


@pytest.mark.parametrize("words", ["\x00", "%", "_", "'; --", "x" * 5_000, "\ud7ff", "<script>alert(1)</script>"])
def test_odd_search_words_find_nothing_and_break_nothing(
    world: World, ticket: Ticket, browser: Any, words: str
) -> None:
    answer = browser(world.rosa).get(LIST, {"q": words, "page": words, "split": words, "before": words})
    assert answer.status_code == 200
    assert "<script>alert" not in answer.content.decode()


def test_a_supervisor_of_another_team_sees_nothing_of_it(world: World, held: Ticket, browser: Any) -> None:
    piet = browser(world.piet)
    for path in (LIST, f"{LIST}?split=all", f"{LIST}?split=all&q={held.number}"):
        page = page_of(piet, path)
        assert 'data-testid="ticket-row"' not in page
        assert "ORD-1042" not in page
    path = f"{LIST}{held.number}/"
    assert piet.get(path).status_code == 404
    for what in ("take-over", "hand-back", "reply", "note", "drafts", "state"):
        assert piet.post(f"{path}{what}/", {"body": "x"}).status_code == 404
    assert set(dict(queries.counts(world.piet)).values()) == {0}


def test_a_role_without_tickets_may_not_open_the_list(world: World, browser: Any) -> None:
    world.ana.groups.clear()
    assert browser(world.ana).get(LIST).status_code == 403


@pytest.mark.parametrize("number", ["T-0", "T-999999999999999999", "1001", "t-1001", "T-1001'", "T-%00", "T-١"])
def test_numbers_that_are_nobodys_are_not_here(world: World, ticket: Ticket, browser: Any, number: str) -> None:
    assert browser(world.rosa).get(f"{LIST}{number}/").status_code == 404


def test_the_conversation_says_who_speaks_with_runs_and_requests_in_line(world: World, browser: Any) -> None:
    request = world.held_refund()
    page = page_of(browser(world.ana), f"{LIST}{request.ticket.number}/")
    order = [
        'data-testid="bubble-customer"',
        'data-testid="run-entry"',
        'data-testid="request-entry"',
        'data-testid="bubble-agent"',
        'data-testid="pinned-approval"',
    ]
    assert sorted(order, key=page.index) == order
    assert f'href="/console/approvals/{request.pk}/"' in page
    assert f'href="/console/runs/{request.ticket.runs.get().pk}/"' in page

    world.approve(request)
    page = page_of(browser(world.ana), f"{LIST}{request.ticket.number}/")
    assert "Ana Ruiz approved R-" in page
    assert 'data-testid="pinned-approval"' not in page


def test_a_rep_reads_that_an_approval_is_asked_and_not_of_what(world: World, browser: Any) -> None:
    request = world.held_refund()
    page = page_of(browser(world.rosa), f"{LIST}{request.ticket.number}/")
    assert "An action waits for a decision" in page
    assert request.title not in page
    assert "/console/approvals/" not in page
    assert "/console/runs/" not in page


def test_a_hand_over_says_why_what_was_tried_and_what_is_next(world: World, ticket: Ticket, browser: Any) -> None:
    services.hand_over(
        ticket=ticket,
        reason_code="angry_customer",
        summary="Third complaint.",
        actor=world.agent.service_user,
        facts={"tried": ["store__get_order: succeeded"], "order": "ORD-1042"},
        question="Refund or replace?",
        next_step="Call them.",
    )
    page = page_of(browser(world.rosa), f"{LIST}{ticket.number}/")
    for text in ("The customer is angry", "Third complaint.", "store__get_order: succeeded", "Refund or replace?"):
        assert text in page
    assert "Call them." in page


def test_who_does_not_see_personal_data_reads_no_names_and_no_words(world: World, browser: Any) -> None:
    ticket = another(world, "Card 4242 4242 4242 4242 was charged twice")
    services.save_draft(ticket=ticket, body="Dear Zoë, the card", actor=world.agent.service_user)
    services.hand_over(ticket=ticket, reason_code="other", summary="Zoë says", actor=world.agent.service_user)
    auditor = browser(world.auditor)
    for path in (f"{LIST}?split=all", f"{LIST}{ticket.number}/", f"{LIST}?split=all&q=4242"):
        page = page_of(auditor, path)
        for secret in ("4242 4242", "charged", "Zoë", "zoe@"):
            assert secret not in page
    assert 'data-testid="ticket-row"' not in page


@pytest.mark.parametrize(
    ("body", "shown", "never"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;", "<script>alert"),
        ("<img src=x onerror=alert(1)>", "&lt;img", "<img src=x"),
        ("[click](javascript:alert(1))", "[click](javascript:alert(1))", 'href="javascript'),
        ("![x](https://evil.example/a.png)", "![x](https://evil.example/a.png)", 'src="https://evil'),
        ("<svg onload=alert(1)>", "&lt;svg", "<svg onload"),
        ("pay \u202eevil", "pay [U+202E]evil", "\u202e"),
        ("p\u0430ypal", "p[U+0430]ypal", "p\u0430ypal"),
        ("hi \U000e0041 there", "[U+E0041]", "\U000e0041"),
    ],
)
def test_hostile_text_is_shown_as_text(world: World, browser: Any, body: str, shown: str, never: str) -> None:
    ticket = another(world, body)
    services.add_note(ticket=ticket, body=f"Note: {body}", actor=world.rosa)
    page = page_of(browser(world.rosa), f"{LIST}{ticket.number}/")
    assert shown in page
    assert never not in page


def test_a_long_conversation_is_shown_in_parts(world: World, ticket: Ticket, browser: Any) -> None:
    fill(ticket, thread.MESSAGES_SHOWN + 5)
    rosa = browser(world.rosa)
    newest = page_of(rosa, f"{LIST}{ticket.number}/")
    assert "Where is my order" not in newest.partition('id="chat"')[2].partition('id="bar"')[0]
    assert f"?before={7}" in newest
    assert 'id="message-1"' in page_of(rosa, f"{LIST}{ticket.number}/?before=7")


def fill(ticket: Ticket, number: int) -> None:
    first = ticket.last_seq + 1
    Message.objects.bulk_create(
        Message(ticket=ticket, seq=seq, kind="CUSTOMER", body=f"line {seq}", author_type="customer")
        for seq in range(first, first + number)
    )
    Ticket.objects.filter(pk=ticket.pk).update(last_seq=first + number - 1)
    ticket.refresh_from_db()


def test_pages_ask_as_much_of_the_database_for_thirty_rows_as_for_one(
    world: World, ticket: Ticket, browser: Any
) -> None:
    ana = browser(world.ana)
    paths = (LIST, f"{LIST}{ticket.number}/")

    def asked(path: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            page_of(ana, path)
        return len(captured)

    page_of(ana, LIST)
    before = [asked(path) for path in paths]
    fill(ticket, 29)
    for _ in range(29):
        another(world, team=team("orders"))
    assert [asked(path) for path in paths] == before
    assert max(before) <= 52
