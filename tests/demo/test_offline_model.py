"""The offline model as a customer meets it: every conversation goes through `complete()`."""

import json

import pytest

from agents.providers.base import HostNote, ModelRequest, ModelTurn, Said, ToolResult, ToolSpec
from supportagent.demo.offline_model import OfflineModel
from tests.demo.offline_shop import ORDERS, TOOLS, Shop, order

REFUND = "store__issue_refund"
ESCALATE = "tickets__escalate_to_human"
DONE_REFUND = {
    "refund_id": "RF-1",
    "order_id": "ORD-1042",
    "amount_minor": 8400,
    "currency": "EUR",
    "status": "issued",
    "method": "card •4242",
}


def without(*names: str) -> tuple[str, ...]:
    return tuple(tool for tool in TOOLS if tool not in names)


# -- refunds ------------------------------------------------------------------------------------------------------


def test_a_refund_is_asked_for_with_the_refundable_sum_and_waits_for_a_colleague() -> None:
    shop = Shop()
    reply = shop.say("Hi, my ceramic pour-over set arrived cracked and I would like a refund.")
    assert shop.asked_for(REFUND) == [{"order_id": "ORD-1042", "amount_minor": 8400, "currency": "EUR"}]
    assert "EUR 84.00" in reply and "R-1" in reply and "no money has moved yet" in reply


def test_an_approved_refund_is_confirmed_with_sum_date_and_method() -> None:
    shop = Shop()
    shop.say("Please refund order ORD-1042")
    reply = shop.done("R-1", **DONE_REFUND)
    assert "EUR 84.00" in reply and "20 November 2026" in reply and "card •4242" in reply


@pytest.mark.parametrize("ending", ["rejected. Code: other. Say to the customer: The set was used.", "expired."])
def test_a_refund_that_nobody_approved_is_called_that_and_a_person_is_offered(ending: str) -> None:
    shop = Shop()
    shop.say("Please refund order ORD-1042")
    reply = shop.note(f"Outcome of {REFUND} (reference R-1): {ending}")
    assert "not approved" in reply and "no money has moved" in reply and "colleague?" in reply
    assert ("The set was used." in reply) == ending.startswith("rejected")


def test_a_request_that_was_replaced_is_still_recognised_when_it_is_decided() -> None:
    shop = Shop()
    shop.say("Please refund order ORD-1042")
    shop.items.append(HostNote("Reference R-1 was replaced by R-9, because the facts changed. It still waits."))
    reply = shop.note(f"Outcome of {REFUND} (reference R-9): done. Result: {json.dumps(DONE_REFUND)}")
    assert "EUR 84.00" in reply and "was issued" in reply


def test_asking_for_news_does_not_ask_for_the_refund_again() -> None:
    shop = Shop()
    shop.say("Please refund order ORD-1042")
    reply = shop.say("Any news?")
    assert len(shop.asked_for(REFUND)) == 1
    assert "still with a colleague" in reply and "R-1" in reply


def test_a_refund_known_only_from_our_own_earlier_words_is_not_asked_for_twice() -> None:
    shop = Shop()
    shop.items += [
        Said("customer", "Please refund ORD-1042"),
        Said("agent", "I have asked for a refund of EUR 84.00 for order ORD-1042. Your reference is R-7."),
    ]
    reply = shop.say("When do I get my refund for ORD-1042?")
    assert shop.asked_for(REFUND) == [] and "R-7" in reply


def test_more_than_is_refundable_is_never_asked_for() -> None:
    shop = Shop()
    reply = shop.say("I want a refund of EUR 500 for ORD-1042")
    assert shop.asked_for(REFUND)[0]["amount_minor"] == 8400
    assert "The most that can be refunded" in reply


def test_a_refund_of_one_item_is_the_sum_of_its_line() -> None:
    shop = Shop()
    shop.say("Please refund the mugs")
    assert shop.asked_for(REFUND) == [{"order_id": "ORD-1031", "amount_minor": 3000, "currency": "EUR"}]


def test_a_refund_of_everything_except_an_item_leaves_that_item_out() -> None:
    shop = Shop()
    shop.say("Please refund everything in ORD-1031 except the tea towel")
    assert shop.asked_for(REFUND)[0]["amount_minor"] == 3000


def test_what_is_refunded_already_is_said_and_not_asked_for_again() -> None:
    shop = Shop()
    reply = shop.say("Refund ORD-1020 please")
    assert shop.asked_for(REFUND) == [] and "nothing left to refund" in reply and "EUR 24.00" in reply


def test_an_order_that_has_not_left_is_offered_for_cancellation_and_yes_asks_for_it() -> None:
    shop = Shop()
    assert "Shall I ask for order ORD-1047 to be cancelled?" in shop.say("I want my money back for the kettle")
    reply = shop.say("Yes please")
    assert shop.asked_for("store__cancel_order") == [{"order_id": "ORD-1047"}]
    assert "nothing has changed yet" in reply


def test_a_no_to_our_offer_changes_nothing() -> None:
    shop = Shop()
    shop.say("I want my money back for the kettle")
    assert "leave everything as it is" in shop.say("No, never mind")
    assert shop.held == {}


# -- orders -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ["Where is my order ORD-1050?", "Where is my grinder?", "wo ist ORD-1050"])
def test_the_status_of_an_order_is_told_from_the_shops_facts(words: str) -> None:
    reply = Shop().say(words)
    assert "ORD-1050" in reply and "RR1050PT" in reply


def test_a_place_in_the_list_that_we_showed_names_the_order() -> None:
    shop = Shop()
    assert "2. ORD-1047" in shop.say("I would like to cancel an order")
    shop.say("the second one")
    assert shop.asked_for("store__cancel_order") == [{"order_id": "ORD-1047"}]


def test_an_order_number_given_in_a_later_turn_goes_on_with_the_wish() -> None:
    shop = Shop()
    shop.say("I would like to cancel an order")
    shop.say("It is ORD-1047")
    assert shop.asked_for("store__cancel_order") == [{"order_id": "ORD-1047"}]


@pytest.mark.parametrize("number", ["ORD-9999", "#W1234567"])
def test_an_unknown_order_number_is_said_to_be_unknown(number: str) -> None:
    reply = Shop().say(f"Where is my order {number}?")
    assert "cannot find an order" in reply and "ORD-1050" in reply


def test_something_the_customer_never_bought_is_not_mistaken_for_the_newest_order() -> None:
    shop = Shop()
    reply = shop.say("Please cancel the sneakers from my last order")
    assert shop.held == {} and "Which order do you mean?" in reply


def test_a_shipped_order_is_not_cancelled() -> None:
    shop = Shop()
    reply = shop.say("Cancel ORD-1050 please")
    assert shop.held == {} and "no longer be cancelled" in reply


def test_cancelling_one_item_of_several_asks_about_the_whole_order_first() -> None:
    shop = Shop(orders=(order(1061, "paid", ("Copper pan", 1, 9000), ("Oak spoon", 1, 800)),))
    assert "Single items cannot be cancelled" in shop.say("Please cancel the spoon")
    assert shop.held == {}
    shop.say("ok, yes")
    assert shop.asked_for("store__cancel_order") == [{"order_id": "ORD-1061"}]


def test_a_return_names_the_policy_article_and_offers_the_refund() -> None:
    shop = Shop()
    reply = shop.say("I want to return the tea towel")
    assert 'Our article "Returns and refunds"' in reply and "EUR 9.00" in reply
    shop.say("yes, go ahead")
    assert shop.asked_for(REFUND) == [{"order_id": "ORD-1031", "amount_minor": 900, "currency": "EUR"}]


# -- account, payments, knowledge, faults ---------------------------------------------------------------------------


def test_a_new_email_is_taken_from_the_words_and_needs_approval() -> None:
    shop = Shop()
    reply = shop.say("Please change my email from old@example.com to new@example.com, thanks")
    assert shop.asked_for("store__update_account") == [{"email": "new@example.com"}]
    assert "nothing has changed yet" in reply


def test_a_missing_value_is_asked_for_and_understood_in_the_next_turn() -> None:
    shop = Shop()
    assert "new e-mail address" in shop.say("I need to change my email address")
    shop.say("new@example.com")
    assert shop.asked_for("store__update_account") == [{"email": "new@example.com"}]


def test_an_address_is_split_into_its_parts() -> None:
    shop = Shop()
    shop.say("Please change my address to Rua Nova 5, 4100-200 Porto, Portugal")
    expected = {"line1": "Rua Nova 5", "city": "Porto", "postcode": "4100-200", "country": "PT"}
    assert shop.asked_for("store__update_account") == [{"address": expected}]


def test_the_country_of_an_address_is_not_guessed_when_the_postcode_looks_foreign() -> None:
    shop = Shop()
    reply = shop.say("Please change my address to 12 Elm Road, Springfield, 62704")
    assert shop.asked_for("store__update_account") == [] and "country" in reply


def test_the_delivery_address_of_an_order_goes_to_a_person() -> None:
    shop = Shop()
    shop.say("Please change the delivery address of order ORD-1047")
    assert shop.asked_for("store__update_account") == [] and len(shop.asked_for(ESCALATE)) == 1


def test_a_vat_number_goes_to_the_billing_details() -> None:
    shop = Shop()
    shop.say("My VAT number is PT501234567, please put it on my billing details")
    assert shop.asked_for("store__update_billing_details") == [{"vat_id": "PT501234567"}]


def test_what_was_paid_is_told_from_the_payments() -> None:
    reply = Shop().say("Which card did I use for ORD-1050?")
    assert "EUR 129.00 by card •4242 on 2 November 2026" in reply


def test_an_invoice_is_told_with_its_number_and_figures() -> None:
    reply = Shop().say("Can I get the invoice for ORD-1042?")
    assert "INV-1042" in reply and "EUR 84.00 in total" in reply


def test_a_product_question_is_answered_from_an_article_that_is_named() -> None:
    reply = Shop().say("Can I put the ceramic pour-over set in the dishwasher?")
    assert 'Our article "Caring for your ceramic pour-over set"' in reply and "dishwasher safe" in reply


def test_a_question_without_an_article_is_handed_over_and_not_guessed() -> None:
    shop = Shop()
    reply = shop.say("Do you sell bicycles?")
    assert "could not find anything" in reply and len(shop.asked_for(ESCALATE)) == 1


def test_a_fault_is_filed_and_the_customer_learns_the_issue_but_no_log_line() -> None:
    shop = Shop()
    reply = shop.say("The checkout page shows an error when I pay, write me at me@example.com")
    (issue,) = shop.asked_for("engineering__create_engineering_issue")
    assert issue["service"] == "checkout-api" and issue["severity"] == "high"
    assert "me@example.com" not in json.dumps(issue)
    assert "ENG-7" in reply and "timeout" not in reply


# -- several wishes, moods, people ----------------------------------------------------------------------------------


def test_several_wishes_in_one_message_are_all_handled() -> None:
    shop = Shop()
    reply = shop.say("Please refund ORD-1042. Also, change my phone to +351 912 345 678. And where is my grinder?")
    assert len(shop.asked_for(REFUND)) == 1
    assert shop.asked_for("store__update_account") == [{"phone": "+351 912 345 678"}]
    assert "RR1050PT" in reply and "R-1" in reply and "R-2" in reply


def test_an_angry_customer_gets_an_apology_and_the_answer() -> None:
    reply = Shop().say("This is ridiculous!!! Where is my grinder?")
    assert reply.startswith("I am sorry") and "RR1050PT" in reply


def test_a_threat_goes_to_a_person_with_high_urgency() -> None:
    shop = Shop()
    shop.say("Refund ORD-1042 now or my lawyer will call you")
    assert shop.held == {} and shop.asked_for(ESCALATE)[0]["reason_code"] == "angry_customer"
    assert shop.asked_for("tickets__categorise_ticket")[0]["priority"] == "urgent"


def test_who_asks_for_a_person_gets_one_and_nothing_else_is_started() -> None:
    shop = Shop()
    shop.say("I want a refund for ORD-1042, and I want to speak to a human")
    assert shop.held == {} and shop.asked_for(ESCALATE)[0]["reason_code"] == "customer_asked"


def test_a_hand_over_that_would_withdraw_a_waiting_request_is_offered_first() -> None:
    shop = Shop()
    shop.say("Please refund ORD-1042")
    reply = shop.say("Can you compose a poem about it?")
    assert shop.asked_for(ESCALATE) == [] and "R-1" in reply
    shop.say("yes")
    assert shop.asked_for(ESCALATE)[0]["reason_code"] == "customer_asked"


@pytest.mark.parametrize("words", ["hello", "Thank you, that is all!", "good morning"])
def test_small_talk_is_answered_without_touching_the_shop(words: str) -> None:
    shop = Shop()
    assert shop.say(words)
    assert {name for name, _ in shop.calls} <= {"tickets__categorise_ticket"}


def test_the_same_question_is_not_asked_for_ever() -> None:
    shop = Shop()
    for _ in range(3):
        shop.say("Please cancel my order")
    assert len(shop.asked_for(ESCALATE)) >= 1


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("Guten Tag, wo ist meine Bestellung ORD-1050?", "ist unterwegs"),
        ("Bonjour, où est ma commande ORD-1050 ?", "est en route"),
        ("Hola, ¿dónde está mi pedido ORD-1050?", "está en camino"),
    ],
)
def test_other_languages_are_answered_in_kind(words: str, expected: str) -> None:
    assert expected in Shop().say(words)


@pytest.mark.parametrize("words", ["我的订单在哪里", "Hola, quiero cambiar la dirección de mi pedido por favor"])
def test_what_cannot_be_said_in_a_language_is_handed_over(words: str) -> None:
    shop = Shop()
    shop.say(words)
    assert len(shop.asked_for(ESCALATE)) == 1


# -- the ticket -----------------------------------------------------------------------------------------------------


def test_the_ticket_is_categorised_once_beside_the_first_reads() -> None:
    shop = Shop()
    shop.say("Where is my order ORD-1050?")
    shop.say("And where is ORD-1042?")
    first = next(item for item in shop.items if isinstance(item, ModelTurn))
    assert [call.name for call in first.tool_calls] == ["tickets__categorise_ticket", "store__get_order"]
    assert shop.asked_for("tickets__categorise_ticket") == [{"category": "order_status", "priority": "normal"}]


def test_a_ticket_that_began_with_a_greeting_is_categorised_when_the_wish_is_known() -> None:
    shop = Shop()
    shop.say("hello")
    shop.say("I want to cancel ORD-1047")
    assert [c["category"] for c in shop.asked_for("tickets__categorise_ticket")] == ["other", "cancellation"]


def test_an_answer_that_was_not_sent_is_given_again() -> None:
    shop = Shop()
    shop.say("Where is my order ORD-1050?")
    shop.items.append(HostNote("Your last answer was not sent, because the customer wrote again."))
    reply = shop.say("And I want to cancel ORD-1047.")
    assert "RR1050PT" in reply and len(shop.asked_for("store__cancel_order")) == 1


def test_the_same_request_gets_the_same_reply_and_streams_it_to_staff() -> None:
    heard: list[str] = []
    request = ModelRequest("offline-demo", "", (Said("customer", "hello"),), (), 500, True, 0.0, heard.append)
    first, second = OfflineModel().complete(request), OfflineModel().complete(request)
    assert first == second
    assert heard == [first.text] * 2
    assert (first.model, first.finish, OfflineModel.demo) == ("offline-demo", "stop", True)
    assert first.usage is not None and first.usage.output_tokens > 0 and first.reasoning


def test_broken_tool_results_end_in_a_hand_over() -> None:
    tools = tuple(ToolSpec(name, "", {}) for name in TOOLS)
    items = [Said("customer", "Where is my order ORD-1050?")]
    for content in ("not json", "[]", '{"orders": null}', '{"order_id": "ORD-1050"}'):
        reply = OfflineModel().complete(ModelRequest("m", "", tuple(items), tools, 500, False, 0.0))
        items.append(ModelTurn(reply.text, reply.tool_calls))
        items += [ToolResult(call.id, call.name, content) for call in reply.tool_calls]
    assert reply.text or any(call.name == ESCALATE for call in reply.tool_calls)


def test_the_shop_in_these_tests_offers_what_its_orders_say() -> None:
    assert {one["status"] for one in ORDERS} == {"paid", "shipped", "delivered"}


@pytest.mark.parametrize(
    ("words", "tool"),
    [
        ("The kettle app does not connect to my phone any more", "engineering__create_engineering_issue"),
        ("how long do refunds take?", "knowledge__search_articles"),
        ("Can I return opened coffee?", "knowledge__search_articles"),
    ],
)
def test_faults_and_policy_questions_are_not_taken_for_orders(words: str, tool: str) -> None:
    shop = Shop()
    shop.say(words)
    assert len(shop.asked_for(tool)) == 1 and shop.asked_for("store__get_order") == []


def test_a_new_question_is_not_mixed_with_the_one_before() -> None:
    shop = Shop()
    shop.say("Can I put the ceramic dripper in the dishwasher?")
    shop.say("Do you have gift cards?")
    assert "dishwasher" not in shop.asked_for("knowledge__search_articles")[-1]["query"]
