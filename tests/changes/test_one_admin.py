"""An installation with a single admin switches the second one off, and every page says so."""

from typing import Any

import pytest
from django.test import Client

from approvals.models import ApprovalPolicy
from supportagent.staff.models import User
from supportagent.tools.models import Tool
from tests.changes.admins import Admin, nothing_proposed, page
from tests.world import World

WORDS = "One admin changes the rules here alone"


def pages(world: World) -> list[str]:
    tool = Tool.objects.first()
    assert tool is not None
    return [
        "/admin/",
        page(tool),
        page(Tool, "changelist"),
        page(tool, "history"),
        page(ApprovalPolicy, "add"),
        page(ApprovalPolicy.objects.first() or tool, "delete"),
        page(tool, "permissions"),
        page(tool, "permissions_manage_user", world.rosa.pk),
        page(world.agent, "change"),
        f"/admin/staff/user/{world.rosa.pk}/password/",
        "/admin/password_change/",
        "/admin/changes/proposedchange/",
        "/console/runs/",
        "/console/tickets/",
        "/console/approvals/",
        "/console/",
    ]


@pytest.mark.parametrize("alone", [True, False])
def test_every_page_says_that_one_admin_changes_the_rules_alone(
    world: World, client: Client, settings: Any, alone: bool
) -> None:
    settings.SECOND_ADMIN = not alone
    client.force_login(User.objects.create_superuser("root"))
    silent = []
    for address in pages(world):
        answer = client.get(address, follow=True)
        assert answer.status_code == 200, address
        if (WORDS in answer.content.decode()) is not alone:
            silent.append(address)
    assert silent == []


def test_with_the_second_admin_switched_off_a_change_is_in_force_at_once(
    world: World, olga: Admin, settings: Any
) -> None:
    settings.SECOND_ADMIN = False
    rule = ApprovalPolicy.objects.get(order=20)
    olga.save(rule, tier="T1")
    rule.refresh_from_db()
    assert rule.tier == "T1" and nothing_proposed()


def test_the_second_admin_is_asked_unless_somebody_switches_that_off(settings: Any) -> None:
    assert settings.SECOND_ADMIN is True
