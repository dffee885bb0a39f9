"""Writing a rule: what can never hold is refused in words, and what is kept is read back in words."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.test import Client

from approvals.forms import ApprovalPolicyForm
from approvals.models import ApprovalPolicy
from approvals.wording import duration_in_words
from supportagent.staff.models import User
from supportagent.tools.models import Tool
from tests.world import World

pytestmark = pytest.mark.django_db


def tool(name: str = "store__issue_refund") -> Tool:
    return Tool.objects.get(qualified_name=name)


def form(*conditions: Any, instance: ApprovalPolicy | None = None, **changes: Any) -> ApprovalPolicyForm:
    """The form as somebody filled it in; conditions as (path, operator, value)."""
    written = [dict(zip(("path", "op", "value"), each, strict=True)) for each in conditions]
    usual = {
        "order": 5,
        "name": "Small refunds",
        "tool": tool().pk,
        "conditions": json.dumps(written),
        "outcome": "approve",
        "tier": "T2",
        "respond_within": "00:15:00",
        "expires_after": "04:00:00",
        "undo_seconds": "8",
        "enabled": "on",
    }
    return ApprovalPolicyForm({**usual, **changes}, instance=instance)


def errors(field: str, *conditions: Any, **changes: Any) -> str:
    return " ".join(form(*conditions, **changes).errors.get(field, []))


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (("arguments.amount_minor[0]", "gt", 1), "looks into a value of the type integer"),
        (("arguments.amount_minor", "gt", "1"), "compares with a whole number"),
        (("arguments.order_id", "gt", 1), "is a value of the type string, which gt cannot compare"),
        (("arguments.amount_minor", "eq", "8400"), "is a value of the type integer"),
        (("arguments.amount_minor", "in", [True]), "is a value of the type integer"),
        (("provenance.address", "eq", "the model"), "has no argument 'address'"),
        (("sums.order.count", "gt", 1), "is none of assurance"),
        (("sums.customer.amount_minor", "gt", 100_000), ""),
        (("provenance.amount_minor", "ne", "the model"), ""),
        (("facts.captures[*].amount_minor", "gt", 5), ""),
        (("facts.captures[*].x[all]", "gt", 5), "mixes [*] and [all]"),
        (("facts.captures[any]", "gt", 5), "cannot be read from '[any]' on"),
    ],
)
def test_a_condition_that_can_never_be_known_is_refused_in_words(world: World, condition: Any, words: str) -> None:
    said = errors("conditions", condition)
    assert words in said if words else said == ""


def test_a_condition_on_facts_needs_a_tool_that_reads_them(world: World) -> None:
    note = tool("tickets__add_internal_note")
    assert "has no read that brings facts" in errors("conditions", ("facts.status", "eq", "x"), tool=note.pk)


def test_a_rule_for_every_tool_asks_only_for_what_all_of_them_have(world: World) -> None:
    assert "has no argument 'amount_minor'" in errors("conditions", ("arguments.amount_minor", "gt", 1), tool="")
    assert errors("conditions", ("assurance", "eq", "verified"), tool="") == ""


def test_a_rule_that_allows_asks_for_each_element(world: World) -> None:
    condition = ("facts.captures[*].amount_minor", "lte", 5000)
    assert "a rule that allows asks for [all]" in errors("conditions", condition, outcome="allow")
    assert errors("conditions", condition) == ""


def test_approvers_must_be_able_to_approve_the_tool(world: World) -> None:
    finance, rep = (Group.objects.get(name=name) for name in ("Finance lead", "Support rep"))
    assert errors("approvers", approvers=[finance.pk]) == ""
    assert "Support rep may not approve store__issue_refund" in errors("approvers", approvers=[finance.pk, rep.pk])
    assert "does not ask for an approval" in errors("approvers", approvers=[finance.pk], outcome="deny")


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"respond_within": "00:00:30"}, "respond_within", "Between one minute and 30 days"),
        ({"respond_within": "05:00:00"}, "respond_within", "over by then"),
        ({"respond_within": "soon"}, "respond_within", "Enter a valid duration"),
        ({"undo_seconds": "61", "tier": "T1"}, "undo_seconds", "less than or equal to 60"),
        ({"undo_seconds": "-1", "tier": "T1"}, "undo_seconds", "greater than or equal to 0"),
        ({"undo_seconds": "20"}, "undo_seconds", "Only an approval of tier T1 can be undone"),
    ],
)
def test_times_that_make_no_sense_are_refused(world: World, changes: dict[str, str], field: str, words: str) -> None:
    assert words in errors(field, **changes)


def test_an_empty_box_is_what_is_usual_and_one_that_was_not_sent_changes_nothing(world: World) -> None:
    rule = ApprovalPolicy.objects.get(order=30)
    rule.respond_within, rule.undo_seconds, rule.tier = timedelta(minutes=3), 30, "T1"
    rule.save()
    emptied = form(instance=rule, tier="T1", respond_within="", undo_seconds="")
    assert emptied.is_valid(), emptied.errors
    kept = emptied.save()
    assert (kept.respond_within, kept.undo_seconds) == (timedelta(minutes=15), 8)
    rule.refresh_from_db()
    rule.undo_seconds = 30
    rule.save()
    partial = form(instance=rule, tier="T1")
    partial.data = {name: value for name, value in partial.data.items() if name != "undo_seconds"}
    assert partial.is_valid(), partial.errors
    assert partial.save().undo_seconds == 30


def test_a_rule_is_read_back_as_one_sentence(world: World, client: Client) -> None:
    client.force_login(User.objects.create_superuser("root"))
    rule = ApprovalPolicy.objects.get(order=20)
    rule.approvers.set(Group.objects.filter(name="Finance lead"))
    page = client.get(f"/admin/approvals/approvalpolicy/{rule.pk}/change/").content.decode()
    assert (
        "A call of store__issue_refund, when arguments.amount_minor &gt; 50000: two different people decide "
        "(Finance lead); without a decision it goes on to more people after 15 min and is refused after 4 h." in page
    )
    assert "T3 · Finance lead" in client.get("/admin/approvals/approvalpolicy/").content.decode()


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (45, "45 s"), (90, "90 s"), (5400, "90 min"), (14_400, "4 h"), (172_800, "2 d")]
)
def test_durations_are_written_as_people_write_them(seconds: int, words: str) -> None:
    assert duration_in_words(timedelta(seconds=seconds)) == words
