"""An agent cannot bury people in requests: so many may wait per ticket, customer and agent, and no more."""

from typing import Any

import pytest

from agents.models import ToolCall
from approvals.models import ApprovalRequest
from tests.approvals.desk import decide, open_as
from tests.store.shop import make_order
from tests.world import World

ASKED = "I asked a colleague."


def refund(order_id: str) -> dict[str, Any]:
    arguments = {"order_id": order_id, "amount_minor": 8400, "currency": "EUR", "stated_reason": "broken"}
    return {"name": "store__issue_refund", "arguments": arguments}


def ask_for(world: World, *orders: str) -> None:
    world.script([{"calls": [refund(order) for order in orders]}, {"text": ASKED}])
    world.advance(world.write(f"Please refund {', '.join(orders)}"))


@pytest.fixture
def orders(world: World) -> list[str]:
    names = [f"ORD-{number}" for number in range(2001, 2005)]
    for name in names:
        make_order(world.order.account, name)
    return names


@pytest.mark.parametrize("whose", ["TICKET", "CUSTOMER", "AGENT"])
def test_above_the_cap_a_call_is_refused_and_not_put_before_a_person(
    world: World, orders: list[str], settings: Any, whose: str
) -> None:
    setattr(settings, f"PENDING_APPROVALS_PER_{whose}", 2)
    ask_for(world, *orders[:3])
    assert ApprovalRequest.objects.pending().count() == 2
    refused = ToolCall.objects.get(state=ToolCall.State.REFUSED)
    assert refused.code == "too_many_pending"


def test_a_decision_makes_room_again(world: World, orders: list[str], settings: Any) -> None:
    settings.PENDING_APPROVALS_PER_TICKET = 1
    ask_for(world, orders[0])
    decide(open_as(world.ana), ApprovalRequest.objects.pending().get(), "reject", reason_code="policy")
    ask_for(world, orders[1])
    assert ApprovalRequest.objects.pending().get().subject == f"order:{orders[1]}"


def test_a_request_that_takes_the_place_of_another_is_not_one_more(
    world: World, orders: list[str], settings: Any
) -> None:
    settings.PENDING_APPROVALS_PER_TICKET = 1
    ask_for(world, orders[0])
    request = ApprovalRequest.objects.pending().get()
    answer = decide(open_as(world.ana), request, "edit", **{"arg.amount_minor": "60", "reason": "partial"})
    assert answer.status_code == 302
    assert ApprovalRequest.objects.pending().count() == 1
