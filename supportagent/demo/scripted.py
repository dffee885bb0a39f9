"""The refund story without a person: message, run, approval, refund, reply, proof. Each step says what it saw."""

import time
import uuid
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import OutputWrapper
from django.db.models import Q
from django.utils import timezone

from agents.loop.runner import AgentRunner
from agents.models import Run, ToolCall
from approvals import services as approvals
from approvals.models import ApprovalRequest
from audit import log as audit_log
from audit import verification
from audit.models import AuditEntry
from supportagent.console.money import format_micros, format_money
from supportagent.demo.seed_data.orders import SeedOrder
from supportagent.demo.seed_data.write_shop import write_orders
from supportagent.staff.models import User
from supportagent.store.models import Order, Refund
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Customer, Message, Ticket

CUSTOMER = "CUS-1001"
SUPERVISOR = "supervisor"
PATIENCE = 60.0  # seconds that a run may take when a running worker has it


class StepFailed(Exception):
    """The story cannot go on; the message says what was seen instead."""


class Story:
    """What has happened so far, and the steps that make it happen, in order."""

    def __init__(self, out: OutputWrapper) -> None:
        self.out = out

    def steps(self) -> list[tuple[str, Callable[[], None]]]:
        return [
            ("prepare the database", self.prepare),
            ("the customer writes", self.customer_writes),
            ("the agent looks the order up and asks for a refund", self.agent_asks),
            ("the supervisor approves", self.supervisor_approves),
            ("the money moves exactly once and the customer hears of it", self.refund_and_reply),
            ("the audit trail is whole", self.verify),
        ]

    def prepare(self) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("seed_demo", without_history=True, stdout=self.out)
        numbers = Order.objects.values_list("order_id", flat=True)
        newest = max(int(number.removeprefix("ORD-")) for number in numbers)
        order = SeedOrder(f"ORD-{newest + 1}", CUSTOMER, "delivered", 6, (("COF-TIDE", 1),))
        with audit_log.transaction():
            write_orders([order], timezone.now())
        self.order = Order.objects.get(order_id=order.order_id)
        self.say("shop", f"{self.order.order_id} was delivered to {CUSTOMER}")

    def customer_writes(self) -> None:
        customer = Customer.objects.get(reference=CUSTOMER)
        body = f"Hello, my order {self.order.order_id} arrived broken. I would like my money back, please."
        # A thread of its own, so that what the customer wrote before does not mix in.
        self.ticket = tickets.open_ticket(
            customer=customer,
            subject=f"Refund for {self.order.order_id}",
            body="Opened by the scripted demo.",
            actor=User.objects.get(username=SUPERVISOR),
            team=customer.tickets.order_by("pk").first().team,  # type: ignore[union-attr]
            assurance=Ticket.Assurance.VERIFIED,
        )
        tickets.receive_message(
            customer=customer,
            body=body,
            client_message_id=uuid.uuid4().hex,
            assurance=Ticket.Assurance.VERIFIED,
            ticket=self.ticket,
        )
        self.run = self.ticket.runs.of_agents().get()
        self.say(CUSTOMER, body)

    def agent_asks(self) -> None:
        self.drive()
        request = ApprovalRequest.objects.pending().filter(ticket=self.ticket).first()
        if request is None:
            raise StepFailed(f"no approval request; the run is {self.run.state} ({self.run.ended_because})")
        self.request = request
        for call in self.run.tool_calls.order_by("turn", "index"):
            self.say("agent", f"{call.name}: {call.get_state_display().lower()} - {call.stated_reason}")
        self.say("gate", f"{request.reference} {request.title}, tier {request.tier}, rule: {request.rule_name}")
        self.say_last_reply()

    def supervisor_approves(self) -> None:
        supervisor = User.objects.get(username=SUPERVISOR)
        approvals.approve(request=self.request, by=supervisor, shown_digest=self.request.digest)
        self.say(supervisor.display_name, f"approved {self.request.reference}, digest {self.request.digest[:12]}")

    def refund_and_reply(self) -> None:
        self.drive()
        refunds = list(Refund.objects.filter(order=self.order))
        if len(refunds) != 1:
            raise StepFailed(f"{len(refunds)} refunds instead of one")
        if self.run.state != Run.State.COMPLETED:
            raise StepFailed(f"the run is {self.run.state} ({self.run.ended_because})")
        if not self.run.tool_calls.filter(approval_id=self.request.pk, state=ToolCall.State.SUCCEEDED).exists():
            raise StepFailed("the approved call did not succeed")
        self.say("shop", f"refunded {format_money(refunds[0].amount_minor, refunds[0].currency)}, once")
        self.say_last_reply()
        self.say("cost", f"{format_micros(self.run.cost_micros)} in {self.run.turns} model calls")

    def verify(self) -> None:
        mine = Q(ticket=self.ticket.number) | Q(references__ref_type="order", references__ref_id=self.order.order_id)
        entries = AuditEntry.objects.filter(mine).distinct().order_by("seq")
        for seq, action in entries.values_list("seq", "action"):
            self.say("audit", f"{seq} {action}")
        report = verification.verify()
        if not report.ok:
            raise StepFailed("; ".join(str(finding.message) for finding in report.findings))
        self.say("audit", f"verified {report.entries} entries")

    def drive(self) -> None:
        """Work on the run here, or wait for the worker that has it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            AgentRunner(self.run.pk).advance()
            self.run.refresh_from_db()
            if self.run.state not in (Run.State.QUEUED, Run.State.RUNNING):
                return
            if time.monotonic() > deadline:
                raise StepFailed(f"the run is still {self.run.state} after {PATIENCE:.0f} s")
            time.sleep(0.1)

    def say_last_reply(self) -> None:
        reply = self.ticket.messages.filter(kind=Message.Kind.AGENT).order_by("seq").last()
        if reply is None:
            raise StepFailed("the customer got no answer")
        self.say(reply.author_name, reply.body)

    def say(self, who: str, what: str) -> None:
        self.out.write(f"{who:>12}  {what}")


def play(out: Any) -> int:
    """Play the story; the exit code is 1 when a step fails, and the step is named."""
    story = Story(out)
    out.write(f"The model is {settings.DEFAULT_MODEL} ({settings.DEFAULT_MODEL_PROVIDER}).")
    for name, step in story.steps():
        try:
            step()
        except Exception as error:
            out.write(f"FAILED at: {name}: {error}")
            return 1
    out.write("The story was played to its end.")
    return 0
