"""What people and models write is shown, never run: markup, links, images and characters that hide or turn."""

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.people import Stage

pytestmark = pytest.mark.browser

MARKUP = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><svg onload=alert(1)>"
LINKS = "[click](javascript:document.title='owned') ![pixel](https://evil.example/p.png) <data:text/html,x>"
TURNED = "invoice\u202efdp.exe"
HIDDEN = "hello\U000e0041\U000e0042\u200b"


def holds_nothing_active(place: Locator) -> None:
    expect(place.locator("script, img, svg, iframe, object, embed, [onerror], [onload], [style]")).to_have_count(0)
    targets = place.locator("a").evaluate_all("links => links.map(link => link.href)")
    assert not [target for target in targets if not target.startswith("http")]


def test_what_a_customer_writes_is_text_in_the_chat_and_in_the_console(stage: Stage):
    customer = stage.customer()
    widget = stage.shopper(customer)
    widget.open()
    wish = f"Order {customer['order']} arrived chipped. I would like my money back, please."
    widget.write(f"{wish} {MARKUP} {LINKS} {TURNED} {HIDDEN}")
    expect(widget.pending).to_be_visible(timeout=15_000)
    expect(widget.mine.last).to_contain_text(MARKUP)
    holds_nothing_active(widget.mine)
    assert "\u202e" not in widget.mine.last.inner_text()

    facts = stage.backstage("facts_of", reference=customer["reference"])
    desk = stage.staff("supervisor")
    for path, place in (
        (f"/console/approvals/{facts['approval']}/", "customer-words"),
        (f"/console/tickets/{facts['ticket']}/", "chat"),
    ):
        desk.goto(stage.demo.console + path)
        words = desk.get_by_test_id(place)
        expect(words).to_contain_text("<script>document.title='owned'</script>")
        expect(words.locator("script, img, [onerror], [onload]")).to_have_count(0)
        text = words.inner_text()
        assert "\u202e" not in text
        assert "\U000e0041" not in text
        assert "202E" in text.upper()  # staff see that something was hidden
        assert "owned" not in desk.title()
    assert "owned" not in widget.page.title()


def test_what_a_model_writes_cannot_load_or_run_anything_in_the_chat(stage: Stage):
    customer = stage.customer()
    widget = stage.shopper(customer)
    widget.open()
    widget.write("Where is my order?")
    widget.hears(customer["order"])
    ticket = stage.backstage("facts_of", reference=customer["reference"])["ticket"]
    stage.backstage("reply", ticket=ticket, body=f"**Bold** is fine. {MARKUP} {LINKS} {TURNED} https://evil.example/x")
    answer = widget.hears("is fine.")
    expect(answer.locator("strong")).to_have_text("Bold")
    expect(answer).to_contain_text("<script>")
    holds_nothing_active(answer)
    expect(answer.locator("a[href*='evil.example']")).to_have_count(0)
    assert "\u202e" not in answer.inner_text()
    assert "owned" not in widget.page.title()
