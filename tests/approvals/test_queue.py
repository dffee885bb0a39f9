"""The parts of the queue: what is in each, that the counts are true, and that a long queue costs no more."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals import services
from approvals.models import ApprovalRequest
from approvals.queries import SPLITS
from tests.approvals.desk import colleague, decide, limit, open_as, page_of
from tests.world import World

SOON = timezone.now() + timedelta(minutes=10)


def copies(request: ApprovalRequest, many: int, **changes: Any) -> list[ApprovalRequest]:
    start = ApprovalRequest.objects.count()
    made = []
    for number in range(start, start + many):
        copy = ApprovalRequest.objects.get(pk=request.pk)
        copy.pk, copy.call_id = None, f"00000000-0000-0000-0000-{number:012d}"
        for field, value in changes.items():
            setattr(copy, field, value)
        copy.save()
        made.append(copy)
    return made


def listed(world: World, split: str, who: str = "ana") -> tuple[int, str]:
    page = open_as(getattr(world, who)).get(f"/console/approvals/?split={split}").content.decode()
    tab = page.split(f'data-testid="split-{split}"')[1].split("</a>")[0]
    return page.count('data-testid="approval-row"'), tab


@pytest.mark.parametrize(
    ("split", "changes"),
    [
        ("mine", {}),
        ("expiring", {"expires_at": SOON}),
        ("two-people", {"tier": "T3"}),
        ("high-value", {"amount_minor": 20_000}),
        ("high-value", {"amount_minor": 200, "currency": "JPY"}),
        ("high-value", {"amount_minor": 200_000, "currency": "KWD"}),
        ("all", {}),
    ],
)
def test_the_number_on_a_tab_is_the_number_of_requests_behind_it(
    world: World, split: str, changes: dict[str, Any]
) -> None:
    request = world.held_refund()
    base = 1 if split in ("mine", "all") else 0
    copies(request, 3, **changes)
    copies(request, 2, state="APPROVED")
    rows, tab = listed(world, split)
    assert rows == base + 3
    assert f'<span class="tabs__count">{base + 3}</span>' in tab


def test_an_amount_below_the_setting_is_none_of_high_value(world: World) -> None:
    request = world.held_refund()
    copies(request, 1, amount_minor=19_999)
    copies(request, 1, amount_minor=199_999, currency="KWD")
    copies(request, 1, amount_minor=199, currency="JPY")
    assert listed(world, "high-value")[0] == 0


def test_a_queue_of_sixty_costs_as_many_queries_as_a_queue_of_two(world: World) -> None:
    request = world.held_refund()
    limit("Supervisor", {"properties": {"amount_minor": {"maximum": 50_000}}})
    services.ask(request=request, by=world.ana, question="Is there a photo?")
    copies(request, 1)
    client = open_as(world.ana)
    client.get(f"/console/approvals/{request.pk}/")

    def statements(split: str) -> int:
        with CaptureQueriesContext(
            connection,
        ) as caught:
            assert client.get(f"/console/approvals/{request.pk}/?split={split}").status_code == 200
        return len(caught)

    before = {split.key: statements(split.key) for split in SPLITS}
    copies(request, 58)
    assert {split.key: statements(split.key) for split in SPLITS} == before


def test_a_request_given_to_one_person_is_in_their_part_only_until_it_goes_on(world: World) -> None:
    request = world.held_refund()
    berta = colleague(world.ana)
    assert decide(open_as(world.ana), request, "assign", assigned_to=str(berta.pk)).status_code == 302
    assert listed(world, "mine")[0] == 0
    assert "for Berta Klein" in open_as(world.ana).get("/console/approvals/?split=all").content.decode()
    assert request.title in open_as(berta).get("/console/approvals/").content.decode()

    assert services.escalate(request=request, because="Nobody answered in time.", actor=None or _system())
    assert not services.escalate(request=request, because="Again.", actor=_system())
    assert listed(world, "mine")[0] == 1
    assert "Nobody answered in time." in page_of(world.ana, request)


def _system() -> Any:
    from audit.context import Actor

    return Actor.system("response")


def test_a_request_is_given_only_to_somebody_who_may_decide_it(world: World) -> None:
    request = world.held_refund()
    for nobody in (str(world.rosa.pk), "x", "9" * 30):
        answer = decide(open_as(world.ana), request, "assign", assigned_to=nobody)
        assert answer.status_code == 422
    assert decide(open_as(world.auditor), request, "assign", assigned_to="").status_code == 403


def test_the_page_says_until_when_an_answer_is_due_and_when_it_ends(world: World) -> None:
    request = world.held_refund()
    assert request.respond_by is not None
    assert request.created_at < request.respond_by <= request.expires_at
    page = page_of(world.ana, request)
    assert f'data-deadline="{request.respond_by.isoformat()}"' in page
    assert f'data-deadline="{request.expires_at.isoformat()}"' in page
