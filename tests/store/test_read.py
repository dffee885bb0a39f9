"""What the shop tells: only about the bound customer, only what the role may see."""

import pytest

from supportagent.staff.models import User
from supportagent.store.mcp_server import server
from supportagent.store.models import Account, Order
from tests.store.door import agent, call
from tests.store.shop import ADDRESS, make_order

ORDER = {"order_id": "ORD-1042"}


def test_an_order_tells_its_state_and_its_money(billing: User, order: Order) -> None:
    call(server, "issue_refund", ORDER | {"amount_minor": 1400, "currency": "EUR"}, actor=billing)
    outcome = call(server, "get_order", ORDER, actor=billing)
    expected = {
        "status": "delivered",
        "revision": 2,
        "placed_on": "2026-05-04",
        "shipped_on": "2026-05-05",
        "total_minor": 8400,
        "captured_minor": 8400,
        "refunded_minor": 1400,
        "refundable_minor": 7000,
        "payment_method": "card •4242",
        "shipping_address": ADDRESS,
        "items": [{"sku": "COF-TIDE", "name": "Tide set", "quantity": 2, "unit_minor": 4200}],
    }
    assert {key: outcome.data[key] for key in expected} == expected
    assert outcome.records == ["order:ORD-1042"]


def test_a_role_without_sight_of_payments_is_told_that_something_is_withheld(rep: User, order: Order) -> None:
    data = call(server, "get_order", ORDER, actor=rep).data
    assert "payment_method" not in data
    assert data["withheld"] == ["payment_method"]
    customer = call(server, "get_customer", actor=rep).data
    assert "billing" not in customer
    assert customer["withheld"] == ["billing"]
    assert customer["email"] == "ana.martins@example.com"


def test_a_role_without_sight_of_personal_data_sees_no_address(billing: User, order: Order) -> None:
    billing.groups.get().permissions.filter(codename__in=["view_pii", "view_payment"]).delete()
    data = call(server, "get_customer", actor=billing).data
    assert data == {
        "reference": "CUS-1001",
        "name": "Ana Martins",
        "withheld": ["address", "billing", "email", "phone"],
    }


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [("list_payments", {}), ("get_invoice", ORDER)],
)
def test_a_support_rep_sees_neither_payments_nor_invoices(
    rep: User, order: Order, tool: str, arguments: dict[str, str]
) -> None:
    assert call(server, tool, arguments, actor=rep).code == "permission_denied"


def test_a_technical_agent_reads_nothing_in_the_shop(order: Order) -> None:
    technical = agent("Technical specialist")
    for tool in ("get_customer", "list_orders"):
        assert call(server, tool, actor=technical).code == "permission_denied"


def test_orders_come_newest_first_and_only_of_the_bound_customer(
    billing: User, order: Order, ana: Account, ben: Account, django_assert_max_num_queries: object
) -> None:
    for number in range(1043, 1068):
        make_order(ana, f"ORD-{number}")
    make_order(ben, "ORD-2000")
    with django_assert_max_num_queries(12):
        orders = call(server, "list_orders", actor=billing).data["orders"]
    assert len(orders) == 20
    assert [order["order_id"] for order in orders][:2] == ["ORD-1067", "ORD-1066"]
    assert call(server, "list_orders", actor=billing, customer="CUS-1002").data["orders"][0]["order_id"] == "ORD-2000"


@pytest.mark.parametrize("tool", ["get_order", "get_invoice", "list_payments", "order_facts"])
def test_no_read_finds_an_order_of_somebody_else(billing: User, order: Order, ben: Account, tool: str) -> None:
    assert call(server, tool, ORDER, actor=billing, customer="CUS-1002").code == "not_found"


def test_payments_and_refunds_are_listed_with_the_records_read(billing: User, order: Order) -> None:
    call(server, "issue_refund", ORDER | {"amount_minor": 100, "currency": "EUR"}, actor=billing, key="c.1")
    outcome = call(server, "list_payments", actor=billing)
    assert [p["payment_id"] for p in outcome.data["payments"]] == ["PAY-1042"]
    assert [r["amount_minor"] for r in outcome.data["refunds"]] == [100]
    assert outcome.records == ["payment:PAY-1042", f"refund:{outcome.data['refunds'][0]['refund_id']}"]


def test_the_invoice_takes_the_tax_out_of_the_total(billing: User, order: Order) -> None:
    data = call(server, "get_invoice", ORDER, actor=billing).data
    assert data["invoice_number"] == "INV-1042"
    assert (data["net_minor"], data["tax_minor"], data["total_minor"]) == (7000, 1400, 8400)
    assert data["lines"][0]["line_minor"] == 8400


def test_facts_hold_what_an_approver_decides_on(billing: User, order: Order, ana: Account) -> None:
    call(server, "issue_refund", ORDER | {"amount_minor": 400, "currency": "EUR"}, actor=billing)
    assert call(server, "order_facts", ORDER, actor=billing).data == {
        "order_id": "ORD-1042",
        "customer": "CUS-1001",
        "status": "delivered",
        "revision": 2,
        "currency": "EUR",
        "captured_minor": 8400,
        "refunded_minor": 400,
        "refundable_minor": 8000,
        "payment_method": "card •4242",
        "prior_refunds": 1,
    }
    assert call(server, "account_facts", actor=billing).data["revision"] == 1


def test_facts_are_for_the_host_and_not_in_the_list_for_models() -> None:
    assert {tool.name for tool in server.tools.values() if tool.host_only} == {"order_facts", "account_facts"}
