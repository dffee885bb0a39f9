"""What the customer sees while something waits: for the agent, for a decision, for a person."""

import json
import re
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.models import Agent, Run
from approvals.models import ApprovalRequest
from audit.context import Actor
from supportagent.staff.models import User
from supportagent.tickets import services
from supportagent.tickets.models import Ticket
from supportagent.tools.models import MCPServer, Tool

from .conftest import signed


@pytest.fixture
def ticket(browser):
    browser.open(signed(browser.app))
    browser.say("The set arrived chipped, I want my money back")
    return Ticket.objects.get()


def ask(ticket, **changes):
    """A refund that waits for a supervisor, as the gate writes it."""
    service = User.objects.get_or_create(username="agent.orders", kind="service", first_name="Orders agent")[0]
    server = MCPServer.objects.get_or_create(name="store", defaults={"title": "Store"})[0]
    tool = Tool.objects.get_or_create(
        server=server,
        name="issue_refund",
        defaults={
            "qualified_name": "store__issue_refund",
            "description": "Refund",
            "input_schema": {},
            "definition_hash": "0" * 64,
            "effect": "WRITE",
            "amount_argument": "amount_minor",
            "currency_argument": "currency",
        },
    )[0]
    arguments = json.dumps({"order_id": "ORD-1042", "amount_minor": 8400, "currency": "EUR"})
    fields = {
        "call_id": uuid.uuid4(),
        "tool": tool,
        "ticket": ticket,
        "tier": "T2",
        "rule_name": "Refunds above EUR 50 need a supervisor",
        "rule_version": 1,
        "definition_hash": tool.definition_hash,
        "arguments": arguments,
        "bound_arguments": arguments,
        "action_key": "a" * 64,
        "digest": "b" * 64,
        "expires_at": timezone.now() + timedelta(hours=4),
        "title": "Issue refund EUR 84.00 · ORD-1042",
        "stated_reason": "The customer seems to be lying",
        "requested_by": service,
        "requested_by_name": "Orders agent",
    }
    return ApprovalRequest.objects.create(**{**fields, **changes})


def test_a_request_that_waits_is_shown_in_the_customers_terms(browser, ticket):
    request = ask(ticket)

    (card,) = browser.read().json()["pending"]

    assert card["text"] == f"Your refund request (EUR 84.00, reference {request.reference}) is with our team"
    shown = json.dumps(browser.read().json())
    for internal in ("supervisor", "lying", "Orders agent", "T2", "digest", "issue_refund"):
        # As a word: in the evening every moment of the answer has a T2 in it.
        assert not re.search(rf"\b{internal}\b", shown)


@pytest.mark.parametrize("state", ["APPROVED", "REJECTED", "EXPIRED", "SUPERSEDED", "CANCELLED"])
def test_a_decided_request_is_no_longer_shown(browser, ticket, state):
    ask(ticket, state=state)
    assert browser.read().json()["pending"] == []


def test_a_request_of_another_conversation_is_not_shown(browser, ticket):
    other = services.receive_message(
        customer=ticket.customer, body="By mail", client_message_id="e1", channel="email", assurance="verified"
    )[0].ticket
    ask(other)
    assert browser.read().json()["pending"] == []


@pytest.mark.parametrize(
    ("state", "progress"),
    [
        ("QUEUED", "working"),
        ("RUNNING", "working"),
        ("AWAITING_APPROVAL", "waiting"),
        ("COMPLETED", "idle"),
        ("HANDED_OVER", "idle"),
        ("FAILED", "idle"),
    ],
)
def test_progress_follows_the_run(browser, ticket, state, progress):
    agent = Agent.objects.create(
        name="Orders agent", team=ticket.team, service_user=User.objects.create(username="agent.orders", kind="service")
    )
    Run.objects.create(ticket=ticket, agent=agent, state=state, assurance="verified")
    assert browser.read().json()["progress"] == progress


def test_a_hand_over_connects_to_a_person_whose_replies_are_marked(browser, ticket):
    services.hand_over(
        ticket=ticket,
        reason_code="angry_customer",
        summary="Shouts at the machine",
        actor=Actor.system("test"),
        customer_text="A colleague will take over.",
    )
    page = browser.read().json()
    assert page["held_by"] == "queue"
    assert "Shouts" not in json.dumps(page)


def test_a_person_who_took_over_is_named_as_a_person(browser, ticket):
    Ticket.objects.filter(pk=ticket.pk).update(
        assignee=User.objects.create(username="rosa", first_name="Rosa", is_superuser=True)
    )
    rosa = User.objects.get()
    services.post_reply(ticket=ticket, body="Rosa here.", actor=rosa, author_name="Rosa", kind="PERSON")

    page = browser.read().json()

    assert page["held_by"] == "person"
    assert (page["messages"][-1]["kind"], page["messages"][-1]["author"]) == ("person", "Rosa")
