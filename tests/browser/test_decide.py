"""Supervisors before one request: a refusal with its reason, two people at once, the end of the time."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import Stage, Widget

pytestmark = pytest.mark.browser


def ask(stage: Stage) -> tuple[dict[str, str], Widget]:
    """A new customer who has asked for the money back and sees that it is with the team."""
    customer = stage.customer()
    widget = stage.shopper(customer)
    widget.open()
    widget.write(f"My order {customer['order']} arrived chipped. I would like my money back, please.")
    expect(widget.pending).to_be_visible(timeout=15_000)
    return customer, widget


def open_request(stage: Stage, customer: dict[str, str], username: str = "supervisor") -> Page:
    page = stage.staff(username)
    page.goto(f"{stage.demo.console}/console/approvals/")
    page.get_by_test_id("approval-row").filter(has_text=customer["order"]).click()
    return page


@pytest.mark.smoke
def test_a_rejection_needs_a_reason_and_the_customer_hears_only_the_sentence_meant_for_them(stage: Stage):
    stage.excuse("status of 422")
    customer, widget = ask(stage)
    page = open_request(stage, customer)
    page.get_by_test_id("reject").click()
    with page.expect_response(lambda response: response.url.split("?")[0].endswith("/reject/")) as refused:
        page.get_by_test_id("confirm-reject").click()
    assert refused.value.status == 422
    why = page.get_by_label("Why", exact=True)
    expect(why).to_be_focused()
    expect(why).to_have_attribute("aria-invalid", "true")
    expect(why).to_have_accessible_description("Choose why you reject this.")

    why.select_option("evidence")
    page.get_by_label("Note for colleagues").fill("Third claim this month, looks like fraud")
    page.get_by_label(re.compile("Sentence that the customer may read")).fill("Please send us a photo of the set.")
    page.get_by_test_id("confirm-reject").click()
    expect(page.get_by_test_id("decided")).to_contain_text("Rejected by")

    widget.hears("Please send us a photo of the set.")
    expect(widget.pending).to_have_count(0)
    expect(widget.messages).not_to_contain_text("fraud")
    assert stage.backstage("refunds", order=customer["order"]) == []


@pytest.mark.smoke
def test_of_two_supervisors_who_decide_at_once_one_wins_and_the_other_sees_who(stage: Stage):
    stage.excuse("status of 409")
    customer, widget = ask(stage)
    stage.backstage("new_colleague", username="second", team="billing")
    first, second = stage.staff("supervisor"), stage.staff("second")
    for page in (first, second):
        page.goto(f"{stage.demo.console}/console/approvals/")
        page.get_by_test_id("approval-row").filter(has_text=customer["order"]).click()
    # The slower one has read the page as it was: no news reach it before the click.
    second.get_by_test_id("reject").click()
    second.get_by_label("Why", exact=True).select_option("evidence")
    form = second.locator("form[action*='/reject/']")
    stale = form.evaluate("form => [form.action, new URLSearchParams(new FormData(form)).toString()]")
    first.get_by_test_id("approve").click()
    first.get_by_test_id("confirm-approve").click()
    expect(first.get_by_test_id("decided")).to_contain_text("Approved by")
    expect(second.get_by_test_id("decided")).to_contain_text("Ana Ruiz")  # by the news, without a click

    answer = second.request.post(
        stale[0], data=stale[1], headers={"Content-Type": "application/x-www-form-urlencoded", "Referer": stale[0]}
    )
    assert answer.status == 409
    assert "Ana Ruiz" in answer.text()
    widget.hears("84.00")
    assert stage.backstage("refunds", order=customer["order"]) == [8400]


@pytest.fixture
def hurry(stage: Stage) -> Iterator[None]:
    """Who asks for a refund now is answered within seconds or not at all.

    The rule stays until the end of the test: what waits under an older rule is judged again.
    """
    stage.backstage("time_to_decide", seconds=20)
    yield
    stage.backstage("time_to_decide", seconds=4 * 3600)


def test_when_the_time_is_over_the_buttons_stop_and_a_late_decision_gets_410(stage: Stage, hurry: None):
    stage.excuse("status of 410")
    customer, widget = ask(stage)
    page = open_request(stage, customer)
    page.get_by_test_id("approve").click()
    confirm = page.get_by_test_id("confirm-approve")
    expect(confirm).to_be_enabled()
    form = page.locator("form[action*='/approve/']")
    late = form.evaluate("form => [form.action, new URLSearchParams(new FormData(form)).toString()]")
    expect(confirm.and_(page.locator(":disabled")).or_(page.get_by_test_id("decided"))).to_be_visible(timeout=30_000)
    answer = page.request.post(
        late[0], data=late[1], headers={"Content-Type": "application/x-www-form-urlencoded", "Referer": late[0]}
    )
    assert answer.status == 410
    expect(widget.pending).to_have_count(0, timeout=15_000)
    assert stage.backstage("refunds", order=customer["order"]) == []
