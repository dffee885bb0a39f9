"""Money goes back once, never more than was taken, and never without an entry in the audit log."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, connection, transaction

from audit.models import AuditEntry
from supportagent.grants.server import Outcome
from supportagent.staff.models import User
from supportagent.store import services
from supportagent.store.errors import KeyConflict, RefundRefused
from supportagent.store.mcp_server import server
from supportagent.store.models import Account, Order, Refund
from tests.store.door import call
from tests.store.shop import make_order

REFUND = {"order_id": "ORD-1042", "amount_minor": 8400, "currency": "EUR"}


def refund(actor: User, *, key: str = "", customer: str = "CUS-1001", **changed: object) -> Outcome:
    """Refund all of ORD-1042, with some arguments changed or added."""
    return call(server, "issue_refund", REFUND | changed, actor=actor, customer=customer, key=key)


def test_a_full_refund_moves_the_money_and_tells_the_new_state(billing: User, order: Order) -> None:
    outcome = refund(billing)
    assert outcome.ok
    stored = Refund.objects.get()
    assert outcome.data == {
        "refund_id": stored.refund_id,
        "order_id": "ORD-1042",
        "amount_minor": 8400,
        "currency": "EUR",
        "refunded_minor": 8400,
        "status": "issued",
        "method": "card •4242",
    }
    assert outcome.records == ["order:ORD-1042", f"refund:{stored.refund_id}"]
    assert (stored.issued_by_type, stored.issued_by_id) == ("agent", str(billing.pk))
    order.refresh_from_db()
    assert (order.status, order.revision) == ("delivered", 2)


def test_the_refund_is_found_in_the_audit_log_by_its_order(billing: User, order: Order) -> None:
    refund(billing, amount_minor=1000)
    entry = AuditEntry.objects.get(action="store.refund.issued")
    assert entry.target_type == "refund"
    assert (entry.actor_type, entry.actor_id) == ("agent", str(billing.pk))
    assert list(AuditEntry.objects.about("order", "ORD-1042")) == [entry]


def test_two_partial_refunds_may_add_up_to_what_was_captured_and_not_a_cent_more(billing: User, order: Order) -> None:
    assert refund(billing, amount_minor=8000).ok
    assert refund(billing, amount_minor=401).code == "above_refundable"
    assert refund(billing, amount_minor=400).data["refunded_minor"] == 8400
    assert refund(billing, amount_minor=1).code == "above_refundable"


def test_the_same_call_twice_pays_once_and_answers_the_same(billing: User, order: Order) -> None:
    first, second = (refund(billing, amount_minor=2000, key="call-a.1") for _ in range(2))
    assert first.data == second.data
    assert Refund.objects.count() == 1


def test_one_key_never_serves_two_different_refunds(billing: User, order: Order) -> None:
    known = {"actor": billing, "customer": "CUS-1001", "order_id": "ORD-1042", "currency": "EUR"}
    first = services.refund_order(**known, amount_minor=500, idempotency_key="k.1")
    assert services.refund_order(**known, amount_minor=500, idempotency_key="k.1") == first
    with pytest.raises(KeyConflict):
        services.refund_order(**known, amount_minor=600, idempotency_key="k.1")
    assert Refund.objects.count() == 1


@pytest.mark.parametrize(
    ("currency", "code"),
    [("USD", "currency_mismatch"), ("eur", "invalid_arguments"), ("€", "invalid_arguments")],
)
def test_another_currency_is_refused(billing: User, order: Order, currency: str, code: str) -> None:
    assert refund(billing, currency=currency).code == code
    assert not Refund.objects.exists()


@pytest.mark.parametrize("amount", ["8400", "1e9", 84.0, 0, -5, True, None, [1], {"minor": 1}, 2**70])
def test_an_amount_that_is_no_positive_integer_is_refused_as_sent(billing: User, order: Order, amount: object) -> None:
    assert refund(billing, amount_minor=amount).code == "invalid_arguments"
    assert not Refund.objects.exists()


@pytest.mark.parametrize(
    "order_id",
    ["ord-1042", "ORD-1042' OR 1=1", "../ORD-1042", "ORD-" + "1" * 5000, "ORD-1042\n", ["ORD-1042"]],
)
def test_an_order_id_of_another_shape_is_refused(billing: User, order: Order, order_id: object) -> None:
    assert refund(billing, order_id=order_id).code == "invalid_arguments"


@pytest.mark.parametrize("name", ["customer", "customer_id", "idempotency_key", "state_key", "actor"])
def test_identity_is_never_taken_from_an_argument(billing: User, order: Order, name: str) -> None:
    assert call(server, "issue_refund", REFUND | {name: "CUS-1002"}, actor=billing).code == "invalid_arguments"
    assert not Refund.objects.exists()


def test_an_order_of_somebody_else_looks_like_one_that_does_not_exist(
    billing: User, order: Order, ben: Account
) -> None:
    foreign = refund(billing, customer="CUS-1002")
    missing = refund(billing, customer="CUS-9999")
    assert foreign.data == missing.data
    assert foreign.code == "not_found"
    assert not Refund.objects.exists()


@pytest.mark.parametrize("status", ["paid", "cancelled"])
def test_an_order_that_never_left_is_not_refunded_singly(billing: User, ana: Account, status: str) -> None:
    make_order(ana, status=status)
    assert refund(billing, amount_minor=100).code == "not_refundable"


def test_nothing_is_given_back_where_nothing_was_captured(billing: User, ana: Account) -> None:
    make_order(ana, captured=False)
    assert refund(billing, amount_minor=100).code == "nothing_captured"


def test_a_support_rep_may_not_refund_through_either_door(rep: User, order: Order) -> None:
    assert refund(rep).code == "permission_denied"
    with pytest.raises(PermissionDenied):
        services.refund_order(
            actor=rep,
            customer="CUS-1001",
            order_id="ORD-1042",
            amount_minor=1,
            currency="EUR",
            idempotency_key="k.1",
        )
    assert not Refund.objects.exists()


def test_being_a_superuser_alone_moves_no_money(order: Order) -> None:
    root = User.objects.create_superuser("root")
    with pytest.raises(PermissionDenied):
        services.refund_order(
            actor=root,
            customer="CUS-1001",
            order_id="ORD-1042",
            amount_minor=1,
            currency="EUR",
            idempotency_key="k.1",
        )


def test_an_unverified_visitor_reaches_no_order(billing: User, order: Order) -> None:
    assert refund(billing, customer="").code == "identity_required"


@pytest.mark.parametrize("values", [{"amount_minor": 0}, {"amount_minor": -1}, {"currency": "eur"}])
def test_the_database_itself_refuses_money_that_makes_no_sense(
    billing: User, order: Order, values: dict[str, object]
) -> None:
    refund(billing, amount_minor=100)
    with pytest.raises(IntegrityError), transaction.atomic():
        Refund.objects.update(**values)


@pytest.mark.django_db(transaction=True)
def test_ten_refunds_at_once_never_give_back_more_than_was_captured(billing: User, order: Order) -> None:
    def one(number: int) -> str:
        try:
            made = services.refund_order(
                actor=billing,
                customer="CUS-1001",
                order_id="ORD-1042",
                amount_minor=2000,
                currency="EUR",
                idempotency_key=f"thread-{number}.1",
            )
            return made.status
        except RefundRefused as refused:
            return refused.code
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        results = list(pool.map(one, range(10)))
    assert sorted(results) == ["above_refundable"] * 6 + ["issued"] * 4
    assert sum(Refund.objects.values_list("amount_minor", flat=True)) == 8000
    assert AuditEntry.objects.filter(action="store.refund.issued").count() == 4
    order.refresh_from_db()
    assert order.revision == 5
