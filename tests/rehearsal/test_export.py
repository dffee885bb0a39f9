"""A finished ticket is saved as a scenario: what happened is in it, what anybody's data is is not."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from agents.models import Run
from approvals import services as approvals
from approvals.models import ApprovalRequest
from audit.models import AuditEntry
from supportagent.rehearsal.pseudonyms import Kind, Pseudonyms, skeleton
from supportagent.rehearsal.scripts import Expected, OrderScript, Scenario, StepScript, parse
from supportagent.rehearsal.writing import write
from supportagent.staff.models import User
from supportagent.store.models import Account, Order, Payment
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Ticket
from tests.world import World, build_world

WORDS = (
    "Hello, my name is Ana Martins (A N A   m a r t i n s, ÁNA MARTÍNS). I ordered ord - 1042 to Rua  das FLORES 12, "
    "1200 195 LISBOA. Mail ana . martins @ EXAMPLE . com or call 00351-910-000-101, or my husband Wolfgang Amadeus on "
    "0170 / 55 66 77 88, w.amadeus at mozart dot at. It came broken; my IBAN is PT50 0002 0123 1234 5678 9015 4. "
    "Please use a.new+box@martins-family.example from now on.\nBest regards,\nAna M."
)
CALLS = [
    {"name": "store__get_customer", "arguments": {"stated_reason": "who is it"}},
    {"name": "store__get_order", "arguments": {"order_id": "ORD-1042", "stated_reason": "Ana Martins asked"}},
    {"name": "store__list_payments", "arguments": {"stated_reason": "see 910 000 101"}},
]
CHANGE = {
    "name": "store__update_account",
    "arguments": {
        "email": "a.new+box@martins-family.example",
        "address": {"line1": "Caminho Novo 77", "city": "Évora", "postcode": "7000-999", "country": "PT"},
        "stated_reason": "Mrs MARTINS of Lisboa wants it",
    },
}


@pytest.fixture
def world(db: None, settings: Any, tmp_path: Path) -> World:
    return build_world(settings, tmp_path)


def finished(world: World) -> Ticket:
    """A conversation full of personal data, with calls, a rejection, a person and an end."""
    Account.objects.filter(reference="CUS-1001").update(vat_id="PT123456789")
    Order.objects.filter(order_id="ORD-1042").update(tracking="RR777123456PT", carrier="CTT")
    world.script(
        [
            {"calls": CALLS},
            {"calls": [CHANGE]},
            {"text": "Dear Ana, I asked a colleague. We write to ana.martins@example.com."},
            {"text": "Dear Mrs. Martins, we cannot change it to Évora."},
        ]
    )
    ticket = world.write(WORDS)
    run = world.advance(ticket)
    assert run.state == Run.State.AWAITING_APPROVAL, run.ended_because
    request = ApprovalRequest.objects.pending().get()
    approvals.reject(
        request=request, by=world.ana, shown_digest=request.digest, reason_code="evidence",
        customer_text="Sorry Ana, show us that a.new+box@martins-family.example is yours.",
    )  # fmt: skip
    world.advance(ticket)
    tickets.take_over(ticket=ticket, by=world.rosa)
    tickets.add_note(ticket=ticket, body="Ana Martins sounds cross", actor=world.rosa)
    tickets.post_reply(ticket=ticket, body="Hi Ana! ORD1042, right?", actor=world.rosa, kind="PERSON")
    tickets.close(ticket=ticket, by=world.rosa, outcome="with_help")
    ticket.refresh_from_db()
    return ticket


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def secrets() -> list[str]:
    """Whatever the records hold about people, and what only the customer said."""
    account, order = Account.objects.get(reference="CUS-1001"), Order.objects.get(order_id="ORD-1042")
    payment = Payment.objects.get(order=order)
    said = ["Wolfgang", "Amadeus", "55667788", "mozart", "PT50000201231234567890154", "anewbox", "martinsfamily"]
    new = ["Caminho Novo", "Évora", "7000-999"]
    known = [account.name, "Martins", account.email, account.phone, account.reference, account.vat_id]
    kept = [account.address_line1, "das Flores", account.address_city, account.address_postcode]
    shop = [order.order_id, "1042", order.tracking, payment.payment_id, payment.method]
    return [*said, *new, *known, *kept, *shop, "Rosa"]


def test_a_finished_ticket_is_saved_as_a_scenario_in_which_nobody_is_found_again(world: World) -> None:
    ticket = finished(world)
    page = browser(world.ana).get(f"/console/tickets/{ticket.number}/").content.decode()
    assert 'data-testid="export-scenario"' in page
    answer = browser(world.ana).post(f"/console/tickets/{ticket.number}/scenario/")
    assert answer.status_code == 200 and answer["Content-Disposition"].startswith("attachment")
    text = answer.content.decode()

    plain = skeleton(re.sub(r"\{[A-Z0-9]+\}", " | ", text))
    assert [secret for secret in secrets() if skeleton(secret) in plain] == [], text
    assert not re.search(r"\bana\b", text, re.IGNORECASE) and ticket.number not in text

    scenario = parse(text, name="exported")
    assert [(step.who, step.what) for step in scenario.steps[1:]] == [
        ("supervisor", "rejects"),
        ("person", "takes over"),
        ("person", "replies"),
        ("person", "closes"),
    ]
    first, rejection, _, reply, closing = scenario.steps
    assert "{NAME}" in first.what and "{EMAIL}" in first.what and "{ORDER}" in first.what and "{CITY}" in first.what
    assert "new.1@example.org" in first.what  # the same address in words, in arguments, in the reason
    assert rejection.because == "evidence" and "new.1@example.org" in rejection.text
    assert "{ORDER}" in reply.text and closing.outcome == "with_help"
    assert scenario.orders == (OrderScript("ORDER", status="delivered", items=("COF-TIDE", "COF-TIDE")),)
    expected = scenario.expected
    assert (expected.ticket, expected.outcome, expected.approvals) == ("RESOLVED", "with_help", ("rejected",))
    assert expected.called == ("get_customer", "get_order", "list_payments")

    comments = "\n".join(line for line in text.splitlines() if line.startswith("#"))
    assert 'calls update_account {"address": {"city": "Exampleton"' in comments and "The agent answers" in comments
    assert "Not played, because a scenario cannot say it: an internal note" in comments
    entry = AuditEntry.objects.get(action="rehearsal.scenario.exported")
    assert (entry.actor_id, entry.target_id) == (str(world.ana.pk), ticket.number)


def test_only_who_may_read_all_that_is_in_it_makes_one_and_only_of_what_is_over(world: World) -> None:
    world.script([{"text": "Hello."}])
    ticket = world.write()
    world.advance(ticket)
    address = f"/console/tickets/{ticket.number}/scenario/"
    assert browser(world.ana).post(address).status_code == 409
    tickets.close(ticket=ticket, by=world.ana, outcome="by_ai")
    assert [browser(user).post(address).status_code for user in (world.rosa, world.auditor, world.piet)] == [
        403,
        403,
        404,
    ]
    assert "export-scenario" not in browser(world.rosa).get(f"/console/tickets/{ticket.number}/").content.decode()
    assert browser(world.ana).get(address).status_code == 405
    assert not AuditEntry.objects.filter(action="rehearsal.scenario.exported").exists()


def test_what_is_written_is_read_again_whatever_somebody_wrote() -> None:
    nasty = 'a "quote", a \\ slash,\na new line, \x7f, [x]\nticket = "CLOSED"\n# {no order}'
    scenario = Scenario(
        name="nasty",
        title=nasty,
        steps=(StepScript("customer", nasty), StepScript("person", "replies", text=nasty)),
        expected=Expected(route=("triage",), ticket="OPEN", account={"email": nasty}),
        orders=(OrderScript("ONE", items=("A", "B"), failed_attempt=True),),
    )
    text = write(scenario, head=[nasty], before_step={0: [nasty], 2: [nasty]})
    assert parse(text, name="nasty") == scenario
    assert tomllib.loads(text)["expected"]["ticket"] == "OPEN"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("I am not happy. The Tide Set is late.", "I am not happy. The Tide Set is late."),
        ("my friend Zoltan paid", "my friend [cut] paid"),
        ("call me zoltan kovacs please", "[name]"),
        ("+36 30 123 45 67", "[number]"),
        ("ANA@EXAMPLE.COM", "{EMAIL}"),
        ("banana", "banana"),
        ("a\u200bna says", "{NAME} says"),
    ],
)
def test_a_text_is_cleaned(text: str, clean: str) -> None:
    names = Pseudonyms()
    names.learn(Kind.NAME, "Ana Martins", own=True)
    names.learn(Kind.EMAIL, "ana@example.com", own=True)
    names.know("the tide set")
    assert clean in names.clean(text)
