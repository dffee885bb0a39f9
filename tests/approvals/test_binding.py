"""What is approved is what runs: the digest covers it, and nothing of it can be exchanged after the decision."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from approvals import binding
from approvals.models import ApprovalRequest
from tests.approvals.desk import decide, open_as
from tests.world import World

State = ApprovalRequest.State

# Every field that the digest binds, with something else in its place.
EXCHANGED: dict[str, Any] = {
    "call_id": "00000000-0000-0000-0000-000000000001",
    "definition_hash": "0" * 64,
    "arguments": '{"amount_minor":9999,"currency":"EUR","order_id":"ORD-1042"}',
    "bound_arguments": '{"amount_minor":9999,"currency":"EUR","order_id":"ORD-1042"}',
    "facts": {"captured_minor": 1_000_000},
    "rule_version": 99,
    "tier": "T1",
    "expires_at": timedelta(days=30),
    "nonce": "0" * 32,
    "approver_roles": ["Support rep"],
}


def exchange(request: ApprovalRequest, field: str) -> ApprovalRequest:
    """The row with another value in one field, as somebody with access to the database would leave it."""
    value = EXCHANGED[field]
    if isinstance(value, timedelta):
        value = getattr(request, field) + value
    ApprovalRequest.objects.filter(pk=request.pk).update(**{field: value})
    request.refresh_from_db()
    return request


@pytest.mark.parametrize("field", EXCHANGED)
def test_what_was_exchanged_before_the_decision_cannot_be_approved(world: World, field: str) -> None:
    request = exchange(world.held_refund(), field)
    answer = decide(open_as(world.ana), request, "approve")
    assert answer.status_code in (403, 409)
    world.advance(request.ticket)
    assert world.refunds() == 0


@pytest.mark.parametrize("field", [field for field in EXCHANGED if field != "call_id"])
def test_what_was_exchanged_after_the_decision_is_not_sent(world: World, field: str) -> None:
    request = world.held_refund()
    world.approve(request)
    exchange(request, field)
    world.advance(request.ticket)
    assert world.refunds() == 0
    assert ApprovalRequest.objects.get(pk=request.pk).state != State.APPROVED


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_value_of_the_bound_action_is_in_the_digest(world: World, data: st.DataObject) -> None:
    request = ApprovalRequest.objects.pending().first() or world.held_refund()
    bound = json.loads(request.bound_arguments)
    name = data.draw(st.sampled_from(sorted(bound)))
    other = data.draw(st.integers(0, 10**9) if isinstance(bound[name], int) else st.text(max_size=30))
    before = binding.digest_of(request)
    request.bound_arguments = json.dumps({**bound, name: other}, sort_keys=True, separators=(",", ":"))
    assert (binding.digest_of(request) == before) == (other == bound[name])


def as_of_version_1(request: ApprovalRequest) -> ApprovalRequest:
    """The row as the release before this one bound it."""
    ApprovalRequest.objects.filter(pk=request.pk).update(digest=binding.digest_of(request, version=1))
    request.refresh_from_db()
    return request


def test_what_an_earlier_version_bound_is_put_before_people_again_under_a_digest_of_now(world: World) -> None:
    request = as_of_version_1(world.held_refund())
    answer = decide(open_as(world.ana), request, "approve")
    new = ApprovalRequest.objects.get(supersedes=request)
    assert answer.status_code == 409
    assert f"This was asked before an update. {new.reference} took its place" in answer.content.decode()
    assert new.digest == binding.digest_of(new)
    assert decide(open_as(world.ana), new, "approve").status_code == 302
    world.advance(request.ticket)
    assert world.refunds() == 1


def test_what_an_earlier_version_bound_can_be_rejected_as_it_is(world: World) -> None:
    request = as_of_version_1(world.held_refund())
    assert decide(open_as(world.ana), request, "reject", reason_code="policy").status_code == 302


def test_what_was_approved_before_an_update_goes_before_a_person_again(world: World) -> None:
    request = world.held_refund()
    world.approve(request)
    as_of_version_1(request)
    world.advance(request.ticket)
    assert world.refunds() == 0
    new = ApprovalRequest.objects.get(supersedes=request)
    assert "before an update" in new.supersedes_because
