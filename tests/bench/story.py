"""The workflow that is measured: a customer, two reads, a refund that a person approves, two answers.

Everything is the product's own: its verbs, its loop, its store. Only the model is a stand-in, which answers at once
or after a set time.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

from django.db import connection
from django.test import override_settings

from agents.models import Budget, Run
from approvals.models import ApprovalRequest
from supportagent.tickets.models import Customer, Ticket
from tests.bench.processes import fake_model
from tests.store.shop import make_account, make_order
from tests.world import World, build_world, configure_agent

SCRIPT = Path(__file__).parent / "refund.json"
TURNS = 5  # model calls of one workflow: the unit of "a step"
PLENTY = 10**15  # micro-units: no cap is to stop a benchmark
PRICE = 400_000  # micro-units per million tokens


class Shop:
    """An installation with as many customers as workflows are asked for."""

    def __init__(self, folder: Path) -> None:
        self.world: World = build_world(SimpleNamespace(), folder)
        self.used = 0
        Budget.objects.update(cap=PLENTY)
        configure_agent(session_cap_micros=PLENTY, input_price_micros=PRICE, output_price_micros=PRICE)

    def customers(self, count: int) -> list[Customer]:
        """New customers, each with one order that can be refunded."""
        numbers = range(self.used + 2000, self.used + 2000 + count)
        self.used += count
        for number in numbers:
            make_order(make_account(f"CUS-{number}", f"Buyer Number{number}"), f"ORD-{number}")
        rows = [
            Customer(reference=f"CUS-{n}", name=f"Buyer {n}", email=f"buyer.number{n}@example.com") for n in numbers
        ]
        return Customer.objects.bulk_create(rows)

    def hold(self, customer: Customer) -> ApprovalRequest:
        """The first segment: from the message to the refund that waits for a person."""
        ticket = self._write(customer)
        self._advance(ticket, Run.State.AWAITING_APPROVAL)
        return ApprovalRequest.objects.pending().get(ticket=ticket)

    def finish(self, request: ApprovalRequest) -> None:
        """The second segment: the decision, the refund, the answer."""
        self.world.approve(request)
        self._advance(request.ticket, Run.State.COMPLETED)

    def whole(self, customer: Customer) -> None:
        self.finish(self.hold(customer))

    def by_itself(self, customer: Customer) -> None:
        """The workflow where the rules let the refund pass without a person."""
        self._advance(self._write(customer), Run.State.COMPLETED)

    def in_flight(self, customers: list[Customer], threads: int) -> None:
        """Whole workflows, so many at a time, each on a thread with a connection of its own, as in a worker."""
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(self._one_after_another, (customers[n::threads] for n in range(threads))))

    def _one_after_another(self, customers: list[Customer]) -> None:
        try:
            for customer in customers:
                self.whole(customer)
        finally:
            connection.close()

    def _write(self, customer: Customer) -> Ticket:
        number = customer.reference.removeprefix("CUS-")
        return self.world.write(f"Please refund ORD-{number}, it arrived broken.", customer=customer)

    def _advance(self, ticket: Ticket, expected: str) -> None:
        run = self.world.advance(ticket)
        if run.state != expected:
            raise RuntimeError(f"a workflow went astray: the run is {run.state} ({run.ended_because})")


@contextmanager
def model(*, latency_ms: int = 0) -> Iterator[str]:
    """A stand-in for the model in a process of its own, which this process now calls; yields its address."""
    options = ("--latency-ms", str(latency_ms), "--script", str(SCRIPT))
    usual = {"DEFAULT_MODEL_PROVIDER": "openai_chat", "DEFAULT_MODEL": "fake", "OPENAI_API_KEY": "none"}
    with fake_model(*options) as address, override_settings(OPENAI_BASE_URL=address, **usual):
        yield address
