"""The chat on the shop's page: it keeps its thread, sends once, and is used with the keyboard alone."""

import pytest
from playwright.sync_api import expect

from tests.browser.people import PHONE, Stage

pytestmark = pytest.mark.browser


@pytest.mark.smoke
def test_a_reload_keeps_the_thread(stage: Stage):
    customer = stage.customer()
    widget = stage.shopper(customer)
    widget.open()
    widget.write("Where is my order?")
    answer = widget.hears(customer["order"]).inner_text()
    widget.page.reload()
    widget.open()
    expect(widget.mine).to_have_text(["Where is my order?"])
    expect(widget.answers.last).to_have_text(answer)


@pytest.mark.smoke
def test_what_was_written_offline_is_marked_and_sent_once(stage: Stage):
    stage.excuse("ERR_INTERNET_DISCONNECTED")
    customer = stage.customer()
    widget = stage.shopper(customer)
    widget.open()
    widget.write("Where is my order?")
    widget.hears(customer["order"])
    widget.page.context.set_offline(True)
    expect(widget.banner).to_contain_text("You are offline")
    widget.write("Can I exchange it?")
    unsent = widget.messages.locator("[data-state=failed]")
    expect(unsent).to_contain_text("Not sent · Retry")
    widget.page.context.set_offline(False)
    retry = unsent.get_by_role("button", name="Retry")
    if retry.is_visible():
        retry.click()
    expect(unsent).to_have_count(0)
    expect(widget.answers).to_have_count(2, timeout=15_000)
    expect(widget.mine).to_have_text(["Where is my order?", "Can I exchange it?"])
    said = stage.backstage("facts_of", reference=customer["reference"])["said"]
    assert said == ["Where is my order?", "Can I exchange it?"]


def test_the_retry_button_sends_what_a_broken_connection_kept_back(stage: Stage):
    stage.excuse("ERR_FAILED")
    customer = stage.customer()
    widget = stage.shopper(customer)
    widget.open()
    widget.page.route("**/widget/api/messages", lambda route: route.abort())
    widget.write("Where is my order?")
    unsent = widget.messages.locator("[data-state=failed]")
    expect(unsent).to_contain_text("Not sent · Retry")
    widget.page.unroute("**/widget/api/messages")
    unsent.get_by_role("button", name="Retry").click()
    widget.hears(customer["order"])
    assert stage.backstage("facts_of", reference=customer["reference"])["said"] == ["Where is my order?"]


def test_the_keyboard_alone_opens_writes_sends_and_closes(stage: Stage):
    customer = stage.customer()
    widget = stage.shopper(customer)
    page = widget.page
    expect(widget.launcher).to_be_visible()
    for _ in range(60):
        page.keyboard.press("Tab")
        if widget.launcher.evaluate("button => button.matches(':focus')"):
            break
    expect(widget.launcher).to_have_accessible_name("Open chat")
    page.keyboard.press("Enter")
    expect(widget.field).to_be_focused()
    page.keyboard.type("Where is my")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("order?")
    page.keyboard.press("Enter")
    widget.hears(customer["order"])
    expect(widget.mine).to_have_text("Where is my\norder?")
    page.keyboard.press("Escape")
    expect(widget.field).to_be_hidden()
    expect(widget.launcher).to_be_focused()


def test_replies_that_come_while_the_chat_is_closed_are_counted(stage: Stage):
    customer = stage.customer()
    widget = stage.shopper(customer)
    widget.open()
    widget.write("Where is my order?")
    widget.hears(customer["order"])
    widget.field.press("Escape")
    ticket = stage.backstage("facts_of", reference=customer["reference"])["ticket"]
    stage.backstage("reply", ticket=ticket, body="One more thing.")
    stage.backstage("reply", ticket=ticket, body="And another.")
    expect(widget.launcher).to_have_accessible_name("Open chat, 2 unread")
    expect(widget.page.locator("#support-agent .badge")).to_have_text("2")
    widget.open()
    expect(widget.launcher).to_have_accessible_name("Close chat")


def test_on_a_phone_the_open_chat_fills_the_screen_and_keeps_the_focus(stage: Stage):
    widget = stage.shopper(stage.customer(), viewport=PHONE)
    widget.open()
    box = widget.page.locator("#support-agent .panel").bounding_box()
    assert box and (box["width"], box["height"]) == (PHONE["width"], PHONE["height"])
    assert widget.page.evaluate("document.body.inert")
    widget.frame.get_by_role("button", name="Close chat").click()
    expect(widget.launcher).to_be_focused()
    assert not widget.page.evaluate("document.body.inert")


@pytest.mark.parametrize("kind", ["expired", "forged"])
def test_an_identity_that_is_not_believed_is_a_guest_and_is_told_so(stage: Stage, kind: str):
    customer = stage.customer()
    known = stage.shopper(customer)
    known.open()
    known.write("Where is my order?")
    known.hears(customer["order"])
    how = {"expired": {"lives": -600}, "forged": {"secret": "x" * 40}}[kind]
    widget = stage.shopper(jwt=stage.backstage("token", reference=customer["reference"], **how))
    widget.open()
    expect(widget.banner).to_contain_text("not verified")
    expect(widget.mine).to_have_count(0)
    expect(widget.frame.locator("#verified")).to_be_hidden()
    widget.write("Where is my order?")
    expect(widget.answers.last).to_be_visible(timeout=15_000)
    expect(widget.messages).not_to_contain_text(customer["order"])


def test_a_page_with_hostile_styles_changes_nothing_in_the_chat(stage: Stage):
    def look(css: str) -> list[object]:
        widget = stage.shopper(stage.customer())
        if css:
            widget.page.evaluate(
                "css => { const s = new CSSStyleSheet(); s.replaceSync(css); document.adoptedStyleSheets = [s]; }",
                css,
            )
        expect(widget.launcher).to_be_visible()
        launcher = widget.launcher.bounding_box()
        widget.open()
        panel = widget.page.locator("#support-agent .panel").bounding_box()
        colour = widget.launcher.evaluate("button => getComputedStyle(button).backgroundColor")
        return [launcher, panel, colour, widget.frame.locator("#send").bounding_box()]

    hostile = "* { all: unset !important } div, button, iframe { display: none !important; opacity: 0 }"
    assert look(hostile) == look("")
