"""The log-in page works under its policy, says what is wrong, and log-out ends everything."""

import time

import pytest
from playwright.sync_api import Route, expect

from tests.browser.people import Stage, log_in

pytestmark = [pytest.mark.browser, pytest.mark.smoke]


def test_a_wrong_password_is_said_the_right_one_leads_on_and_logging_out_closes_the_door(stage: Stage):
    page = stage.page()
    log_in(page, stage.demo, "finance", "not the password")
    expect(page.get_by_text("Please enter the correct username and password")).to_be_visible()
    expect(page.get_by_label("Username")).to_have_value("finance")
    page.get_by_label("Password").fill("demo")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{stage.demo.console}/console/approvals/")

    page.get_by_role("button", name="Femi Adeyemi").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/admin/login/**")
    page.goto(f"{stage.demo.console}/console/approvals/")
    expect(page.get_by_label("Password")).to_be_visible()


def test_a_log_out_that_is_answered_slowly_still_leads_to_the_log_in_page(stage: Stage):
    page = stage.staff("finance")
    page.goto(f"{stage.demo.console}/console/approvals/")
    expect(page.get_by_role("button", name="Femi Adeyemi")).to_be_visible()
    left_for: list[str] = []
    page.on("request", lambda request: left_for.append(request.url) if request.is_navigation_request() else None)

    def answer_late(route: Route) -> None:
        response = route.fetch(max_redirects=0)  # the server has logged out and closed the socket
        time.sleep(1.5)
        route.fulfill(response=response)

    # News come in all the while: what the page then fetches is answered with the log-in page.
    page.evaluate("setInterval(() => document.body.dispatchEvent(new CustomEvent('live:changed', {detail: {}})), 100)")
    page.route("**/logout/", answer_late)
    page.get_by_role("button", name="Femi Adeyemi").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/admin/login/**")
    assert not any("/approvals/" in url.partition("?")[0] for url in left_for), left_for
    del stage.logged_in["finance"]
