"""The refund workflow in this product as it is deployed: messages and approvals here, the runs in worker processes."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from rq import Worker

from agents.models import Run
from approvals.models import ApprovalRequest
from supportagent.tickets.models import Customer, Ticket
from tests.bench.processes import processor_seconds
from tests.bench.story import TURNS, Shop
from tests.broker import Broker, eventually
from tests.faults.processes import database_url

LOOK_SECONDS = 0.02
T = TypeVar("T")


class Ours:
    """Drives workflows and keeps its own looking at the database out of the figures."""

    def __init__(self, folder: Path, broker: Broker) -> None:
        self.shop, self.broker = Shop(folder), broker
        self.looking = 0.0  # processor time of what only the measurement does

    @staticmethod
    def environment(model: str) -> dict[str, str]:
        """For workers on this database that ask this model."""
        return {
            "DJANGO_SETTINGS_MODULE": "supportagent.settings",
            "DATABASE_URL": database_url(),
            "OPENAI_BASE_URL": model,
            "SUPPORTAGENT_MODEL": "fake",
        }

    def sequential(self, count: int) -> dict[str, float]:
        """One workflow at a time: what a step costs this process and the workers."""
        customers = self.shop.customers(count)
        with self._metered(count) as figures:
            for customer in customers:
                ticket = self._write(customer)
                request = self._see(lambda ticket=ticket: self._waiting(ticket.pk))
                self.shop.world.approve(request)
                self._see(lambda ticket=ticket: Run.objects.filter(ticket=ticket, state=Run.State.COMPLETED).exists())
        return figures

    def flight(self, at_once: int, count: int) -> dict[str, float]:
        """So many workflows under way at a time: how many are through per second."""
        customers = iter(self.shop.customers(count))
        with self._metered(count) as figures:
            open_tickets = {self._write(next(customers)).pk for _ in range(at_once)}
            while open_tickets:
                for request in self._look(lambda: list(ApprovalRequest.objects.pending())):
                    self.shop.world.approve(request)
                done = self._look(partial(self._through, open_tickets))
                open_tickets -= done
                open_tickets |= {self._write(customer).pk for _, customer in zip(done, customers, strict=False)}
                time.sleep(LOOK_SECONDS)
        return figures

    @contextmanager
    def _metered(self, count: int) -> Iterator[dict[str, float]]:
        figures: dict[str, float] = {}
        workers = {worker.pid for worker in Worker.all(connection=self.broker.client) if worker.pid}
        spent = lambda: time.process_time() + sum(map(processor_seconds, workers))  # noqa: E731
        self.looking, cpu, wall = 0.0, spent(), time.perf_counter()
        yield figures
        took, used = time.perf_counter() - wall, spent() - cpu - self.looking
        figures |= {
            "cpu": used / count / TURNS * 1e3,
            "wall": took / count / TURNS * 1e3,
            "per_second": count / took,
            "turns": TURNS,
        }

    def _write(self, customer: Customer) -> Ticket:
        number = customer.reference.removeprefix("CUS-")
        return self.shop.world.write(f"Please refund ORD-{number}, it arrived broken.", customer=customer)

    def _waiting(self, ticket_id: int) -> ApprovalRequest | None:
        resting = Run.objects.filter(ticket=ticket_id, state=Run.State.AWAITING_APPROVAL).exists()
        return ApprovalRequest.objects.pending().filter(ticket=ticket_id).first() if resting else None

    def _through(self, tickets: set[int]) -> set[int]:
        ended = Run.objects.filter(ticket__in=tickets).exclude(state__in=Run.LIVE)
        states = dict(ended.values_list("ticket_id", "state"))
        if astray := set(states.values()) - {Run.State.COMPLETED}:
            raise RuntimeError(f"workflows went astray: {astray}")
        return set(states)

    def _see(self, look: Callable[[], T | None]) -> T:
        found: T = eventually(lambda: self._look(look), within=60)
        return found

    def _look(self, look: Callable[[], T]) -> T:
        began = time.thread_time()
        try:
            return look()
        finally:
            self.looking += time.thread_time() - began
