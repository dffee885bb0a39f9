"""Several requests with one act: T1 only, one tool, at most 20, each checked by itself and with a result of its own."""

from typing import Any

import pytest

from approvals.models import ApprovalRequest, Tier
from supportagent.tools.models import Tool
from tests.approvals.desk import decide, limit, open_as, set_rule, undo_window
from tests.store.shop import make_order
from tests.world import World

PATH = "/console/approvals/together/"


def held(world: World, many: int = 3) -> list[ApprovalRequest]:
    """So many refunds of tier T1 that wait."""
    set_rule(**undo_window(60))
    calls = []
    for number in range(many):
        make_order(world.order.account, f"ORD-{3001 + number}")
        arguments = {
            "order_id": f"ORD-{3001 + number}",
            "amount_minor": 1_000 + number,
            "currency": "EUR",
            "stated_reason": "broken",
        }
        calls.append({"name": "store__issue_refund", "arguments": arguments})
    world.script([{"calls": calls}, {"text": "I asked a colleague."}])
    world.advance(world.write("Please refund these"))
    return list(ApprovalRequest.objects.pending().order_by("pk"))


def post(world: World, requests: list[ApprovalRequest]) -> Any:
    return open_as(world.ana).post(PATH, {"picked": [f"{each.pk}:{each.digest}" for each in requests]})


def test_every_request_is_listed_with_the_sum_before_it_counts(world: World) -> None:
    requests = held(world)
    page = open_as(world.ana).get(PATH, {"pick": [each.pk for each in requests]}).content.decode()
    assert page.count('data-testid="bulk-row"') == 3
    assert "EUR 30.03" in page
    for each in requests:
        assert each.title in page
        assert each.digest in page


def test_all_are_approved_and_each_has_its_result_and_its_undo(world: World) -> None:
    requests = held(world)
    page = post(world, requests).content.decode()
    assert "Approved 3 of 3" in page
    assert page.count('data-testid="bulk-result"') == 3
    assert page.count("/undo/") == 3
    assert not ApprovalRequest.objects.pending().exists()


def test_one_that_changed_meanwhile_is_refused_alone(world: World) -> None:
    first, second, third = held(world)
    decide(open_as(world.ana), second, "reject", reason_code="policy")
    page = post(world, [first, second, third]).content.decode()
    assert "Approved 2 of 3" in page
    assert "Rejected by Ana Ruiz." in page
    stale = open_as(world.ana).post(PATH, {"picked": [f"{first.pk}:{'0' * 64}"]}).content.decode()
    assert "Approved 0 of 1" in stale


def test_one_above_the_limit_goes_on_and_the_others_are_approved(world: World) -> None:
    requests = held(world)
    limit("Supervisor", {"properties": {"amount_minor": {"maximum": 1_001}}})
    page = post(world, requests).content.decode()
    assert "Approved 2 of 3" in page
    assert "above your limit" in page
    left = ApprovalRequest.objects.pending().get()
    assert left.escalated_at is not None


def test_other_tiers_are_refused_as_a_whole(world: World) -> None:
    requests = held(world, 2)
    ApprovalRequest.objects.filter(pk=requests[0].pk).update(tier=Tier.T2)
    answer = post(world, requests)
    assert answer.status_code == 422
    assert "Only requests of tier T1" in answer.content.decode()
    assert ApprovalRequest.objects.pending().count() == 2


def test_different_tools_are_refused_as_a_whole(world: World) -> None:
    requests = held(world, 2)
    other = Tool.objects.get(qualified_name="store__cancel_order")
    ApprovalRequest.objects.filter(pk=requests[0].pk).update(tool=other)
    answer = post(world, requests)
    assert answer.status_code == 422
    assert "one and the same tool" in answer.content.decode()


def test_more_than_twenty_are_refused_as_a_whole(world: World) -> None:
    requests = held(world, 1)
    for number in range(20):
        copy = ApprovalRequest.objects.get(pk=requests[0].pk)
        copy.pk, copy.call_id = None, f"00000000-0000-0000-0000-{number:012d}"
        copy.save()
        requests.append(copy)
    answer = post(world, requests)
    assert answer.status_code == 422
    assert "At most 20 requests at once; these are 21." in answer.content.decode()
    assert ApprovalRequest.objects.pending().count() == 21


def test_nothing_chosen_and_nonsense_are_no_errors_of_the_server(world: World) -> None:
    client = open_as(world.ana)
    assert client.get(PATH).status_code == 200
    assert client.get(PATH, {"pick": ["x", "9" * 40, "-1"]}).status_code == 200
    assert client.post(PATH, {"picked": ["x", "1", ":", "9" * 40 + ":0"]}).status_code == 422


def test_what_i_may_not_decide_is_left_out_and_what_i_may_not_see_is_not_named(world: World) -> None:
    requests = held(world)
    ApprovalRequest.objects.filter(pk=requests[0].pk).update(requested_by=world.ana)
    page = open_as(world.ana).get(PATH, {"pick": [each.pk for each in requests]}).content.decode()
    assert page.count('data-testid="bulk-row"') == 2
    assert "Left out" in page
    stranger = open_as(world.piet).get(PATH, {"pick": [each.pk for each in requests]}).content.decode()
    assert requests[0].title not in stranger
    assert "Approved 0" not in open_as(world.piet).post(PATH, {"picked": [f"{requests[1].pk}:x"]}).content.decode()


@pytest.mark.parametrize("tier", [Tier.T1, Tier.T2])
def test_the_queue_offers_it_only_where_one_click_is_enough(world: World, tier: str) -> None:
    held(world)
    ApprovalRequest.objects.update(tier=tier)
    page = open_as(world.ana).get("/console/approvals/").content.decode()
    assert ('data-testid="bulk"' in page) == (tier == Tier.T1)
