"""The queue of unknown outcomes: who sees what, what there is to look at, and how one is settled."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Resolution, ToolCall
from supportagent.console import navigation
from supportagent.staff.models import User
from supportagent.tools.models import Tool
from tests.world import World

LOOKED = "The bank's own list shows it."


def open_as(user: User) -> Client:
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def unknown(world: World) -> ToolCall:
    """A call that was sent and never answered, with a record read before and after it."""
    world.script([{"text": "Hello."}])
    ticket = world.write()
    run = world.advance(ticket)
    tool = Tool.objects.get(qualified_name="store__issue_refund")
    Tool.objects.filter(pk=tool.pk).update(what_to_check="Look the refund up at the bank.")
    return ToolCall.objects.create(
        run=run,
        turn=9,
        index=0,
        name=tool.qualified_name,
        tool=tool,
        state=ToolCall.State.OUTCOME_UNKNOWN,
        sent_at=timezone.now(),
        subject="order:ORD-1042",
        bound_arguments='{"amount_minor": 8400, "note": "<script>alert(1)</script>", "order_id": "ORD-1042"}',
        reconciliation={
            "error": "the server did not answer",
            "before": {"refunded_minor": 0, "status": "open"},
            "after": {"refunded_minor": 8400, "status": "open"},
        },
    )


def page_of(user: User, call: ToolCall | None = None) -> str:
    address = f"/console/outcomes/{call.pk}/" if call else "/console/outcomes/"
    return open_as(user).get(address).content.decode()


def settle(client: Client, call: ToolCall, **fields: str) -> Any:
    return client.post(f"/console/outcomes/{call.pk}/settle/", fields)


def test_the_page_shows_what_to_check_what_was_sent_and_what_is_known(world: World, unknown: ToolCall) -> None:
    page = page_of(world.ana, unknown)
    for part in (
        "Look the refund up at the bank.",
        "order:ORD-1042",
        "8400",
        "the server did not answer",
        "was <del>0</del> now <ins>8400</ins>",
        "unchanged",
        'name="verdict"',
    ):
        assert part in page
    assert "<script>alert" not in page


def test_without_the_right_to_personal_data_no_value_is_shown(world: World, unknown: ToolCall) -> None:
    page = page_of(world.auditor, unknown)
    assert "8400" not in page
    assert "your role does not see personal data" in page
    assert "Your role does not settle unknown outcomes." in page


def test_a_verdict_with_its_evidence_settles_the_call(world: World, unknown: ToolCall) -> None:
    client = open_as(world.ana)
    assert settle(client, unknown, verdict="happened", evidence=LOOKED).status_code == 302
    resolution = Resolution.objects.get(call=unknown)
    assert (resolution.resolved_by, resolution.evidence) == (world.ana, LOOKED)
    page = page_of(world.ana, unknown)
    assert "It was carried out" in page
    assert "Ana Ruiz" in page
    assert "All clear" in page
    assert unknown.name in client.get("/console/outcomes/?split=settled").content.decode()


def test_what_is_missing_is_said_and_what_was_typed_is_kept(world: World, unknown: ToolCall) -> None:
    answer = settle(open_as(world.ana), unknown, verdict="happened", evidence="looked")
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in page
    assert ">looked</textarea>" in page
    assert 'value="happened" required checked' in page
    assert settle(open_as(world.ana), unknown, verdict="", evidence=LOOKED).status_code == 422


def test_the_second_person_reads_who_was_first(world: World, unknown: ToolCall) -> None:
    settle(open_as(world.ana), unknown, verdict="happened", evidence=LOOKED)
    late = settle(open_as(world.ana), unknown, verdict="not_happened", evidence=LOOKED)
    assert late.status_code == 409
    assert "by Ana Ruiz: it was carried out" in late.content.decode()


def test_another_team_does_not_see_that_the_call_exists(world: World, unknown: ToolCall) -> None:
    piet = open_as(world.piet)
    assert piet.get(f"/console/outcomes/{unknown.pk}/").status_code == 404
    assert settle(piet, unknown, verdict="happened", evidence=LOOKED).status_code == 404
    assert unknown.name not in piet.get("/console/outcomes/").content.decode()


def test_a_call_whose_outcome_was_always_known_has_no_page(world: World, unknown: ToolCall) -> None:
    ToolCall.objects.filter(pk=unknown.pk).update(state=ToolCall.State.SUCCEEDED)
    assert open_as(world.ana).get(f"/console/outcomes/{unknown.pk}/").status_code == 404


def test_the_menu_counts_what_is_open_for_this_person(world: World, unknown: ToolCall, rf: Any) -> None:
    def badge(user: User) -> list[str]:
        request = rf.get("/console/")
        request.user = user
        links = [link for section in navigation.menu_for(request) for link in section.links]
        return [link.badge for link in links if link.label == "Unknown outcomes"]

    assert badge(world.ana) == ["1"]
    assert badge(world.piet) == [""]
    assert badge(world.rosa) == []


def test_the_queue_costs_the_same_number_of_queries_for_one_and_for_many(
    world: World, unknown: ToolCall, django_assert_max_num_queries: Any
) -> None:
    client = open_as(world.ana)
    client.get("/console/outcomes/")
    for number in range(30):
        ToolCall.objects.create(
            run=unknown.run,
            turn=9,
            index=number + 1,
            name=unknown.name,
            tool=unknown.tool,
            state=unknown.state,
            sent_at=unknown.sent_at,
        )
    with django_assert_max_num_queries(30):
        page = client.get("/console/outcomes/").content.decode()
    assert page.count('data-testid="outcome-row"') == 31
