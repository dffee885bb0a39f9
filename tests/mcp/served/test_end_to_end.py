"""Real processes: web, worker and scheduler as they are deployed, the library's client over the wire, one refund."""

from pathlib import Path

import pytest

from agents.models import Run
from approvals.models import ApprovalRequest
from supportagent.staff.models import AccessToken, User
from supportagent.tickets.models import Ticket
from tests.faults.installation import Installation
from tests.mcp.served.conftest import CLIENTS, token_of, until
from tests.workers.conftest import own_broker
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)

REFUND = {"order_id": "ORD-1042", "amount_minor": 8400, "currency": "EUR", "stated_reason": "arrived broken"}


def test_a_refund_asked_for_by_an_outside_client_is_approved_and_happens_once(
    world: World, ticket: Ticket, biller: User, tmp_path: Path
) -> None:
    Run.objects.all().update(state=Run.State.CANCELLED)  # the agent is not the subject here
    with own_broker() as broker, Installation(tmp_path, str(tmp_path / "script.json"), broker) as house:
        house.mend()
        house.wait_until_up()
        token = token_of(biller)
        AccessToken.objects.update(audience=f"{house.url}/mcp")
        for kind in ("library, modern", "plain, handshake"):
            client = CLIENTS[kind](f"{house.url}/mcp", token)
            held = client.call("store__issue_refund", {**REFUND, "ticket": ticket.number}, key="once")
            assert held.status == "waiting_for_approval", house.said("worker")
        world.approve(ApprovalRequest.objects.pending().get())
        done = until(client, held.data["call"], "done")
        assert done.data["result"]["refunded_minor"] == 8400
        assert client.call("store__issue_refund", {**REFUND, "ticket": ticket.number}, key="once").data == done.data
    assert world.refunds() == 1
