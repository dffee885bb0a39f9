"""Customers, supervisors, colleagues, workers that die and the clock, in any order: nothing is lost or done twice.

A state machine over the rows. A worker's death is an exception that nothing catches, thrown where a process could be
killed: what it had committed stays, nothing of it is cleaned up, and its lease runs out.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from agents import abandoned, failpoints, services
from agents.costs import budgets
from agents.loop.runner import AgentRunner
from agents.models import Run, Spend, ToolCall
from approvals import services as approvals
from approvals.errors import ChangedSinceShown
from approvals.models import ApprovalRequest
from audit import verification
from supportagent.store.models import Order, Refund
from supportagent.tickets import services as tickets
from supportagent.tickets.models import Message, Ticket
from tests.world import World

PLACES = [*["committed"] * 4, "nowhere", "reserved", "reply_committed", "before_intent", "after_intent", "after_effect"]
LONG_AGO = "2020-01-01T00:00:00Z"
CAPTURED = 8400
ROUNDS = 40  # more than any ticket can need to come to rest
PARTIAL = {"order_id": "ORD-1042", "amount_minor": 4200, "currency": "EUR", "stated_reason": "half of it broke"}
LOOK = {"name": "store__get_order", "arguments": {"order_id": "ORD-1042", "stated_reason": "see the order"}}
NOTE = {"name": "tickets__add_internal_note", "arguments": {"body": "Asked.", "stated_reason": "for the team"}}
REFUND = {"name": "store__issue_refund", "arguments": PARTIAL}
SCRIPT = {
    "scripts": [
        {"when": "person", "turns": [{"text": "Your refund has been issued."}]},  # a lie: withheld, handed over
        {"when": "refund", "turns": [{"calls": [LOOK, NOTE]}, {"calls": [REFUND]}, {"text": "I asked a colleague."}]},
        {"when": "where", "turns": [{"calls": [LOOK]}, {"text": "It was delivered."}]},
        {"turns": [{"text": "How can I help?"}]},
    ]
}
WORDS = st.sampled_from(["refund half, please", "where is it?", "hello", "I want a person"])


class Died(BaseException):
    """The process is gone: no handler runs."""


@contextmanager
def dying(place: str, times: int) -> Iterator[None]:
    """Let the worker die when it has been at this place so many times; nowhere: it lives."""
    left = times

    def reach(name: str) -> None:
        nonlocal left
        left -= name == place
        if name == place and left == 0:
            raise Died

    unhurt, failpoints.reach = failpoints.reach, reach
    try:
        yield
    except Died:
        pass
    finally:
        failpoints.reach = unhurt


def machine(world: World) -> type[RuleBasedStateMachine]:
    """The state machine over this installation; every example starts from it and leaves nothing behind."""

    class Desk(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.example = transaction.atomic()
            self.example.__enter__()

        def teardown(self) -> None:
            try:
                if Ticket.objects.exists():
                    self.come_to_rest()
            finally:
                transaction.set_rollback(True)
                self.example.__exit__(None, None, None)

        # -- what people do ------------------------------------------------------------------------------------

        @initialize(words=WORDS)
        def begin(self, words: str) -> None:
            world.write(words)

        @rule(words=WORDS)
        def write(self, words: str) -> None:
            world.write(words)

        @precondition(lambda self: ApprovalRequest.objects.pending().exists())
        @rule(verdict=st.sampled_from(["approve", "approve", "reject", "stale"]))
        def decide(self, verdict: str) -> None:
            request = ApprovalRequest.objects.pending().earliest("pk")
            if verdict == "stale":
                with pytest.raises(ChangedSinceShown):
                    approvals.approve(request=request, by=world.ana, shown_digest="0" * 64)
            elif verdict == "approve":
                world.approve(request)
            else:
                approvals.reject(request=request, by=world.ana, shown_digest=request.digest, reason_code="policy")

        @precondition(lambda self: self.ticket().assignee_id is None)
        @rule()
        def take_over(self) -> None:
            tickets.take_over(ticket=self.ticket(), by=world.rosa)

        @precondition(lambda self: self.ticket().assignee_id is not None)
        @rule(reply_first=st.booleans())
        def hand_back(self, reply_first: bool) -> None:
            ticket = self.ticket()
            if reply_first:
                tickets.post_reply(
                    ticket=ticket, body="Rosa here.", actor=world.rosa, author_name="Rosa", kind=Message.Kind.PERSON
                )
            tickets.hand_back(ticket=ticket, by=world.rosa, brief="Please go on.")

        @rule()
        def change_the_order(self) -> None:
            order = Order.objects.get(pk=world.order.pk)
            Order.objects.filter(pk=order.pk).update(revision=order.revision + 1)

        # -- what machines do ----------------------------------------------------------------------------------

        @precondition(lambda self: self.queued() is not None)
        @rule(place=st.sampled_from(PLACES), times=st.integers(1, 5))
        def work(self, place: str, times: int) -> None:
            run = self.queued()
            assert run is not None
            with dying(place, times if place == "committed" else 1):
                AgentRunner(run.pk).advance()

        @precondition(lambda self: Run.objects.filter(state=Run.State.RUNNING).exists())
        @rule()
        def let_leases_run_out(self) -> None:
            Run.objects.filter(state=Run.State.RUNNING).update(lease_until=LONG_AGO)
            ToolCall.objects.filter(state=ToolCall.State.SENDING).update(sent_at=LONG_AGO)
            services.reap()
            abandoned.settle_abandoned()

        @precondition(lambda self: ApprovalRequest.objects.pending().exists())
        @rule()
        def let_requests_expire(self) -> None:
            ApprovalRequest.objects.pending().update(expires_at=LONG_AGO)
            approvals.expire_due()

        # -- what must hold --------------------------------------------------------------------------------------

        @invariant()
        def no_effect_happens_twice(self) -> None:
            paid = list(Refund.objects.values_list("idempotency_key", "amount_minor"))
            assert sum(amount for _, amount in paid) <= CAPTURED
            calls = [key.partition(".")[0] for key, _ in paid]
            assert len(calls) == len(set(calls)), "one call, and so one approval, was carried out twice"
            approved = set(
                ApprovalRequest.objects.filter(state=ApprovalRequest.State.APPROVED).values_list("call_id", flat=True)
            )
            assert {str(call) for call in approved} >= set(calls), "a refund without an approval"

        @invariant()
        def budgets_agree_with_their_reservations(self) -> None:
            assert budgets.drifts() == []

        def settle(self) -> None:
            """Let everything come to rest, as workers and the scheduler would, and look at what is left."""
            for _ in range(ROUNDS):
                self.let_leases_run_out()
                run = self.queued()
                if run is None:
                    break
                AgentRunner(run.pk).advance()
            Spend.objects.filter(state=Spend.State.RESERVED).update(expires_at=LONG_AGO)
            budgets.forfeit_expired()

        def come_to_rest(self) -> None:
            self.settle()
            self.nobody_waits_for_nothing()
            self.no_decision_is_lost()
            self.no_effect_happens_twice()
            assert not Spend.objects.filter(state=Spend.State.RESERVED).exists()
            assert budgets.drifts() == []
            assert verification.verify().findings == ()

        def nobody_waits_for_nothing(self) -> None:
            assert not Run.objects.filter(state__in=[Run.State.QUEUED, Run.State.RUNNING]).exists()
            unsettled = ToolCall.objects.exclude(state__in=ToolCall.FINAL)
            assert not unsettled.exclude(state=ToolCall.State.AWAITING_APPROVAL).exists()
            ticket = self.ticket()
            asked = ticket.messages.filter(kind=Message.Kind.CUSTOMER).latest("seq").seq
            ours = [Message.Kind.AGENT, Message.Kind.PERSON]
            assert (
                ticket.messages.filter(kind__in=ours, seq__gt=asked).exists()
                or ApprovalRequest.objects.pending().exists()
                or Ticket.objects.held_by_person().filter(pk=ticket.pk).exists()
            ), "a customer waits, and nobody knows"

        def no_decision_is_lost(self) -> None:
            for request in ApprovalRequest.objects.filter(state=ApprovalRequest.State.APPROVED):
                call = ToolCall.objects.get(pk=request.call_id)
                assert call.state in (ToolCall.State.SUCCEEDED, ToolCall.State.FAILED) or call.code

        def ticket(self) -> Ticket:
            return Ticket.objects.latest("pk")

        def queued(self) -> Run | None:
            return Run.objects.filter(state=Run.State.QUEUED).first()

    return Desk


@pytest.mark.slow
@pytest.mark.both_databases
@pytest.mark.usefixtures("db")
def test_whatever_happens_in_whatever_order_nothing_is_lost_and_nothing_happens_twice(world: World) -> None:
    world.script(SCRIPT)
    run_state_machine_as_test(
        machine(world),
        settings=settings(
            max_examples=int(os.environ.get("PROPERTY_EXAMPLES", "30")),
            stateful_step_count=25,
            deadline=None,
            derandomize=bool(os.environ.get("CI")),
            suppress_health_check=list(HealthCheck),
        ),
    )
