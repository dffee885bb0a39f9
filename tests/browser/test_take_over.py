"""A person joins a conversation: the agent falls silent, notes stay inside, and the word goes back."""

import re

import pytest
from playwright.sync_api import WebSocket, expect

from tests.browser.people import ANSWER_MS, Stage

pytestmark = [pytest.mark.browser, pytest.mark.smoke]

NOTE = "Ask the warehouse about pallet 77 before promising anything"


def test_a_person_takes_over_the_agent_falls_silent_and_no_note_ever_reaches_the_customer(stage: Stage):
    customer = stage.customer()
    widget = stage.shopper(customer)
    received: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on("framereceived", lambda frame: received.append(str(frame)))

    widget.page.on("websocket", listen)
    widget.page.on("response", lambda response: "/widget/api/" in response.url and received.append(response.text()))
    widget.open()
    widget.write("Where is my order?")
    widget.hears(customer["order"])
    facts = stage.backstage("facts_of", reference=customer["reference"])

    desk = stage.staff("supervisor")
    desk.goto(f"{stage.demo.console}/console/tickets/{facts['ticket']}/")
    desk.get_by_test_id("take-over").click()
    expect(desk.get_by_test_id("holder")).to_contain_text("You hold this ticket")
    expect(widget.frame.locator("#holder")).to_contain_text("You are talking with a person")

    widget.write("Thank you. Does the pour-over set survive a dishwasher?")
    expect(desk.get_by_test_id("chat")).to_contain_text("survive a dishwasher")
    desk.get_by_text("Internal note", exact=True).click()
    desk.get_by_label("Internal note, not visible to the customer").fill(NOTE)
    desk.get_by_test_id("add-note").click()
    expect(desk.get_by_test_id("chat")).to_contain_text(NOTE)
    desk.get_by_label("Reply to the customer").fill("Hello, this is Ana. Yes, the top rack is fine.")
    desk.get_by_test_id("send-reply").click()

    expect(widget.people.last).to_contain_text("this is Ana")
    expect(widget.messages.locator(".message.person .byline").last).to_contain_text(re.compile("Ana.*Person"))
    expect(widget.answers).to_have_count(1)  # the one from before
    expect(widget.frame.locator("body")).not_to_contain_text("pallet 77")
    assert not [frame for frame in received if "pallet 77" in frame]

    desk.get_by_test_id("hand-back").click()
    desk.get_by_label("What the agent must know to go on").fill("The dishwasher question is answered.")
    desk.get_by_test_id("confirm-hand-back").click()
    expect(desk.get_by_test_id("holder")).to_contain_text("The AI agent answers this ticket")
    expect(widget.frame.locator("#holder")).to_be_hidden()
    # The brief starts a run of its own. Were the customer to write meanwhile, one answer could do for both.
    expect(widget.answers).to_have_count(2, timeout=ANSWER_MS)
    widget.write("And where is my order now?")
    expect(widget.answers).to_have_count(3, timeout=ANSWER_MS)
