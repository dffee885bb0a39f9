"""Eight writers of mixed verbs at once, each thread on a connection and real transactions of its own.

Messages, decisions, take-overs, runs and reservations meet on the same tickets, runs, orders, budgets and the one
head of the audit chain: nobody deadlocks, nothing is lost, and the chain is whole. On SQLite and on PostgreSQL.
"""

import random
import threading
from collections import Counter

from django.core.exceptions import PermissionDenied

from agents import abandoned
from agents.costs import budgets
from agents.loop.runner import AgentRunner
from agents.models import Run, Spend, ToolCall
from approvals import services as approvals
from approvals.errors import DecisionRefused
from approvals.models import ApprovalRequest
from audit import log as audit_log
from audit import verification
from supportagent.store.models import Refund
from supportagent.tickets import services as tickets
from supportagent.tickets.errors import TicketError
from supportagent.tickets.models import Customer, Message, Ticket
from tests.faults.threads import at_once
from tests.store.shop import make_account, make_order
from tests.world import World

CUSTOMERS = 4
VERBS = 25  # by each writer
LOOK = {"name": "store__get_order", "arguments": {"order_id": "$order", "stated_reason": "see the order"}}
REFUND = {
    "name": "store__issue_refund",
    "arguments": {"order_id": "$order", "amount_minor": 2100, "currency": "EUR", "stated_reason": "a quarter broke"},
}
SCRIPT = {
    "vars": {"order": "(ORD-\\d+)"},
    "scripts": [{"turns": [{"calls": [LOOK]}, {"calls": [REFUND]}, {"text": "I asked a colleague."}]}],
}


class Floor:
    """What happens on a busy day, one verb at a time, by whoever asks."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.said: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.customers = [world.customer]
        for number in range(1, CUSTOMERS):
            account = make_account(f"CUS-2{number:03}", f"Guest Number{number}")
            make_order(account, f"ORD-2{number:03}")
            self.customers.append(Customer.objects.create(reference=account.reference, name=account.name))

    def busy(self, seed: int) -> None:
        """One writer's day: its own verbs in its own order, the same in every run."""
        dice = random.Random(seed)
        for _ in range(VERBS):
            verbs = [self.write, self.decide, self.hold, self.work, self.reserve]
            (verb,) = dice.choices(verbs, weights=[4, 5, 2, 8, 2])
            try:
                verb(dice)
            except (DecisionRefused, TicketError, PermissionDenied):
                continue  # a colleague was first, and the verb says so

    def write(self, dice: random.Random) -> None:
        customer = dice.choice(self.customers)
        order = "ORD-1042" if customer == self.world.customer else f"ORD-{customer.reference[4:]}"
        self.world.write(f"Refund {order}, please.", customer=customer)
        with self.lock:
            self.said[customer.reference] += 1

    def decide(self, dice: random.Random) -> None:
        request = ApprovalRequest.objects.pending().order_by("?").first()
        if request is None:
            return
        if dice.random() < 0.85:
            self.world.approve(request, by=dice.choice([self.world.ana, self.world.ana, self.world.finance]))
        else:
            approvals.reject(request=request, by=self.world.ana, shown_digest=request.digest, reason_code="policy")

    def hold(self, dice: random.Random) -> None:
        ticket = Ticket.objects.order_by("?").first()
        if ticket is not None and ticket.assignee_id is None and dice.random() < 0.3:
            tickets.take_over(ticket=ticket, by=self.world.rosa)
        elif ticket is not None:
            tickets.hand_back(ticket=ticket, by=self.world.rosa, brief="Please go on.")

    def work(self, _dice: random.Random) -> None:
        run = Run.objects.filter(state=Run.State.QUEUED).order_by("?").first()
        if run is not None:
            AgentRunner(run.pk).advance()

    def reserve(self, _dice: random.Random) -> None:
        run = Run.objects.order_by("?").first()
        if run is not None:
            with audit_log.transaction():
                spend = budgets.reserve(run=run, amount=10, price_id="test")
            with audit_log.transaction():
                budgets.settle(spend, charged=7)


def test_eight_writers_of_mixed_verbs_neither_deadlock_nor_lose_anything(world: World) -> None:
    world.script(SCRIPT)
    floor = Floor(world)
    for customer in floor.customers:
        floor.write(random.Random(customer.pk))

    raised = at_once([lambda seed=seed: floor.busy(seed) for seed in range(8)], within=90)
    assert raised == []

    for _ in range(20):
        for run in Run.objects.filter(state=Run.State.QUEUED):
            AgentRunner(run.pk).advance()
    assert Message.objects.filter(kind=Message.Kind.CUSTOMER).count() == sum(floor.said.values())
    assert not Run.objects.filter(state__in=[Run.State.QUEUED, Run.State.RUNNING]).exists()
    assert Run.objects.filter(crashes__gt=0).count() == 0, "a deadlock would have ended a worker"
    ToolCall.objects.filter(state=ToolCall.State.SENDING).update(sent_at="2020-01-01T00:00:00Z")
    abandoned.settle_abandoned()  # calls whose run a taker-over ended
    assert not ToolCall.objects.filter(state=ToolCall.State.SENDING).exists()
    assert Refund.objects.exists()
    for request in ApprovalRequest.objects.filter(state=ApprovalRequest.State.APPROVED):
        call = ToolCall.objects.get(pk=request.call_id)
        assert call.state == ToolCall.State.SUCCEEDED or call.code
    for customer in floor.customers:
        refunded = Refund.objects.filter(order__account__reference=customer.reference)
        assert sum(refunded.values_list("amount_minor", flat=True)) <= 8400
    assert budgets.drifts() == []
    assert not Spend.objects.filter(state=Spend.State.RESERVED).exists()
    assert verification.verify().findings == ()
