"""A request that nobody answers in time goes on, once, to those who reach further."""

import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core import mail
from django.db import connection
from django.test import Client
from django.utils import timezone
from guardian.shortcuts import assign_perm

from approvals import services
from approvals.models import ApprovalPolicy, ApprovalRequest
from approvals.notifications.announcing import announce
from approvals.notifications.outbox import send_due
from approvals.overdue import escalate_overdue
from audit.models import AuditEntry
from supportagent.tools.models import ToolGrant
from tests.world import World, build_world, team

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def world(transactional_db: None, settings: Any, tmp_path: Path) -> World:
    """The finance lead decides for the team too, and without a limit; supervisors up to EUR 100."""
    world = build_world(settings, tmp_path)
    for permission in ("view_team", "decide_for_team"):
        assign_perm(f"staff.{permission}", world.finance, team("orders"))
    ToolGrant.objects.filter(group=Group.objects.get(name="Supervisor"), permission__codename="approve_tool").update(
        argument_rules={"properties": {"amount_minor": {"maximum": 10_000}}}
    )
    return world


def tell() -> list[tuple[str, str]]:
    """Announce and send, as the scheduler does; who got what by this."""
    mail.outbox.clear()
    announce()
    send_due()
    return sorted((message.to[0].partition("@")[0], message.subject.partition(":")[0]) for message in mail.outbox)


def let_response_time_pass(request: ApprovalRequest) -> None:
    assert request.respond_by is not None
    shift = request.respond_by - timezone.now() + timedelta(seconds=1)
    ApprovalRequest.objects.filter(pk=request.pk).update(
        respond_by=request.respond_by - shift, created_at=request.created_at - shift
    )
    request.refresh_from_db()


def test_a_request_is_given_the_time_to_respond_that_its_rule_names(world: World) -> None:
    rule = ApprovalPolicy.objects.get(name="Every refund is seen by a person")
    rule.respond_within = timedelta(minutes=7)
    rule.save()
    request = world.held_refund()
    assert request.respond_by is not None
    assert abs(request.respond_by - request.created_at - timedelta(minutes=7)) < timedelta(seconds=5)


def test_an_overdue_request_is_passed_on_once_to_those_who_reach_further(world: World) -> None:
    request = world.held_refund()
    everybody = [("finance", f"{request.reference} waits for a decision")]
    assert tell() == [*everybody, ("supervisor", f"{request.reference} waits for a decision")]
    assert escalate_overdue() == 0
    let_response_time_pass(request)
    assert [escalate_overdue(), escalate_overdue()] == [1, 0]
    assert tell() == [("finance", f"{request.reference} still waits and was passed on")]
    assert tell() == []
    request.refresh_from_db()
    assert (request.state, request.escalated_because) == ("PENDING", "nobody decided within 15 min")
    entries = AuditEntry.objects.filter(action="approvals.request.escalated", target_id=str(request.pk))
    assert [entry.actor_id for entry in entries] == ["overdue"]


def test_where_nobody_reaches_further_those_who_were_asked_are_asked_again(world: World) -> None:
    world.finance.groups.clear()
    request = world.held_refund()
    tell()
    let_response_time_pass(request)
    escalate_overdue()
    assert tell() == [("supervisor", f"{request.reference} still waits and was passed on")]


def test_the_request_can_still_be_decided_after_it_was_passed_on(world: World) -> None:
    request = world.held_refund()
    let_response_time_pass(request)
    escalate_overdue()
    request.refresh_from_db()
    assert world.approve(request, by=world.finance).state == ApprovalRequest.State.APPROVED


def test_what_is_decided_or_expired_is_not_passed_on(world: World) -> None:
    request = world.held_refund()
    let_response_time_pass(request)
    ApprovalRequest.objects.filter(pk=request.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert escalate_overdue() == 0
    services.expire_due()
    assert escalate_overdue() == 0
    request.refresh_from_db()
    assert request.escalated_at is None


def test_the_page_says_that_the_request_was_passed_on_and_why(world: World) -> None:
    request = world.held_refund()
    let_response_time_pass(request)
    escalate_overdue()
    client = Client()
    client.force_login(world.finance)
    assert "nobody decided within 15 min" in client.get(f"/console/approvals/{request.pk}/").content.decode()


def test_two_processes_pass_a_request_on_once(world: World) -> None:
    request = world.held_refund()
    let_response_time_pass(request)
    together, passed_on = threading.Barrier(2), []

    def work() -> None:
        try:
            together.wait()
            passed_on.append(escalate_overdue())
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(passed_on) == [0, 1]
    assert AuditEntry.objects.filter(action="approvals.request.escalated").count() == 1
