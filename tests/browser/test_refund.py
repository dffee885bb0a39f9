"""The main job: a customer asks for a refund in the chat, a person approves it, and the money moves once."""

import time

import pytest
from playwright.sync_api import expect

from tests.browser.people import Stage

pytestmark = [pytest.mark.browser, pytest.mark.smoke]

WISH = "The pour-over set from order ORD-1042 arrived chipped. I would like my money back, please."


def test_a_refund_goes_from_the_widget_through_the_supervisor_to_the_reply_and_leaves_its_trail(stage: Stage):
    queue = stage.staff("supervisor")
    queue.goto(f"{stage.demo.console}/console/approvals/")
    queue.evaluate("window.notReloaded = true")

    ana = stage.shopper()
    ana.open()
    ana.write(WISH)
    expect(ana.pending).to_contain_text("Your refund request (EUR 84.00", timeout=15_000)
    asked = time.monotonic()
    row = queue.get_by_test_id("approval-row").filter(has_text="ORD-1042")
    expect(row).to_be_visible(timeout=2_000)
    assert time.monotonic() - asked < 2
    assert queue.evaluate("window.notReloaded")

    row.click()
    detail = queue.get_by_test_id("approval-detail")
    expect(detail).to_contain_text("EUR 84.00")
    expect(queue.get_by_test_id("arguments")).to_contain_text("ORD-1042")
    expect(queue.get_by_test_id("rule")).to_contain_text("Every refund is seen by a person")
    expect(queue.get_by_test_id("facts")).to_contain_text("card •4242")
    expect(queue.get_by_test_id("customer-words")).to_contain_text("arrived chipped")
    assert stage.backstage("refunds", order="ORD-1042") == []
    queue.get_by_test_id("approve").click()
    queue.get_by_test_id("confirm-approve").click()

    ana.hears("the refund of EUR 84.00 for order ORD-1042 was issued")
    expect(ana.pending).to_have_count(0)
    assert stage.backstage("refunds", order="ORD-1042") == [8400]
    expect(queue.get_by_test_id("decided")).to_contain_text("Ana Ruiz")
    expect(queue.get_by_test_id("aftermath")).to_be_visible()

    run = stage.backstage("facts_of", reference="CUS-1001")["run"]
    queue.goto(f"{stage.demo.console}/console/runs/{run}/")
    timeline = queue.get_by_test_id("run")
    expect(timeline).to_contain_text("Completed")
    for kind in ("message", "model", "tool", "approval", "human"):
        expect(queue.get_by_test_id(f"event-{kind}").first).to_be_visible()
    expect(queue.get_by_test_id("event-tool").filter(has_text="issue_refund").first).to_be_visible()

    auditor = stage.staff("auditor")
    auditor.goto(f"{stage.demo.console}/admin/audit/auditentry/?q=ORD-1042")
    entries = auditor.locator("#result_list")
    for action in ("approvals.request.created", "approvals.request.approved", "store.refund.issued"):
        expect(entries).to_contain_text(action)
