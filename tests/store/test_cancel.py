"""An order can be cancelled until it leaves; then all the money goes back with it."""

import pytest

from audit.models import AuditEntry
from supportagent.staff.models import User
from supportagent.store.mcp_server import server
from supportagent.store.models import Account, Cancellation, Refund
from tests.store.door import call
from tests.store.shop import make_order

ORDER = {"order_id": "ORD-1042"}


def test_a_paid_order_is_cancelled_and_its_money_goes_back(billing: User, ana: Account) -> None:
    order = make_order(ana, status="paid")
    outcome = call(server, "cancel_order", ORDER, actor=billing)
    refund = Refund.objects.get()
    assert outcome.data == {
        "order_id": "ORD-1042",
        "status": "cancelled",
        "refund_id": refund.refund_id,
        "refunded_minor": 8400,
        "currency": "EUR",
    }
    order.refresh_from_db()
    assert (order.status, order.revision) == ("cancelled", 2)
    actions = set(AuditEntry.objects.about("order", "ORD-1042").values_list("action", flat=True))
    assert actions == {"store.order.cancelled", "store.refund.issued"}


def test_an_order_without_captured_money_is_cancelled_without_a_refund(billing: User, ana: Account) -> None:
    make_order(ana, status="paid", captured=False)
    outcome = call(server, "cancel_order", ORDER, actor=billing)
    assert (outcome.data["refund_id"], outcome.data["refunded_minor"]) == (None, 0)
    assert Cancellation.objects.get().refund is None


def test_cancelling_twice_with_one_key_refunds_once(billing: User, ana: Account) -> None:
    make_order(ana, status="paid")
    first, second = (call(server, "cancel_order", ORDER, actor=billing, key="call-a.1") for _ in range(2))
    assert first.data == second.data
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("status", ["shipped", "delivered", "returned"])
def test_an_order_that_has_left_is_not_cancelled(billing: User, ana: Account, status: str) -> None:
    make_order(ana, status=status)
    assert call(server, "cancel_order", ORDER, actor=billing).code == "already_shipped"
    assert not Refund.objects.exists()


def test_a_second_cancellation_hears_that_it_was_done(billing: User, ana: Account) -> None:
    make_order(ana, status="paid")
    call(server, "cancel_order", ORDER, actor=billing)
    assert call(server, "cancel_order", ORDER, actor=billing).code == "already_cancelled"
    assert Refund.objects.count() == 1


def test_nobody_cancels_an_order_of_somebody_else(billing: User, ana: Account, ben: Account) -> None:
    order = make_order(ana, status="paid")
    assert call(server, "cancel_order", ORDER, actor=billing, customer="CUS-1002").code == "not_found"
    order.refresh_from_db()
    assert order.status == "paid"


def test_a_support_rep_may_not_cancel(rep: User, ana: Account) -> None:
    make_order(ana, status="paid")
    assert call(server, "cancel_order", ORDER, actor=rep).code == "permission_denied"
