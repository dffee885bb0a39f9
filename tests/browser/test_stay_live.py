"""The server goes away and comes back: the page says so, and is true again without a reload."""

import pytest
from playwright.sync_api import expect

from tests.browser.people import Stage

pytestmark = pytest.mark.browser

RESTART_MS = 30_000


def test_during_an_outage_decisions_wait_and_what_was_decided_meanwhile_is_shown_afterwards(stage: Stage):
    stage.excuse("WebSocket", "ERR_")
    customer = stage.customer()
    stage.backstage("ask_for_refund", customer=customer)
    page = stage.staff("supervisor")
    page.goto(f"{stage.demo.console}/console/approvals/")
    row = page.get_by_test_id("approval-row").filter(has_text=customer["order"])
    row.click(timeout=15_000)
    page.get_by_test_id("approve").click()
    confirm = page.get_by_test_id("confirm-approve")
    expect(confirm).to_be_enabled()
    page.evaluate("window.notReloaded = true")
    banner = page.get_by_test_id("offline-banner")

    with stage.demo.web_outage():
        expect(banner).to_be_visible(timeout=3_000)
        expect(confirm).to_be_disabled()
        facts = stage.backstage("facts_of", reference=customer["reference"])
        stage.backstage("approve", pk=facts["approval"], username="supervisor")
    expect(banner).to_be_hidden(timeout=RESTART_MS)
    expect(row).to_have_count(0, timeout=5_000)
    expect(page.get_by_test_id("decided")).to_contain_text("Approved by")
    assert page.evaluate("window.notReloaded")


def test_the_chat_comes_back_by_itself_and_shows_what_was_said_meanwhile(stage: Stage):
    stage.excuse("WebSocket", "ERR_")
    customer = stage.customer()
    widget = stage.shopper(customer)
    widget.open()
    widget.write("Where is my order?")
    widget.hears(customer["order"])
    ticket = stage.backstage("facts_of", reference=customer["reference"])["ticket"]
    with stage.demo.web_outage():
        stage.backstage("reply", ticket=ticket, body="Said while nobody could hear it.")
        widget.field.fill("half a sentence")
    expect(widget.answers.last).to_have_text("Said while nobody could hear it.", timeout=RESTART_MS)
    expect(widget.answers).to_have_count(2)
    expect(widget.field).to_have_value("half a sentence")
