"""Every page in both themes, on a desk and on a phone: nothing serious for axe, nothing wider than the screen."""

from typing import Any

import pytest
from playwright.sync_api import Frame, Page, expect

from tests.browser.axe import violations
from tests.browser.people import DESKTOP, PHONE, Stage, Widget
from tests.browser.places import console_pages

pytestmark = pytest.mark.browser

LOOKS = [
    pytest.param({"color_scheme": scheme, "viewport": viewport}, id=f"{scheme}-{viewport['width']}")
    for scheme in ("light", "dark")
    for viewport in (DESKTOP, PHONE)
]


@pytest.fixture(scope="module")
def asked() -> dict[str, Any]:
    """A customer with a request that waits; the first look makes it, the others share it."""
    return {}


def customer_with_request(stage: Stage, asked: dict[str, Any]) -> tuple[dict[str, str], dict[str, Any]]:
    if not asked:
        customer = stage.customer()
        stage.backstage("ask_for_refund", customer=customer)
        asked["customer"] = customer
        page = stage.staff("supervisor")
        page.goto(f"{stage.demo.console}/console/approvals/")
        row = page.get_by_test_id("approval-row").filter(has_text=customer["order"])
        expect(row).to_be_visible(timeout=15_000)
        asked["facts"] = stage.backstage("facts_of", reference=customer["reference"])
    return asked["customer"], asked["facts"]


def defects(page: Page, frame: Frame | None = None) -> list[str]:
    found = violations(frame or page.main_frame)
    wider = (frame or page.main_frame).evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*found, *([f"{wider} px wider than the screen"] if wider > 0 else [])]


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_of_the_console_is_accessible_and_fits(stage: Stage, asked: dict[str, Any], look: dict[str, Any]):
    _, facts = customer_with_request(stage, asked)
    page = stage.staff("supervisor", **look)
    found = {}
    for path in console_pages(facts):
        page.goto(stage.demo.console + path)
        expect(page.locator("main")).to_be_visible()
        assert page.evaluate("document.documentElement.classList.contains('dark')") is (look["color_scheme"] == "dark")
        found[path] = defects(page)
    assert {path: each for path, each in found.items() if each} == {}


@pytest.mark.parametrize("look", LOOKS)
def test_the_log_in_page_is_accessible_and_fits(stage: Stage, look: dict[str, Any]):
    page = stage.page(**look)
    page.goto(f"{stage.demo.console}/admin/login/")
    assert defects(page) == []


@pytest.mark.parametrize("look", LOOKS)
def test_the_shop_and_the_chat_in_it_are_accessible_and_fit(stage: Stage, asked: dict[str, Any], look: dict[str, Any]):
    customer, _ = customer_with_request(stage, asked)
    widget = stage.shopper(customer, **look)
    expect(widget.launcher).to_be_visible()
    assert defects(widget.page) == []
    widget.open()
    expect(widget.pending).to_be_visible()
    assert defects(widget.page, chat_frame(widget)) == []


def chat_frame(widget: Widget) -> Frame:
    element = widget.page.locator("#support-agent iframe").element_handle()
    frame = element.content_frame() if element else None
    assert frame
    return frame
