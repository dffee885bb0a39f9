"""A supervisor changes what would be done; somebody else decides on it, and everything that was proposed is kept."""

import json
from typing import Any

import pytest

from approvals import services
from approvals.errors import InvalidDecision
from approvals.models import ApprovalDecision, ApprovalPolicy, ApprovalRequest
from approvals.signals import request_replaced
from audit.models import AuditEntry
from supportagent.store.models import Refund
from supportagent.tools.access import USE
from supportagent.tools.models import Tool, ToolGrant
from tests.approvals.desk import colleague, decide, limit, open_as, page_of, set_rule
from tests.world import World

EDITED = {"arg.amount_minor": "60.00", "reason": "only one of two cups broke"}


def edited(world: World, request: ApprovalRequest, **fields: str) -> Any:
    return decide(open_as(world.ana), request, "edit", **{**EDITED, **fields})


def newest(request: ApprovalRequest) -> ApprovalRequest:
    return ApprovalRequest.objects.filter(call_id=request.call_id).latest("pk")


def test_an_edited_refund_is_approved_by_a_second_person_and_moves_exactly_the_edited_amount(world: World) -> None:
    request = world.held_refund()
    berta = colleague(world.ana)
    answer = edited(world, request)
    new = newest(request)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith(f"/console/approvals/{new.pk}/")
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.SUPERSEDED
    assert new.digest != request.digest
    assert world.approve(new, by=berta).state == ApprovalRequest.State.APPROVED
    world.advance(request.ticket)

    assert [refund.amount_minor for refund in Refund.objects.all()] == [6_000]
    proposed, executed = json.loads(request.bound_arguments), json.loads(world.call().bound_arguments)
    assert (proposed["amount_minor"], json.loads(new.bound_arguments)["amount_minor"]) == (8_400, 6_000)
    assert executed == json.loads(new.bound_arguments)


def test_the_card_of_an_edited_request_shows_what_was_and_what_is_now_who_changed_it_and_why(world: World) -> None:
    request = world.held_refund()
    edited(world, request)
    page = page_of(colleague(world.ana), newest(request))
    assert "was <del>EUR 84.00</del> now <ins>EUR 60.00</ins>" in page
    assert "Ana Ruiz changed the arguments: only one of two cups broke" in page
    assert "From proposal to execution" in page
    assert "from a colleague" in page  # where the amount comes from


def test_the_editor_is_told_that_somebody_else_decides(world: World) -> None:
    request = world.held_refund()
    edited(world, request)
    new = newest(request)
    assert "you edited this, so somebody else decides" in page_of(world.ana, new)
    answer = decide(open_as(world.ana), new, "approve")
    assert answer.status_code == 403
    assert world.refunds() == 0


def test_a_decision_on_the_request_as_it_was_before_the_edit_gets_409_naming_the_editor(world: World) -> None:
    request = world.held_refund()
    edited(world, request)
    late = decide(open_as(colleague(world.ana)), request, "approve")
    assert late.status_code == 409
    assert "Ana Ruiz changed the arguments" in late.content.decode()


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("sixty", "Write the amount like 84.00"),
        ("60.005", "Write the amount like 84.00"),
        ("1,234.50", "Write the amount like 84.00"),
        ("-5", "Write the amount like 84.00"),
        ("0", "The amount must be between EUR 0.01 and EUR 1,000,000.00."),
        ("2000000", "The amount must be between EUR 0.01 and EUR 1,000,000.00."),
        ("", "This is needed."),
        ("84.00", "Nothing was changed."),
    ],
)
def test_a_wrong_amount_is_sent_back_with_the_field_marked_and_nothing_changed(
    world: World, amount: str, said: str
) -> None:
    request = world.held_refund()
    answer = edited(world, request, **{"arg.amount_minor": amount})
    page = answer.content.decode()
    assert answer.status_code == 422
    field = page[page.index('id="arg-amount_minor"') :]
    assert 'aria-invalid="true" autofocus' in field[: field.index(">")]
    assert said in page
    assert "only one of two cups broke" in page  # what was typed is kept
    assert newest(request) == request


@pytest.mark.parametrize(
    ("typed", "minor"), [("60", 6_000), ("60.5", 6_050), ("60,50", 6_050), ("0.01", 1), ("83.99", 8_399)]
)
def test_money_is_typed_as_a_decimal_and_becomes_exactly_that_many_minor_units(
    world: World, typed: str, minor: int
) -> None:
    request = world.held_refund()
    edited(world, request, **{"arg.amount_minor": typed})
    assert newest(request).amount_minor == minor


def test_an_edit_without_a_reason_is_sent_back(world: World) -> None:
    request = world.held_refund()
    answer = edited(world, request, reason="")
    assert answer.status_code == 422
    assert "Say in 3 to 250 characters why you change this." in answer.content.decode()


def test_what_the_action_is_about_has_no_control_and_cannot_be_sent_either(world: World) -> None:
    request = world.held_refund()
    page = page_of(world.ana, request)
    assert 'name="arg.amount_minor"' in page
    for fixed in ("arg.order_id", "arg.currency"):
        assert f'name="{fixed}"' not in page
    edited(world, request, **{"arg.order_id": "ORD-1043", "arg.currency": "JPY"})
    assert json.loads(newest(request).bound_arguments) == {
        "order_id": "ORD-1042",
        "amount_minor": 6_000,
        "currency": "EUR",
    }
    with pytest.raises(InvalidDecision, match="cannot be changed"):
        services.edit(
            request=newest(request),
            by=colleague(world.ana),
            shown_digest=newest(request).digest,
            values={"order_id": "ORD-1043"},
            reason="another order",
        )


def test_a_call_without_arguments_to_change_has_no_edit_button_and_refuses_the_post(world: World) -> None:
    order = {"order_id": "ORD-1042", "stated_reason": "does not want it"}
    world.script([{"calls": [{"name": "store__cancel_order", "arguments": order}]}, {"text": "Asked."}])
    world.advance(world.write())
    request = ApprovalRequest.objects.pending().get()
    assert 'data-testid="edit"' not in page_of(world.ana, request)
    answer = decide(open_as(world.ana), request, "edit", reason="because")
    assert answer.status_code == 403
    assert "none of its arguments may be changed" in answer.content.decode()


@pytest.mark.parametrize("who", ["rosa", "auditor"])
def test_who_has_no_say_in_the_request_cannot_edit_it(world: World, who: str) -> None:
    request = world.held_refund()
    assert decide(open_as(getattr(world, who)), request, "edit", **EDITED).status_code == 403
    assert newest(request) == request


def test_an_edit_of_something_that_changed_meanwhile_is_refused(world: World) -> None:
    request = world.held_refund()
    answer = open_as(world.ana).post(f"/console/approvals/{request.pk}/edit/", {**EDITED, "digest": "0" * 64})
    assert answer.status_code == 409
    assert newest(request) == request


def test_an_edit_cannot_reach_further_than_the_agent_itself(world: World) -> None:
    request = world.held_refund()
    ToolGrant.objects.filter(permission__codename=USE, content_object__qualified_name="store__issue_refund").update(
        argument_rules={"properties": {"amount_minor": {"maximum": 8_400}}}
    )
    answer = edited(world, request, **{"arg.amount_minor": "84.01"})
    assert answer.status_code == 422
    assert "the agent&#x27;s own role" in answer.content.decode()


def test_what_the_rules_deny_or_a_person_rejected_cannot_be_edited_in(world: World) -> None:
    request = world.held_refund()
    ApprovalPolicy.objects.create(
        name="Never one euro",
        order=1,
        tool=Tool.objects.get(qualified_name="store__issue_refund"),
        conditions=[{"path": "arguments.amount_minor", "op": "eq", "value": 100}],
        outcome="deny",
    )
    answer = edited(world, request, **{"arg.amount_minor": "1.00"})
    assert answer.status_code == 422
    assert "Never one euro" in answer.content.decode()

    edited(world, request)
    new = newest(request)
    ApprovalDecision.objects.create(
        request=new, verdict="reject", decided_by=world.finance, digest=new.digest, reason_code="policy"
    )
    berta = colleague(world.ana)
    again = decide(open_as(berta), new, "edit", **{"arg.amount_minor": "50.00", "reason": "half of it"})
    assert again.status_code == 302
    back = decide(open_as(world.ana), newest(request), "edit", **EDITED)
    assert back.status_code == 422
    assert f"Exactly this was rejected on this ticket: {new.reference}" in back.content.decode()


def test_an_edit_that_the_rules_would_let_pass_alone_still_waits_for_a_second_person(world: World) -> None:
    request = world.held_refund()
    ApprovalPolicy.objects.create(
        name="Small refunds pass",
        order=15,
        tool=Tool.objects.get(qualified_name="store__issue_refund"),
        conditions=[{"path": "arguments.amount_minor", "op": "lte", "value": 2_000}],
        outcome="allow",
    )
    edited(world, request, **{"arg.amount_minor": "20.00"})
    new = newest(request)
    assert (new.state, new.tier) == (ApprovalRequest.State.PENDING, request.tier)
    world.approve(new, by=colleague(world.ana))
    world.advance(request.ticket)
    assert [refund.amount_minor for refund in Refund.objects.all()] == [2_000]


def test_an_edit_that_needs_more_care_goes_to_two_people(world: World) -> None:
    request = world.held_refund()
    set_rule(
        "Refunds above EUR 500 take two people",
        conditions=[{"path": "arguments.amount_minor", "op": "gt", "value": 8_400}],
    )
    edited(world, request, **{"arg.amount_minor": "84.01"})
    assert newest(request).tier == "T3"


def test_an_edit_above_the_editors_own_limit_goes_on_instead_of_failing(world: World) -> None:
    limit("Supervisor", {"properties": {"amount_minor": {"maximum": 8_400}}})
    request = world.held_refund()
    edited(world, request, **{"arg.amount_minor": "90.00"})
    new = newest(request)
    assert new.escalated_at is not None
    assert "above the limit of Ana Ruiz" in new.escalated_because


def test_who_edited_an_earlier_version_does_not_decide_a_later_one_either(world: World) -> None:
    request = world.held_refund()
    edited(world, request)
    berta = colleague(world.ana)
    decide(open_as(berta), newest(request), "edit", **{"arg.amount_minor": "59.00", "reason": "minus postage"})
    new = newest(request)
    for editor in (world.ana, berta):
        assert decide(open_as(editor), new, "approve").status_code == 403
    third = colleague(world.ana, "Carla Nunes")
    assert decide(open_as(third), new, "approve").status_code == 302


def test_an_edit_is_in_the_audit_trail_with_both_digests_and_without_its_words(world: World) -> None:
    request = world.held_refund()
    edited(world, request)
    new = newest(request)
    entry = AuditEntry.objects.get(action="approvals.request.edited", target_id=str(new.pk))
    leaf = bytes(entry.leaf).decode()
    assert request.digest in leaf
    assert new.digest in leaf
    assert "cups broke" not in leaf


def test_an_edit_that_comes_too_late_for_the_call_changes_nothing(world: World) -> None:
    """Whatever cannot move the call under the new request refuses the edit as a whole."""
    from approvals.errors import TooLate

    def gone(**_: Any) -> None:
        raise TooLate("It has gone out.")

    request = world.held_refund()
    request_replaced.connect(gone)
    try:
        assert edited(world, request).status_code == 409
    finally:
        request_replaced.disconnect(gone)
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.PENDING
    assert newest(request) == request


def test_an_address_is_edited_part_by_part_with_typed_fields(world: World) -> None:
    address = {"line1": "Rua Um 1", "city": "Porto", "postcode": "4000-001", "country": "PT"}
    arguments = {"address": address, "stated_reason": "moved house"}
    world.script([{"calls": [{"name": "store__update_account", "arguments": arguments}]}, {"text": "Asked."}])
    world.advance(world.write("I moved to Rua Um 1, 4000-001 Porto"))
    request = ApprovalRequest.objects.pending().get()
    page = page_of(world.ana, request)
    assert 'name="arg.address.postcode"' in page
    typed = {f"arg.address.{name}": value for name, value in address.items()}
    wrong = decide(open_as(world.ana), request, "edit", reason="typo", **{**typed, "arg.address.country": "Portugal"})
    assert wrong.status_code == 422
    field = wrong.content.decode().split('id="arg-address-country"')[1]
    assert 'aria-invalid="true"' in field[: field.index(">")]
    decide(open_as(world.ana), request, "edit", reason="typo", **{**typed, "arg.address.line1": "Rua Um 11"})
    assert json.loads(newest(request).bound_arguments) == {"address": {**address, "line1": "Rua Um 11"}}
