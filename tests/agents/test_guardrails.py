"""What a customer is told, what a model is shown, and what is kept: checked by code."""

import base64
import json
from typing import Any

import pytest

from agents.loop import claims, disguises, secrets
from agents.models import ModelCall, Run, ToolCall
from supportagent.tickets import services as tickets
from supportagent.tickets.models import HandOver, Ticket
from tests.hostile.disguises import DISGUISES
from tests.world import READ_ORDER, World

KEY = "sk-proj-7Qw3ZrT9xLmK2vBn8HsD4fGj"
NOTE = "The parcel locker opens with QX-7741-BRASS; do not tell anybody."


def say(world: World, text: str, ticket: Ticket | None = None) -> Run:
    world.script([{"text": text}])
    ticket = ticket or world.write("Hello")
    return world.advance(ticket)


def held_back(world: World, text: str, ticket: Ticket | None = None) -> bool:
    run = say(world, text, ticket)
    return run.state == Run.State.HANDED_OVER and text not in world.replies(run.ticket)


@pytest.fixture
def key(settings: Any) -> str:
    settings.OPENAI_API_KEY = KEY
    return KEY


@pytest.mark.parametrize("disguise", DISGUISES)
def test_our_own_key_is_found_in_every_disguise(key: str, disguise: str) -> None:
    assert secrets.holds_secret(f"It is {DISGUISES[disguise](key)} indeed.")
    assert not secrets.holds_secret(f"It is {DISGUISES[disguise]('a kettle with two mugs and a jug')} indeed.")


def test_a_key_that_is_configured_is_masked_even_where_it_looks_like_a_word(settings: Any) -> None:
    settings.GRANT_KEY = "correct-horse-battery"
    assert "horse" not in secrets.masked("the key is correct-horse-battery, sir")


def test_a_secret_in_a_reply_is_neither_sent_nor_kept(world: World, key: str) -> None:
    run = say(world, f"The key is {key}.")
    assert run.state == Run.State.HANDED_OVER
    kept = ModelCall.objects.get(run=run)
    assert (kept.fate, kept.text, kept.raw) == (ModelCall.Fate.WITHHELD, "The key is [secret removed].", None)


def test_a_secret_that_a_tool_returns_does_not_reach_the_model(world: World, settings: Any) -> None:
    card = "4111 1111 1111 1111"
    world.script(
        [{"calls": [{"name": "tickets__list_tickets", "arguments": {"stated_reason": "look"}}]}, {"text": "I see."}]
    )
    ticket = world.write(f"{card} is my card")
    world.advance(ticket)
    result = world.call("tickets__list_tickets").result
    assert card in str(result), "the ticket's subject begins with what the customer wrote"
    assert secrets.masked(str(result)) != str(result)


def test_a_note_of_a_colleague_is_not_told_to_the_customer(world: World) -> None:
    ticket = world.write("Hello")
    tickets.add_note(ticket=ticket, body=NOTE, actor=world.rosa)
    assert held_back(world, "Sure, it is Q X - 7 7 4 1 - B R A S S.", ticket)
    assert HandOver.objects.get(ticket=ticket).summary.endswith("quotes what only staff may read.")


def test_a_brief_is_there_to_be_told(world: World) -> None:
    ticket = world.write("Hello")
    tickets.take_over(ticket=ticket, by=world.rosa)
    tickets.hand_back(ticket=ticket, by=world.rosa, brief="Tell her the new tracking number: ZX-5521-PT.")
    assert not held_back(world, "It is ZX-5521-PT.", ticket)


def test_what_stands_in_a_note_and_in_the_customers_own_order_may_be_told(world: World) -> None:
    world.order.tracking = "RR1042PT"
    world.order.save()
    ticket = world.write("Where is ORD-1042?")
    tickets.add_note(ticket=ticket, body="RR1042PT is stuck at the depot.", actor=world.rosa)
    world.script([{"calls": [READ_ORDER]}, {"text": "It is under way, number RR1042PT."}])
    assert world.advance(ticket).state == Run.State.COMPLETED


def test_the_instructions_are_not_recited(world: World) -> None:
    assert held_back(world, f"My instructions are: {world.agent.instructions}")


@pytest.mark.parametrize(
    "text",
    [
        "Ben.Okafor@Example.com is theirs.",
        "b e n . o k a f o r @ e x a m p l e . c o m",
        "moc.elpmaxe@rofako.neb",
        "It was ordered by cus-1002.",
    ],
)
def test_another_customers_address_is_not_told(world: World, text: str) -> None:
    assert held_back(world, text)


def test_a_customer_whom_the_customer_named_may_be_spoken_of(world: World) -> None:
    ticket = world.write("Is ben.okafor@example.com with you?")
    assert not held_back(world, "I cannot talk about ben.okafor@example.com.", ticket)


@pytest.mark.parametrize("claim", ["Your ref&#117;nd has been issued.", "Your re\u0301fund has been issued."])
def test_a_claim_is_seen_through_its_spelling(world: World, claim: str) -> None:
    assert held_back(world, claim)


def escaped(text: str) -> str:
    """As JSON may spell it as well."""
    return "".join(f"\\u{ord(c):04x}" for c in text)


@pytest.mark.parametrize(
    ("summary", "code"),
    [
        (escaped("write to ana.martins@example.com"), "personal_data"),
        (base64.b64encode(b"write to ana.martins@example.com").decode(), "personal_data"),
        ("\\n".join(KEY), "holds_secret"),
        (escaped(base64.b64encode(KEY.encode()).decode()), "holds_secret"),
    ],
)
def test_what_arguments_say_is_searched_and_not_how_their_json_spells_it(
    world: World, key: str, summary: str, code: str
) -> None:
    text = f'{{"stated_reason": "file it", "title": "It fails", "severity": "low", "summary": "{summary}"}}'
    world.script([{"calls": [{"name": "engineering__create_engineering_issue", "arguments": text}]}, {"text": "No."}])
    world.advance(world.write("Checkout fails"))
    assert ToolCall.objects.get().code == code


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_secret_in_disguise_is_not_kept_for_those_who_read_the_run(world: World, key: str, disguise: str) -> None:
    run = say(world, f"The key is {DISGUISES[disguise](key)}.")
    kept = ModelCall.objects.get(run=run)
    assert kept.fate == ModelCall.Fate.WITHHELD
    assert not secrets.holds_secret(kept.text)


def test_a_secret_that_json_spells_in_escapes_is_not_kept(world: World, key: str) -> None:
    text = f'{{"stated_reason": "{escaped(key)}", "other": "\\\\u0041\\""}}'
    world.script([{"calls": [{"name": "tickets__list_tickets", "arguments": text}]}, {"text": "No."}])
    world.advance(world.write("Hello"))
    kept = ModelCall.objects.first()
    assert kept is not None
    [call] = kept.tool_calls
    assert json.loads(call["arguments"]) == {"stated_reason": "[secret removed]", "other": '\\u0041"'}


def test_an_engineering_issue_names_nobody(world: World) -> None:
    issue = {
        "title": "Checkout fails",
        "summary": "Ana Martins cannot pay with ana.martins@example.com",
        "severity": "low",
        "stated_reason": "file it",
    }
    world.script(
        [{"calls": [{"name": "engineering__create_engineering_issue", "arguments": issue}]}, {"text": "Sorry."}]
    )
    world.advance(world.write("Checkout fails"))
    assert ToolCall.objects.get().code == "personal_data"


def done(name: str, **result: Any) -> ToolCall:
    return ToolCall(name=name, result=result)


@pytest.mark.parametrize(
    ("text", "claimed"),
    [
        ("Your refund has been issued.", ["a refund"]),
        ("Your **re\u00adfund** has been iss\u200bued.", ["a refund"]),
        ("Your r\u0435fund h\u0430s been issued.", ["a refund"]),
        ("Not to worry, your refund has been issued.", ["a refund"]),
        ("After careful review your refund has been issued.", ["a refund"]),
        ("I would like to say that your refund has been issued.", ["a refund"]),
        ("Your refund has been issued and you should not wait.", ["a refund"]),
        ("Die Erstattung von EUR 84,00 wurde heute veranlasst.", ["a refund"]),
        ("Votre commande a été annulée.", ["a cancellation"]),
        ("Su dirección ha sido cambiada.", ["a change of account"]),
        ("A colleague has approved it.", ["an approval"]),
        ("Your refund has not been issued.", []),
        ("No refund has been issued.", []),
        ("Once your refund has been approved, it takes 3 days.", []),
        ("If you return it, the refund is issued to your card.", []),
        ("Die Erstattung wurde noch nicht veranlasst.", []),
        ("Le remboursement n'a pas été approuvé.", []),
        ("The refund may be issued on 4 May.", []),
    ],
)
def test_an_effect_that_no_record_shows_is_not_claimed(text: str, claimed: list[str]) -> None:
    assert claims.unbacked(text, []) == claimed
    everything = [done(f"store__{name}", amount_minor=8400) for claim in claims.CLAIMS for name in claim.tools]
    assert claims.unbacked(text, everything) == []


@pytest.mark.parametrize(
    ("written", "backed"),
    [("EUR 84.00", True), ("84,00 EUR", True), ("€84", True), ("EUR 840.00", False), ("84.01 euros", False)],
)
def test_a_refund_of_another_sum_than_the_records_is_not_claimed(written: str, backed: bool) -> None:
    refunds = [done("store__issue_refund", amount_minor=8400)]
    assert (claims.unbacked(f"Your refund of {written} has been issued.", refunds) == []) == backed


def test_ordinary_text_has_no_hidden_reading() -> None:
    text = "Your kettle left us on Monday; it takes 2 to 3 days."
    assert disguises.readings(text)[:2] == (text, text)
    assert len(disguises.readings(text)) == 4
