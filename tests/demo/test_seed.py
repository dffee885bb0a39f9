"""The demo shop: complete, consistent with itself and with the audit log, and the same every time."""

import io
from collections import Counter
from datetime import UTC, datetime

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import F, Model, Sum

from audit.models import AuditEntry
from supportagent.demo.logins import LOGINS, PASSWORD
from supportagent.demo.seeding import reset, seed
from supportagent.engineering import state_checks as engineering_checks
from supportagent.engineering.models import ServiceLog
from supportagent.knowledge.models import Article
from supportagent.knowledge.search import search_articles
from supportagent.staff.models import Team, User
from supportagent.store import state_checks as store_checks
from supportagent.store.balance import balance_of
from supportagent.store.models import Account, Order, Product, Refund
from supportagent.tickets import state_checks as ticket_checks
from supportagent.tickets.models import Customer, HandOver, Message, Ticket

NOW = datetime(2026, 5, 4, 15, 30, 12, tzinfo=UTC)
DOMAINS = ("store", "knowledge", "engineering", "tickets", "staff", "audit")

pytestmark = pytest.mark.django_db


def rows() -> dict[str, int]:
    models: list[type[Model]] = [m for label in DOMAINS for m in apps.get_app_config(label).get_models()]
    return {model._meta.label: model._default_manager.count() for model in models}


def picture() -> list[tuple[object, ...]]:
    """Everything with a date or an amount, without the keys that the database hands out."""
    return [
        *Order.objects.order_by("order_id").values_list("order_id", "status", "placed_at", "delivered_at", "tracking"),
        *Refund.objects.order_by("refund_id").values_list("refund_id", "amount_minor", "issued_at"),
        *ServiceLog.objects.order_by("at", "message").values_list("at", "service", "message"),
    ]


def test_the_shop_is_as_large_as_promised_and_has_orders_in_every_state() -> None:
    seed(NOW)
    assert Account.objects.count() == Customer.objects.count() == 4
    assert Product.objects.count() >= 25
    assert Article.objects.count() == 20
    states = Counter(Order.objects.values_list("status", flat=True))
    assert set(states) == {"paid", "shipped", "delivered", "returned", "cancelled"}
    assert sum(states.values()) >= 40
    assert min(states.values()) >= 4
    partly = Order.objects.annotate(back=Sum("refunds__amount_minor")).filter(
        status="delivered", back__gt=0, back__lt=F("payments__amount_minor")
    )
    assert partly.count() >= 3
    assert Ticket.objects.count() >= 60
    assert set(Ticket.objects.values_list("team__slug", flat=True)) == {"orders", "billing", "technical", "partners"}


def test_the_showcase_order_is_delivered_and_nothing_of_it_is_refunded() -> None:
    seed(NOW)
    order = Order.objects.get(order_id="ORD-1042")
    balance = balance_of(order)
    assert (order.account.reference, order.status, order.currency) == ("CUS-1001", "delivered", "EUR")
    assert (balance.captured_minor, balance.refunded_minor) == (8400, 0)
    assert balance.payment is not None and balance.payment.method == "card •4242"


def test_no_order_contradicts_itself() -> None:
    seed(NOW)
    for order in Order.objects.prefetch_related("items"):
        balance = balance_of(order)
        total = sum(item.quantity * item.unit_minor for item in order.items.all()) + order.shipping_minor
        moments = [at for at in (order.placed_at, order.shipped_at, order.delivered_at, order.returned_at, NOW) if at]
        assert balance.captured_minor == total, order
        assert 0 <= balance.refunded_minor <= total, order
        assert moments == sorted(moments), order
        assert (order.status == "cancelled") == hasattr(order, "cancellation"), order
        if order.status == "cancelled":
            assert balance.remaining_minor == 0, order
    for refund in Refund.objects.select_related("order"):
        earliest = refund.order.returned_at if refund.order.status == "returned" else refund.order.placed_at
        assert earliest is not None and earliest < refund.issued_at < NOW, refund


def test_conversations_lie_in_the_past_and_leave_no_place_unfilled() -> None:
    seed(NOW)
    for message in Message.objects.select_related("ticket"):
        assert "{" not in message.body and "  " not in message.body, message.body
        assert message.created_at < NOW
    for ticket in Ticket.objects.all():
        assert ticket.created_at <= ticket.updated_at < NOW
        assert (ticket.resolved_at is not None) == ticket.is_over
    waiting = set(Ticket.objects.filter(state="WAITING_PERSON").values_list("pk", flat=True))
    assert waiting == set(HandOver.objects.filter(closed_at=None).values_list("ticket_id", flat=True))


def test_no_open_thread_waits_where_a_new_chat_would_land_in_it() -> None:
    seed(NOW)
    assert not Ticket.objects.open().filter(channel=Ticket.Channel.WIDGET).exists()


def test_every_row_that_needs_an_audit_entry_has_it() -> None:
    seed(NOW)
    recorded = set(AuditEntry.objects.values_list("target_type", "target_id", "action"))
    checks = (
        store_checks.refunds,
        store_checks.cancellations,
        engineering_checks.issues,
        ticket_checks.messages,
        ticket_checks.hand_overs,
    )
    missing = [row for check in checks for row in check() if row[1:] not in recorded]
    assert missing == []
    assert AuditEntry.objects.filter(action="store.order.imported").count() == Order.objects.count()


def test_a_second_run_changes_nothing() -> None:
    seed(NOW)
    before, shown = rows(), picture()
    again = seed(datetime(2026, 6, 1, tzinfo=UTC))
    assert not again.anything
    assert (rows(), picture()) == (before, shown)


def test_a_reset_gives_the_very_same_shop_and_leaves_the_tickets_alone() -> None:
    seed(NOW)
    shown, tickets = picture(), list(Ticket.objects.order_by("pk").values_list("number", "state"))
    Order.objects.filter(order_id="ORD-1042").update(status="returned")
    reset(NOW)
    assert picture() == shown
    assert list(Ticket.objects.order_by("pk").values_list("number", "state")) == tickets
    assert AuditEntry.objects.filter(action="store.shop.reset").count() == 1


def test_the_log_ins_work_and_see_their_own_teams_only() -> None:
    seed(NOW)
    for login in LOGINS:
        user = User.objects.get(username=login.username)
        assert user.check_password(PASSWORD)
        assert [group.name for group in user.groups.all()] == [login.role]
    for login in (login for login in LOGINS if login.role == "Supervisor"):
        user = User.objects.get(username=login.username)
        assert set(Team.objects.visible_to(user).values_list("slug", flat=True)) == set(login.teams)
        assert set(Team.objects.decided_by(user).values_list("slug", flat=True)) == set(login.teams)
    assert not Team.objects.decided_by(User.objects.get(username="admin")).exists()


QUESTIONS = (
    ("How long do I have to return an opened item?", "returns-policy"),
    ("When will I get my refund back on my card?", "refund-timing"),
    ("What is the tide pour-over set made of, is it lead free?", "materials-and-food-safety"),
    ("The brew app crashes on my android phone", "brew-app-crashes"),
    ("my kettle does not sync with wifi", "brew-kettle-sync"),
    ("I forgot my password", "password-reset"),
    ("how much is shipping to Germany", "shipping-times"),
    ("can I put the grinder in the dishwasher", "cleaning-and-descaling"),
    ("gift card balance", "gift-cards"),
    ("does the skillet fit on induction hobs", "sizes-and-capacity"),
    ("how do I get an invoice with our vat number", "invoices-and-vat"),
    ("is there a warranty on the kettle", "warranty"),
)


def test_a_customers_question_finds_the_article_that_answers_it() -> None:
    seed(NOW)
    reader = User.objects.get(username="rep")
    found = {
        question: [hit.article.slug for hit in search_articles(actor=reader, query_text=question)]
        for question, _ in QUESTIONS
    }
    assert [question for question, slug in QUESTIONS if slug not in found[question][:2]] == []


def test_the_command_says_what_it_did_and_refuses_production(settings: pytest.FixtureRequest) -> None:
    said = [io.StringIO(), io.StringIO()]
    for out in said:
        call_command("seed_demo", "--without-history", stdout=out)
    assert "43 orders" in said[0].getvalue()
    assert "already there" in said[1].getvalue()
    settings.PRODUCTION = True
    for arguments in ([], ["--reset"]):
        with pytest.raises(CommandError, match="SUPPORTAGENT_ENV=production refuses"):
            call_command("seed_demo", *arguments)
