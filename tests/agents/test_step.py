"""One worker's transaction: what it waited for is what it then sees."""

import threading
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from agents.lease import FenceLost, claim, step
from agents.models import Run
from audit import log as audit_log
from supportagent.tickets.models import Ticket
from supportagent.tickets.services import base
from tests.world import build_world

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def held(settings: Any, tmp_path: Path) -> Any:
    world = build_world(settings, tmp_path)
    ticket = world.write()
    return claim(Run.objects.get(ticket=ticket).pk)


def meanwhile(act: Any) -> threading.Thread:
    """Lets another connection act under the ticket's lock; it lets go when the caller is waiting for it."""
    locked, done = threading.Event(), threading.Event()

    def other() -> None:
        with audit_log.transaction():
            act()
            locked.set()
            done.wait(0.3)
        connection.close()

    thread = threading.Thread(target=other)
    thread.start()
    assert locked.wait(10)
    return thread


def test_a_step_that_waited_for_the_ticket_sees_what_it_waited_for(held: Any):
    def sort() -> None:
        ticket = base.lock(held.run.ticket)
        ticket.category, ticket.last_seq = Ticket.Category.PAYMENT, 7
        base.save(ticket)

    thread = meanwhile(sort)
    with step(held, with_ticket=True) as current:
        seen = current.run.ticket
        assert (seen.category, seen.last_seq) == (Ticket.Category.PAYMENT, 7)
    thread.join()


def test_a_step_that_waited_for_a_take_over_has_lost_its_fence(held: Any):
    def fence() -> None:
        base.lock(held.run.ticket)
        Run.objects.filter(pk=held.run_id).update(fence=held.fence + 1)

    thread = meanwhile(fence)
    with pytest.raises(FenceLost), step(held, with_ticket=True):
        pass
    thread.join()


def test_verbs_inside_a_step_use_the_ticket_that_it_locked(held: Any, django_assert_num_queries: Any):
    with step(held, with_ticket=True) as current:
        ticket = current.run.ticket
        with django_assert_num_queries(0):
            assert base.lock(Ticket(pk=ticket.pk)) is ticket
    with audit_log.transaction():
        assert base.lock(ticket) is not ticket


def test_a_ticket_is_read_again_after_part_of_the_transaction_was_rolled_back(held: Any):
    with audit_log.transaction():
        ticket = base.lock(held.run.ticket)
        with pytest.raises(ZeroDivisionError), audit_log.transaction():
            ticket.category = Ticket.Category.PAYMENT
            base.save(ticket)
            raise ZeroDivisionError
        assert base.lock(ticket).category == Ticket.Category.OTHER
