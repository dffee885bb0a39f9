"""No page breaks its content security policy, fetches from elsewhere, or reports an error."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.people import Stage
from tests.browser.places import console_pages

pytestmark = pytest.mark.browser


def follow_menu(page: Page) -> list[str]:
    links = page.locator("#sidebar a[href^='/console/']")
    return sorted(set(links.evaluate_all("links => links.map(link => link.getAttribute('href'))")))


@pytest.mark.smoke
def test_no_page_of_the_console_the_shop_and_the_widget_breaks_its_policy_or_reaches_elsewhere(stage: Stage):
    """The stage fails the test for every complaint of a browser; here the pages are only visited."""
    customer = stage.customer()
    widget = stage.shopper(customer)
    widget.open()
    widget.write(f"My order {customer['order']} arrived chipped. I would like my money back, please.")
    expect(widget.pending).to_be_visible(timeout=15_000)

    page = stage.staff("supervisor")
    places = console_pages(stage.backstage("facts_of", reference=customer["reference"]))
    page.goto(stage.demo.console + places[0])
    for path in sorted({*places, *follow_menu(page)}):
        answer = page.goto(stage.demo.console + path)
        assert answer and answer.status == 200, path
        policy = answer.headers["content-security-policy"]
        assert "unsafe" not in policy, path
        expect(page.locator("main")).to_be_visible()


def test_the_pages_of_the_admin_report_no_error_under_their_policy(stage: Stage):
    page = stage.staff("admin")
    page.goto(f"{stage.demo.console}/admin/")
    links = page.locator("#nav-sidebar a[href^='/admin/'], nav a[href^='/admin/'], aside a[href^='/admin/']")
    paths = sorted(set(links.evaluate_all("links => links.map(link => link.getAttribute('href'))")))
    assert len(paths) > 10
    for path in paths:
        answer = page.goto(stage.demo.console + path)
        assert answer and answer.status == 200, path
