"""What only a browser shows of the approval protocol: single keys, focus on a wrong field, Reset, the undo window."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import Stage

pytestmark = pytest.mark.browser


@pytest.fixture
def one_click(stage: Stage) -> Iterator[None]:
    """New refund requests take one click, and can be taken back for a minute."""
    stage.backstage("care", tier="T1", undo_seconds=60)
    yield
    stage.backstage("care", tier="T2")


def held(stage: Stage, username: str = "supervisor") -> tuple[dict[str, str], Page]:
    """A refund that waits, open before somebody who decides."""
    customer = stage.customer()
    stage.backstage("ask_for_refund", customer=customer)
    page = stage.staff(username)
    page.goto(f"{stage.demo.console}/console/approvals/")
    row = page.get_by_test_id("approval-row").filter(has_text=customer["order"])
    expect(row).to_be_visible(timeout=15_000)
    row.click()
    expect(page.get_by_test_id("approval-detail")).to_contain_text(customer["order"])
    return customer, page


@pytest.mark.smoke
def test_a_approves_z_takes_it_back_and_neither_does_anything_while_somebody_types(stage: Stage, one_click: None):
    customer, page = held(stage)
    search = page.get_by_label("Search")
    search.press_sequentially("az?")
    expect(search).to_have_value("az?")
    expect(page.get_by_test_id("keys-sheet")).to_be_hidden()
    expect(page.get_by_test_id("approve")).to_be_visible()

    page.get_by_role("heading", level=2).first.click()
    page.keyboard.press("?")
    expect(page.get_by_test_id("keys-sheet")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(page.get_by_test_id("undo-bar").filter(has_text=customer["order"])).to_be_visible()
    page.wait_for_load_state()  # Race: the bar is drawn before the page's scripts run, and keys are theirs.
    page.keyboard.press("z")
    expect(page.get_by_test_id("because")).to_contain_text("took the approval back")
    expect(page.get_by_test_id("approve")).to_be_visible()
    assert stage.backstage("refunds", order=customer["order"]) == []


def test_a_wrong_amount_gets_the_focus_reset_restores_it_and_the_edit_waits_for_somebody_else(stage: Stage):
    stage.excuse("status of 422")
    customer, page = held(stage)
    page.keyboard.press("e")
    amount = page.get_by_label("Amount in EUR")
    expect(amount).to_be_focused()
    expect(amount).to_have_value("84.00")
    amount.fill("10")
    page.get_by_test_id("reset").click()
    expect(amount).to_have_value("84.00")

    amount.fill("sixty")
    page.get_by_label("Why you change it").fill("only one of two cups broke")
    page.get_by_test_id("confirm-edit").click()
    expect(amount).to_be_focused()
    expect(amount).to_have_attribute("aria-invalid", "true")
    expect(amount).to_have_accessible_description("Proposed: 84.00 Write the amount like 84.00, without the currency.")
    page.get_by_test_id("reset").click()
    expect(amount).to_have_value("84.00")
    amount.fill("60.00")
    page.get_by_label("Why you change it").fill("only one of two cups broke")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_test_id("why-not")).to_contain_text("somebody else decides")

    stage.backstage("new_colleague", username="editor-two", team="billing")
    second = stage.staff("editor-two")
    second.goto(page.url)
    expect(second.locator("del")).to_have_text("EUR 84.00")
    expect(second.locator("ins")).to_have_text("EUR 60.00")
    second.keyboard.press("a")
    expect(second.get_by_test_id("confirm-approve")).to_be_visible()
    second.keyboard.press("Control+Enter")
    expect(second.get_by_test_id("decided")).to_contain_text("Approved by")
    expect(second.get_by_test_id("aftermath")).to_contain_text("agents.tool_call.succeeded", timeout=20_000)
    assert stage.backstage("refunds", order=customer["order"]) == [6000]
