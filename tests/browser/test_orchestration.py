"""A colleague at the desk: claims from the list, lets an agent draft, sends it, and hands back."""

import pytest
from playwright.sync_api import expect

from tests.browser.people import ANSWER_MS, Stage

pytestmark = pytest.mark.browser


def test_a_colleague_claims_asks_for_a_draft_sends_it_edited_and_hands_back(stage: Stage):
    customer = stage.customer()
    widget = stage.shopper(customer)
    widget.open()
    widget.write("I want to talk to a human being, please.")

    desk = stage.staff("supervisor")
    desk.goto(f"{stage.demo.console}/console/tickets/?split=person&sort=due")
    row = desk.locator("li", has_text=customer["reference"])
    expect(row).to_contain_text("Waiting for a person", timeout=ANSWER_MS)
    row.get_by_test_id("claim").click()
    expect(desk.get_by_test_id("holder")).to_contain_text("You hold this ticket")
    expect(desk.get_by_test_id("hand-over")).to_contain_text("The customer asked for a person")

    desk.get_by_test_id("ask-agent").click()
    desk.get_by_label("What you want to know").fill("Tell them where the order is.")
    desk.get_by_test_id("ask-draft").click()
    draft = desk.get_by_test_id("draft")
    expect(draft).to_be_visible(timeout=ANSWER_MS)
    expect(desk.get_by_test_id("holder")).to_contain_text("You hold this ticket")
    draft.get_by_label("Reply to the customer").fill("This is Ana: your order is on its way.")
    draft.get_by_test_id("send-draft").click()
    expect(widget.people.last).to_contain_text("This is Ana: your order is on its way.")
    expect(desk.get_by_test_id("draft-entry")).to_contain_text("changed")

    desk.get_by_test_id("hand-back").click()
    desk.get_by_label("What the agent must know to go on").fill("They know where the order is. Nothing is open.")
    desk.get_by_test_id("confirm-hand-back").click()
    expect(desk.get_by_test_id("holder")).not_to_contain_text("You hold this ticket")
    expect(desk.get_by_test_id("chat")).to_contain_text("Nothing is open.")
