"""A conversation ends before the customer's eyes: the chat asks once how it was, and the answer reaches a colleague."""

import pytest
from playwright.sync_api import expect

from tests.browser.axe import violations
from tests.browser.people import Stage
from tests.browser.test_be_accessible import chat_frame

pytestmark = pytest.mark.browser


def test_a_customer_rates_with_the_keyboard_and_a_colleague_reads_it(stage: Stage):
    customer = stage.customer()
    widget = stage.shopper(customer)
    widget.open()
    widget.write("Where is my order?")
    widget.hears(customer["order"])
    question = widget.frame.get_by_role("group", name="How was this conversation?")
    expect(question).to_be_hidden()
    ticket = stage.backstage("facts_of", reference=customer["reference"])["ticket"]
    stage.backstage("close", ticket=ticket)
    expect(question).to_be_visible()  # by the live line: nobody reloads
    widget.frame.get_by_role("button", name="Send rating").click()
    expect(widget.frame.locator("#rating-note")).to_have_text("Choose from 1 to 5 first, or skip.")
    question.get_by_role("radio", name="1 of 5, very bad").focus()
    widget.page.keyboard.press("ArrowRight")
    expect(question.get_by_role("radio", name="2 of 5, bad")).to_be_checked()
    assert violations(chat_frame(widget)) == []
    comment = "<b>Slow</b> & unsure"
    widget.frame.get_by_label("Anything to add?").fill(comment)
    widget.frame.get_by_role("button", name="Send rating").click()
    thanks = widget.frame.locator("#rating-thanks")
    expect(thanks).to_contain_text("You rated this conversation 2 of 5 (bad)")
    assert stage.backstage("rating_of", ticket=ticket) == [[2, comment]]
    widget.page.reload()
    widget.open()
    expect(thanks).to_be_visible()
    expect(question).to_be_hidden()
    page = stage.staff()
    page.goto(f"{stage.demo.console}/console/ratings/")
    low = page.get_by_test_id("low-rating").filter(has_text=ticket)
    expect(low.get_by_test_id("comment")).to_have_text(comment)
    assert violations(page.main_frame) == []
    low.get_by_label("What you did about it").fill("Called her")
    low.get_by_test_id("care").click()
    expect(low).to_have_count(0)
