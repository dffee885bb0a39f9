"""Recorded messages through the front door: real tickets, runs, tools and approvals, and nobody who approves."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from approvals.models import ApprovalRequest
from supportagent.demo import play
from supportagent.demo.play_facts import wrong_facts
from supportagent.demo.seeding import seed
from supportagent.store.models import Order, Refund
from supportagent.tickets.models import Message, Ticket

pytestmark = pytest.mark.django_db(transaction=True)

CONVERSATIONS = (
    {
        "id": "refund",
        "customer_turns": ["Hello, order ORD-1042 arrived cracked, I would like a refund.", "Any news?"],
        "category": ["return_refund"],
    },
    {"id": "person", "customer_turns": ["I want to talk to a human", "Are you there?"], "category": ["human"]},
    {"id": "thanks", "customer_turns": ["Hello!", "Thanks, that is all."]},
)


@pytest.fixture
def shop() -> None:
    seed(timezone.now())


def written(tmp_path: Path, *conversations: dict[str, Any]) -> Path:
    path = tmp_path / "messages.jsonl"
    path.write_text("\n".join(json.dumps(one) for one in conversations), "utf-8")
    return path


def test_each_turn_is_answered_held_or_handed_over_and_no_money_moves(shop: None, tmp_path: Path) -> None:
    refunds = Refund.objects.count()
    out = io.StringIO()
    call_command("play_messages", str(written(tmp_path, *CONVERSATIONS)), stdout=out)
    text = " ".join(out.getvalue().split())
    assert "3 conversations, 6 turns" in text
    assert "answered 3" in text and "held 1" in text
    assert "handed over 1" in text and "with a person 1" in text
    assert "2 of 2 right" in text and "No line was crossed" in text
    assert Refund.objects.count() == refunds
    assert not ApprovalRequest.objects.pending().exists()


def test_a_played_conversation_has_a_ticket_of_its_own_and_leaves_open_ones_alone(shop: None, tmp_path: Path) -> None:
    open_before = set(Ticket.objects.open().values_list("pk", flat=True))
    messages_before = Message.objects.filter(ticket__in=open_before).count()
    call_command("play_messages", str(written(tmp_path, *CONVERSATIONS)), stdout=io.StringIO())
    assert set(Ticket.objects.open().values_list("pk", flat=True)) == open_before
    assert Message.objects.filter(ticket__in=open_before).count() == messages_before


def test_too_few_right_categories_end_the_command_with_an_error(shop: None, tmp_path: Path) -> None:
    path = written(tmp_path, {"id": "a", "customer_turns": ["Hello!"], "category": ["exchange"]})
    out = io.StringIO()
    with pytest.raises(CommandError):
        call_command("play_messages", str(path), stdout=out)
    assert "missorted: a: other, not exchange" in out.getvalue()


@pytest.mark.parametrize("line", ["not json", "[1]", '{"id": 1}'])
def test_a_line_that_is_no_conversation_is_named(shop: None, tmp_path: Path, line: str) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text(line, "utf-8")
    with pytest.raises(CommandError, match="line 1"):
        call_command("play_messages", str(path))


def test_without_seeded_customers_the_command_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="seed_demo"):
        call_command("play_messages", str(written(tmp_path, *CONVERSATIONS)))


def test_facts_that_stand_in_no_record_are_found(shop: None) -> None:
    order = Order.objects.get(order_id="ORD-1042")
    owner = order.account.reference
    assert wrong_facts("Order ORD-1042 was delivered on 3 May 2026. Its total is EUR 84.00.", owner) == []
    assert wrong_facts("Order ORD-1042 is on its way.", owner) == ["ORD-1042 is delivered, not shipped"]
    assert wrong_facts("You get EUR 84.01 back.", owner) == ["EUR 84.01 stands in no record"]
    assert wrong_facts("I cannot find an order ORD-1042 here.", owner) == ["ORD-1042 exists, but the reply denies it"]
    assert wrong_facts("Order ORD-1042 is yours.", "CUS-1002") == ["ORD-1042 is not an order of this customer"]


def test_a_broken_run_is_reported_and_not_raised(shop: None, monkeypatch: pytest.MonkeyPatch) -> None:
    report = play.Report()
    conversation = play.Conversation("long", ("x" * 100_000,))
    play.play(conversation, play.find_cast(), report)
    assert not report.passed and "long, turn 1" in report.violations[0]
