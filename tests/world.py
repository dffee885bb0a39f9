"""A small installation for tests: people, teams, the agent with its rights, one customer with one order."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from agents.loop.runner import AgentRunner
from agents.models import Agent, Run, ToolCall
from approvals import services as approvals
from approvals.models import ApprovalRequest
from audit import log as audit_log
from audit.context import Actor, acting
from supportagent.demo.governance_seed import seed_governance
from supportagent.demo.seed_data.write_people import write_people
from supportagent.staff.models import Team, User
from supportagent.store.models import Order, Refund
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Customer, Message, Ticket
from tests import database
from tests.concierge import write_concierge
from tests.store.shop import make_account, make_order

READ_ORDER = {
    "name": "store__get_order",
    "arguments": {"order_id": "ORD-1042", "stated_reason": "see the order"},
}
ASK_REFUND = {
    "name": "store__issue_refund",
    "arguments": {
        "order_id": "ORD-1042",
        "amount_minor": 8400,
        "currency": "EUR",
        "stated_reason": "arrived broken",
    },
}
HELD = "I asked a colleague to look at your refund. You will hear from us."
DONE = "Your refund of EUR 84.00 has been issued."
REFUND_STORY = {"turns": [{"calls": [READ_ORDER]}, {"calls": [ASK_REFUND]}, {"text": HELD}, {"text": DONE}]}


@dataclass
class World:
    """The people and things that tests talk about, and what they can do."""

    ana: User  # supervisor of orders and billing
    finance: User  # finance lead of billing
    rosa: User  # support rep of orders
    piet: User  # supervisor of another team
    admin: User
    auditor: User
    agent: Agent
    customer: Customer
    order: Order
    script: Callable[..., None]

    def write(self, body: str = "Please refund ORD-1042, it arrived broken.", **changes: Any) -> Ticket:
        """The customer writes into the chat; the ticket it landed in."""
        usual = {
            "customer": self.customer,
            "body": body,
            "client_message_id": uuid4().hex,
            "assurance": Ticket.Assurance.VERIFIED,
        }
        message, _ = tickets.receive_message(**{**usual, **changes})
        return message.ticket

    def advance(self, ticket: Ticket) -> Run:
        """Work on the newest run of the ticket as a worker would."""
        run = ticket.runs.order_by("created_at").last()
        assert run is not None, "nothing is to be done on this ticket"
        AgentRunner(run.pk).advance()
        run.refresh_from_db()
        return run

    def held_refund(self) -> ApprovalRequest:
        """A refund that waits for a person."""
        self.script(REFUND_STORY)
        self.advance(self.write())
        return ApprovalRequest.objects.pending().get()

    def approve(self, request: ApprovalRequest, by: User | None = None) -> ApprovalRequest:
        return approvals.approve(request=request, by=by or self.ana, shown_digest=request.digest)

    def refunds(self) -> int:
        return Refund.objects.filter(order=self.order).count()

    def replies(self, ticket: Ticket) -> list[str]:
        """What the customer reads from our side."""
        mine = [Message.Kind.AGENT, Message.Kind.PERSON]
        return list(ticket.messages.filter(kind__in=mine).order_by("seq").values_list("body", flat=True))

    def call(self, name: str = "store__issue_refund") -> ToolCall:
        return ToolCall.objects.filter(name=name).latest("created_at")


def build_world(settings: Any, folder: Path) -> World:
    """Write the installation into the test's database and let a script play the model."""
    database.write_once(_write)
    return world_as_written(settings, folder)


def world_as_written(settings: Any, folder: Path) -> World:
    """The installation that is in the database already, with a script that plays the model."""
    path = folder / "script.json"
    settings.SCRIPTED_MODEL_FILE = str(path)
    settings.DEFAULT_MODEL_PROVIDER = "scripted"
    settings.DEFAULT_MODEL = "scripted"

    def script(story: Any) -> None:
        """Let the model follow this story: a whole script, or its turns."""
        path.write_text(json.dumps(story if isinstance(story, dict) else {"turns": story}))

    people = User.objects.in_bulk(field_name="username")
    return World(
        ana=people["supervisor"],
        finance=people["finance"],
        rosa=people["rep"],
        piet=people["partner"],
        admin=people["admin"],
        auditor=people["auditor"],
        agent=Agent.objects.get(),
        customer=Customer.objects.get(reference="CUS-1001"),
        order=Order.objects.get(order_id="ORD-1042"),
        script=script,
    )


def _write() -> None:
    with acting(Actor.system("seed")), audit_log.transaction():
        write_people()
        seed_governance()
        write_concierge()
        account = make_account("CUS-1001", "Ana Martins")
        make_order(account)
        Customer.objects.create(reference="CUS-1001", name="Ana Martins", email=account.email)
        Customer.objects.create(reference="CUS-1002", name="Ben Okafor", email="ben.okafor@example.com")
        make_order(make_account("CUS-1002", "Ben Okafor"), "ORD-1043")


def configure_agent(**fields: Any) -> None:
    """Change the agent as an admin would: a new version, which the next run starts with."""
    agent = Agent.objects.get()
    for name, value in fields.items():
        setattr(agent, name, value)
    agent.save()


def team(slug: str) -> Team:
    return Team.objects.get(slug=slug)
