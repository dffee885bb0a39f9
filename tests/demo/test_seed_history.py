"""The demo's past four weeks: believable, in agreement with themselves and the audit trail, and the same every time."""

import io
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Count, F, Q, Sum
from django.test import Client

from agents.costs import budgets, interactions, prices
from agents.models import Agent, Budget, CostAlert, Interaction, ModelCall, Run, Spend, ToolCall
from agents.providers.base import Usage
from approvals import binding
from approvals.models import ApprovalDecision, ApprovalRequest
from audit import verification
from audit.models import AuditEntry
from supportagent.demo.history import plan
from supportagent.demo.history.house import DEARER_MODEL, MODEL, PROVIDER
from supportagent.demo.history.plan import DAYS, conversations
from supportagent.demo.history.write import seed_history
from supportagent.demo.seeding import SeedRefused, seed
from supportagent.metrics.measures import report
from supportagent.metrics.measures.scope import Scope
from supportagent.periods import last_days
from supportagent.quality.accuracy import Wanted, judgements
from supportagent.staff.models import User
from supportagent.store.models import Order, Refund
from supportagent.tickets.models import Customer, HandOver, Message, Ticket, Triage, WorkPeriod
from tests import database

NOW = datetime(2026, 5, 6, 15, 30, tzinfo=UTC)
SINCE = NOW - timedelta(days=DAYS)

pytestmark = pytest.mark.django_db


def _past() -> None:
    seed(NOW)
    seed_history(NOW)


@pytest.fixture
def past(db: None) -> None:
    database.write_once(_past)


def history() -> Any:
    return Ticket.objects.filter(messages__client_message_id__startswith="history-")


def figures() -> dict[str, Any]:
    scope = Scope(last_days(DAYS, NOW), now=NOW)
    return {each.key: each for section in report(scope) for each in section.figures}


def test_every_figure_of_the_report_says_something_believable(past: None) -> None:
    shown = figures()
    assert [key for key, figure in shown.items() if figure.value is None] == ["oldest"]  # nothing waits any more
    told = {key: figure.value for key, figure in shown.items()}
    assert 300 <= history().count() <= 500
    assert 0.5 < told["resolution"] < 0.8
    assert 3.9 < told["satisfaction"] < 4.5
    assert 0.3 < told["response_rate"] < 0.6
    assert told["approved"] > 0.6 and told["edited"] > 0 and told["expired"] > 0
    assert 0.85 < told["triage_accuracy"] < 1
    admin = User.objects.get(username="admin")
    judged = judgements(admin, Wanted(SINCE, NOW)).together()
    assert judged.labelled >= 60 and 0.75 < (judged.weighted or 0) < 1 and judged.agreement.items >= 5
    resolutions = set(Interaction.objects.filter(ended_at__gte=SINCE).values_list("resolution", flat=True))
    assert resolutions == set(Interaction.Resolution.values) - {"open"}
    hours = Counter(ticket.created_at.hour for ticket in history())
    days = Counter(ticket.created_at.weekday() for ticket in history())
    assert sum(hours[hour] for hour in range(8, 20)) > 4 * sum(hours[hour] for hour in range(7))
    assert days[5] + days[6] < days[0] + days[1]
    versions = Interaction.objects.filter(agent__slug="billing").values_list("agent_version", flat=True)
    assert len(set(versions)) == 2
    dearest = Counter[datetime]()
    for at, charged in Spend.objects.values_list("created_at", "charged"):
        dearest[at.replace(minute=0, second=0, microsecond=0)] += charged
    [(hour, spent)] = dearest.most_common(1)
    [alert] = CostAlert.objects.all()
    assert alert.ended_at is not None and hour <= alert.first_at < hour + timedelta(hours=1)
    assert alert.figures["spent"] <= spent
    assert Run.objects.filter(pk__in=alert.run_ids, agent=alert.agent).count() == 5


def test_all_rows_agree_with_each_other_and_with_the_audit_trail(past: None) -> None:
    assert verification.verify().ok
    assert budgets.drifts() == []
    runs = Run.objects.annotate(charged=Sum("spends__charged"))
    assert runs.exclude(cost_micros=F("charged")).count() == 0
    assert not Run.objects.exclude(state__in=["COMPLETED", "HANDED_OVER"]).exists()
    replies = {(call.run_id, call.turn): call for call in ModelCall.objects.all()}
    listed = {model: prices.listed(provider=PROVIDER, model=model) for model in (MODEL, DEARER_MODEL)}
    charged = Counter[int]()
    for spend in Spend.objects.all():
        call, usage = replies[spend.run_id, spend.turn], Usage(
            spend.input_tokens, spend.output_tokens, spend.cached_tokens, spend.reasoning_tokens
        )  # fmt: skip
        price = listed[spend.model]
        charged.update(dict.fromkeys(spend.budget_ids, spend.charged))
        assert spend.charged == call.cost_micros == prices.cost(usage, price)
        assert (spend.price_id, spend.state) == (price.id, Spend.State.SETTLED)
        assert spend.request_id.startswith("sample-")
    assert len(replies) == Spend.objects.count() == Run.objects.aggregate(n=Sum("turns"))["n"]
    for budget in Budget.objects.all():
        if budget.period == Budget.Period.EVER:
            assert budget.spent == charged[budget.pk]
        else:
            assert (0 < budget.spent <= charged[budget.pk]) == (budget.period_start is not None)
    for request in ApprovalRequest.objects.select_related("tool__server").annotate(votes=Count("decisions")):
        assert binding.digest_of(request) == request.digest
        assert request.state != ApprovalRequest.State.PENDING
        assert request.votes == (request.state in ("APPROVED", "REJECTED"))
    own = ApprovalDecision.objects.filter(decided_by=F("request__edited_by"))
    assert not own.exists(), "whoever edits a request does not decide it"
    states = Counter(ApprovalRequest.objects.values_list("state", flat=True))
    assert set(states) == {"APPROVED", "REJECTED", "EXPIRED", "SUPERSEDED"}
    paid = ToolCall.objects.filter(name="store__issue_refund", state="SUCCEEDED")
    assert paid.count() >= 10
    for call in paid:
        refund = Refund.objects.get(order__order_id=call.subject.removeprefix("order:"))
        assert refund.amount_minor == call.amount_minor
    cancelled = ToolCall.objects.filter(name="store__cancel_order", state="SUCCEEDED").values_list("subject", flat=True)
    assert {f"order:{each}" for each in Order.objects.filter(order_id__gte="ORD-3000", status="cancelled").values_list(
        "order_id", flat=True)} == set(cancelled)  # fmt: skip


def test_it_all_lies_in_the_past_and_nothing_waits_for_anybody(past: None) -> None:
    for ticket in history().prefetch_related("messages"):
        said = list(ticket.messages.all())
        assert ticket.is_over and ticket.resolved_at <= ticket.updated_at < NOW
        assert [message.seq for message in said] == list(range(1, ticket.last_seq + 1))
        times = [ticket.created_at, *(message.created_at for message in said), ticket.updated_at]
        assert times == sorted(times) and times[0] > SINCE, ticket
    assert not HandOver.objects.waiting().filter(ticket__in=history()).exists()
    assert not WorkPeriod.objects.filter(Q(ended_at=None) | Q(ended_at__gte=NOW)).exists()
    assert not Triage.objects.filter(created_at__gte=NOW).exists()
    again = history().filter(reopens__isnull=False)
    assert again.count() >= 3
    for ticket in again:
        assert ticket.reopens.customer_id == ticket.customer_id
        assert ticket.reopens.resolved_at < ticket.created_at < ticket.reopens.resolved_at + timedelta(hours=72)
    # A new chat of one of the shop's own customers goes on with none of it.
    assert not history().filter(customer__reference__startswith="CUS-1").exists()


def test_words_are_filled_in_and_name_nobody(past: None) -> None:
    texts = Message.objects.filter(ticket__in=history()).values_list("body", flat=True)
    assert not [text for text in texts if re.search(r"[{}]|  |@|\bNone\b", text)]
    names = Customer.objects.filter(tickets__in=history()).values_list("name", "email")
    assert all(name.endswith(("Sample", "Example", "Specimen", "Muster", "Modelo")) for name, _ in names)
    assert all(email.endswith("@example.com") for _, email in names)


def test_repeating_changes_nothing_and_an_installation_that_has_worked_keeps_its_own(past: None, settings: Any) -> None:
    def rows() -> tuple[int, ...]:
        return tuple(model.objects.count() for model in (AuditEntry, Ticket, Run, Agent.history.model, Interaction))

    before = rows()
    assert interactions.refresh(NOW) == 0
    assert seed_history(NOW + timedelta(days=9)) == 0
    out = io.StringIO()
    call_command("seed_demo", stdout=out)
    assert "already there" in out.getvalue()
    assert rows() == before
    settings.PRODUCTION = True
    with pytest.raises(SeedRefused):
        seed_history(NOW)


def test_the_command_says_how_much_it_wrote(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "A_DAY", (0,) * 7)  # what chance adds is enough here
    out = io.StringIO()
    call_command("seed_demo", stdout=out)
    assert 0 < history().count() < 100
    assert f"Wrote {history().count()} sample conversations of the last four weeks" in out.getvalue()


@pytest.mark.parametrize("now", [NOW, NOW + timedelta(days=3, hours=11)])
def test_the_same_moment_gives_the_same_conversations(now: datetime) -> None:
    first, second = ([vars(each) | {"chance": each.chance.random()} for each in conversations(now)] for _ in range(2))
    assert [each["words"] for each in first] == [each["words"] for each in second]
    assert [(each["at"], each["ending"], each["chance"]) for each in first] == [
        (each["at"], each["ending"], each["chance"]) for each in second
    ]
    assert all(now - timedelta(days=DAYS) < each["at"] < now for each in first)


def test_pages_show_it_and_what_waits_stays_on_top(past: None, client: Client) -> None:
    client.force_login(User.objects.get(username="admin"))
    for page in ("", "costs/", "costs/alerts/", "labels/results/", "ratings/", "knowledge/gaps/", "runs/"):
        assert client.get(f"/console/{page}").status_code == 200, page
    assert "moka pot" in client.get("/console/knowledge/gaps/").content.decode()
    waiting = client.get("/console/approvals/").content.decode()
    assert "ORD-3" not in waiting
