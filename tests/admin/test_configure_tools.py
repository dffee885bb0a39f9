"""Tools, their grants and the approval rules in the admin."""

import json

import pytest
from django.contrib.auth.models import Group, Permission
from django.test import Client

from approvals.models import ApprovalPolicy
from supportagent.staff.models import User
from supportagent.tools import access
from supportagent.tools.models import Tool, ToolGrant
from tests.admin.conftest import grants
from tests.world import World

DEEP = "[" * 5000 + "]" * 5000


def granting(tool: Tool, rules: str, role: str = "Technical specialist") -> dict[str, str]:
    """The form of a tool with one more grant."""
    own = list(tool.grants.order_by("pk"))
    form = grants("grants", total=len(own) + 1, initial=len(own)) | grants("user_grants")
    for number, grant in enumerate(own):
        form |= {
            f"grants-{number}-id": str(grant.pk),
            f"grants-{number}-group": str(grant.group_id),
            f"grants-{number}-permission": str(grant.permission_id),
            f"grants-{number}-argument_rules": json.dumps(grant.argument_rules),
        }
    use = Permission.objects.get(content_type__app_label="tools", codename="use_tool")
    new = f"grants-{len(own)}"
    form |= {
        f"{new}-group": str(Group.objects.get(name=role).pk),
        f"{new}-permission": str(use.pk),
        f"{new}-argument_rules": rules,
    }
    return {**form, "enabled": "on", "change_reason": "More hands"}


def refund() -> Tool:
    return Tool.objects.get(qualified_name="store__issue_refund")


def page(tool: Tool) -> str:
    return f"/admin/tools/tool/{tool.pk}/change/"


def test_a_grant_on_one_tool_does_not_leak_to_another(world: World, root: Client) -> None:
    tool = refund()
    tina = User.objects.create_user("tina")
    tina.groups.add(Group.objects.get(name="Technical specialist"))
    before = set(access.granted(tina))
    answer = root.post(page(tool), granting(tool, '{"properties": {"amount_minor": {"maximum": 2000}}}'))
    assert answer.status_code == 302, answer.context["errors"]
    assert set(access.granted(tina)) - before == {"store__issue_refund"}
    assert access.granted(tina)["store__issue_refund"].rules == ({"properties": {"amount_minor": {"maximum": 2000}}},)
    assert not access.may(tina, access.APPROVE, tool)


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ("{", "Enter a valid JSON"),
        ("[]", "Write a JSON object"),
        ('"text"', "Write a JSON object"),
        (DEEP, "Enter a valid JSON"),
        ('{"properties": {"amount_minor": {"maximum": "much"}}}', "Not a JSON Schema"),
        ('{"type": "number of sorts"}', "Not a JSON Schema"),
        ('{"properties": {"amount": {"maximum": 5}}}', "has no argument amount"),
        ('{"properties": {"order_id": {"pattern": "(["}}}', "not a regular expression"),
        ('{"$ref": "https://example.com/schema"}', "not supported"),
        ('{"properties": {"order_id": {"const": "\\u0000"}}}', "NUL"),
        ('{"properties": {"amount_minor": {"maximum": ' + "9" * 5000 + "}}}", "Enter a valid JSON"),
        ('{"properties": {"amount_minor": {"maximum": NaN}}}', "Enter a valid JSON"),
        ('{"properties": {"order_id": {"const": "\\ud800"}}}', "Enter a valid JSON"),
    ],
)
def test_argument_rules_that_cannot_be_applied_are_refused_in_words(
    world: World, root: Client, rules: str, words: str
) -> None:
    tool = refund()
    before = ToolGrant.objects.count()
    answer = root.post(page(tool), granting(tool, rules))
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert ToolGrant.objects.count() == before


def test_what_was_reviewed_cannot_be_edited(world: World, root: Client) -> None:
    tool = refund()
    form = grants("grants", len(tool.grants.all()), 0) | {"description": "Refund everybody", "effect": "READ"}
    form = granting(tool, "{}") | form | {"grants-TOTAL_FORMS": "0", "grants-INITIAL_FORMS": "0"}
    del form["enabled"]
    assert root.post(page(tool), form).status_code == 302
    changed = refund()
    assert (changed.description, changed.effect, changed.enabled) == (tool.description, tool.effect, False)


def rule(**changes: str) -> dict[str, str]:
    form = {
        "order": "5",
        "name": "Small refunds",
        "tool": str(refund().pk),
        "conditions": '[{"path": "arguments.amount_minor", "op": "lte", "value": 2000}]',
        "outcome": "allow",
        "tier": "T1",
        "expires_after": "04:00:00",
        "enabled": "on",
    }
    return {**form, **changes}


def test_a_rule_is_written_and_its_condition_read_back_in_words(world: World, root: Client) -> None:
    answer = root.post("/admin/approvals/approvalpolicy/add/", rule())
    assert answer.status_code == 302, answer.context["errors"]
    assert ApprovalPolicy.objects.get(order=5).version == 1
    assert "arguments.amount_minor ≤ 2000" in root.get("/admin/approvals/approvalpolicy/").content.decode()


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ("{", "Enter a valid JSON"),
        ("{}x", "Enter a valid JSON"),
        ('{"path": "assurance"}', "Write a JSON list"),
        ('["assurance"]', "needs exactly the keys"),
        ('[{"path": "assurance", "op": "eq"}]', "needs exactly the keys"),
        ('[{"path": "assurance", "op": "is", "value": 1}]', "is unknown; one of eq"),
        ('[{"path": "assurance", "op": ["eq"], "value": 1}]', "is unknown; one of eq"),
        ('[{"path": "arguments..x", "op": "eq", "value": 1}]', "is none of assurance"),
        ('[{"path": "ticket.number", "op": "eq", "value": 1}]', "is none of assurance"),
        ('[{"path": ["arguments"], "op": "eq", "value": 1}]', "is none of assurance"),
        ('[{"path": "arguments.amount", "op": "lt", "value": 1}]', "has no argument"),
        ('[{"path": "arguments.amount_minor", "op": "lt", "value": "1"}]', "compares with a whole number"),
        ('[{"path": "facts.status", "op": "in", "value": "paid"}]', "compares with a list"),
        (DEEP, "Enter a valid JSON"),
    ],
)
def test_a_condition_that_cannot_be_read_is_refused_in_words(
    world: World, root: Client, conditions: str, words: str
) -> None:
    answer = root.post("/admin/approvals/approvalpolicy/add/", rule(conditions=conditions))
    assert answer.status_code == 200
    assert words in answer.content.decode().replace("&#x27;", "'")


@pytest.mark.parametrize("wait", ["0", "-1 00:00:00", "400 00:00:00", "soon", "9" * 30])
def test_a_request_waits_between_a_minute_and_thirty_days(world: World, root: Client, wait: str) -> None:
    answer = root.post("/admin/approvals/approvalpolicy/add/", rule(expires_after=wait))
    assert answer.status_code == 200
    assert "expires_after" in answer.context["adminform"].form.errors


def test_the_history_of_a_rule_shows_what_changed_who_and_why(world: World, root: Client) -> None:
    policy = ApprovalPolicy.objects.get(order=20)
    edit = rule(
        order="20",
        name=policy.name,
        conditions='[{"path": "arguments.amount_minor", "op": "gt", "value": 30000}]',
        outcome="approve",
        tier="T3",
    )
    address = f"/admin/approvals/approvalpolicy/{policy.pk}/change/"
    assert root.post(address, edit).status_code == 200, "a reason is asked for"
    assert root.post(address, edit | {"change_reason": "Fraud in May"}).status_code == 302
    body = root.get(f"/admin/approvals/approvalpolicy/{policy.pk}/history/").content.decode()
    assert "50000" in body and "30000" in body and "root" in body and "Fraud in May" in body


def test_the_page_of_object_permissions_renders(world: World, root: Client) -> None:
    for address in (f"/admin/tools/tool/{refund().pk}/", f"/admin/agents/agent/{world.agent.pk}/"):
        assert root.get(f"{address}permissions/").status_code == 200
