"""Who decides a proposed change, and what stands against a decision."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from approvals.models import ApprovalPolicy
from audit import verification
from audit.models import AuditEntry
from supportagent.changes import services
from supportagent.changes.errors import AlreadyDecided
from supportagent.changes.models import ProposedChange
from supportagent.staff.models import User
from tests.changes.admins import Admin, filled, page, proposed
from tests.world import World

State = ProposedChange.State


def the_rule(order: int = 20) -> ApprovalPolicy:
    return ApprovalPolicy.objects.get(order=order)


@pytest.fixture
def change(world: World, olga: Admin) -> ProposedChange:
    """A rule for two people that olga would have one person decide."""
    olga.save(the_rule(), tier="T2")
    return proposed()


def before(value: str) -> str:
    return f'before</span><span class="change-row__value">{value}</span></del>'


def after(value: str) -> str:
    return f'after</span><span class="change-row__value">{value}</span></ins>'


def text(answer: Any) -> str:
    return " ".join(answer.content.decode().replace("&#x27;", "'").split())


def test_who_proposed_it_does_not_put_it_in_force_superuser_or_not(change: ProposedChange, olga: Admin) -> None:
    answer = olga.put_in_force(change)
    assert answer.status_code == 403
    assert "you proposed it yourself" in text(answer)
    assert the_rule().tier == "T3" and proposed() == change
    assert "Put in force" not in text(olga.client.get(page(change)))


def test_the_database_itself_refuses_that_one_person_does_both(change: ProposedChange, olga: Admin) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        ProposedChange.objects.update(state=State.IN_FORCE, decided_by=olga.user)


def test_a_supervisor_sees_the_change_and_decides_nothing(change: ProposedChange, sven: Admin) -> None:
    shown = text(sven.client.get(page(change)))
    assert "Put in force" not in shown and "may put proposed changes in force" in shown
    for verb in ("put_in_force", "decline", "withdraw"):
        assert sven.decide(change, verb, reason="no").status_code == 403
    assert the_rule().tier == "T3" and proposed() == change


def test_an_agents_account_decides_nothing_even_with_the_permission(change: ProposedChange, world: World) -> None:
    account = world.agent.service_user
    account.user_permissions.add(Permission.objects.get(codename="decide_change"))
    with pytest.raises(Exception, match="an agent decides nothing"):
        services.put_in_force(change=change, by=account, shown_digest=change.digest)


def test_the_page_shows_before_and_after_and_what_is_loosened(change: ProposedChange, otto: Admin) -> None:
    shown = text(otto.client.get(page(change)))
    assert "the tier falls from T3 to T2" in shown
    assert before("T3 · two different people") in shown
    assert after("T2 · confirm amount and payee") in shown
    assert "because of the sale" in shown and "Put in force" in shown


def test_a_change_is_declined_with_a_reason_that_the_proposer_reads(
    change: ProposedChange, olga: Admin, otto: Admin
) -> None:
    assert otto.decide(change, "decline").status_code == 422
    assert proposed() == change
    assert otto.decide(change, "decline", reason="not before the audit").status_code == 302
    assert "not before the audit" in text(olga.client.get(page(change)))
    assert otto.put_in_force(change).status_code == 409
    assert the_rule().tier == "T3"


def test_a_proposal_is_withdrawn_by_its_proposer_only(change: ProposedChange, olga: Admin, otto: Admin) -> None:
    assert otto.decide(change, "withdraw").status_code == 403
    assert olga.decide(change, "withdraw").status_code == 302
    answer = otto.put_in_force(change)
    assert answer.status_code == 409 and "withdrawn by Olga" in text(answer)
    assert the_rule().tier == "T3"


def test_a_digest_that_was_not_shown_decides_nothing(change: ProposedChange, otto: Admin) -> None:
    for digest in ("", "0" * 64):
        assert otto.put_in_force(change, digest=digest).status_code == 409
    assert proposed() == change and the_rule().tier == "T3"


def test_a_decision_is_a_post_with_the_check_against_forgery(change: ProposedChange, otto: Admin) -> None:
    address = reverse("admin:changes_proposedchange_put_in_force", args=[change.pk])
    assert otto.client.get(address).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(otto.user)
    assert strict.post(address, {"digest": change.digest}).status_code == 403
    assert the_rule().tier == "T3"


def test_a_rule_that_moved_meanwhile_makes_the_change_stale_and_shows_how(
    change: ProposedChange, olga: Admin, otto: Admin
) -> None:
    olga.save(the_rule(), expires_after="01:00:00")  # tightens, so it is in force
    shown = text(otto.client.get(page(change)))
    assert "Put in force" not in shown and "What changed since it was proposed" in shown
    answer = otto.put_in_force(change)
    assert answer.status_code == 409
    assert before("4:00:00") in text(answer) and after("1:00:00") in text(answer)
    change.refresh_from_db()
    assert change.state == State.STALE and the_rule().tier == "T3"
    assert "1:00:00" in text(otto.client.get(page(change))), "what moved is kept"
    assert AuditEntry.objects.filter(action="changes.change.went_stale").exists()
    assert verification.verify().ok


def test_a_rule_that_was_deleted_meanwhile_makes_the_change_stale(change: ProposedChange, otto: Admin) -> None:
    the_rule().delete()
    assert otto.put_in_force(change).status_code == 409
    change.refresh_from_db()
    assert change.state == State.STALE


def test_a_proposer_who_may_no_longer_change_rules_loses_his_proposals(
    change: ProposedChange, olga: Admin, otto: Admin
) -> None:
    User.objects.filter(pk=olga.user.pk).update(is_superuser=False)
    olga.user.groups.clear()
    assert otto.put_in_force(change).status_code == 409
    assert the_rule().tier == "T3"


def test_a_kept_form_that_was_tampered_with_is_not_put_in_force(change: ProposedChange, otto: Admin) -> None:
    ProposedChange.objects.update(form=change.form.replace('"T2"', '"T1"'))
    assert otto.put_in_force(change).status_code == 409
    assert the_rule().tier == "T3"


def test_the_same_form_sent_twice_is_one_proposal(change: ProposedChange, olga: Admin) -> None:
    olga.save(the_rule(), tier="T2")
    assert proposed() == change


def test_a_reason_is_asked_for_where_the_form_has_none(world: World, olga: Admin) -> None:
    rule = the_rule()
    answer = olga.client.post(page(rule, "delete"), {"post": "yes"})
    assert answer.status_code == 200 and 'data-testid="ask-why"' in text(answer)
    assert not ProposedChange.objects.exists() and ApprovalPolicy.objects.filter(pk=rule.pk).exists()
    again = olga.client.post(page(rule, "delete"), {"post": "yes", "reason_for_second_admin": " "})
    assert "Say why" in text(again) and not ProposedChange.objects.exists()


def test_the_menu_counts_what_waits_for_this_very_person(change: ProposedChange, olga: Admin, otto: Admin) -> None:
    def badge(admin: Admin) -> str:
        menu = admin.client.get("/admin/").context["sidebar_navigation"]
        return next(item["badge"] for group in menu for item in group["items"] if item["title"] == "Proposed changes")

    assert badge(otto) == "1"
    assert badge(olga) == ""


def test_whoever_is_alone_is_told_whom_to_make_the_second_admin(change: ProposedChange, olga: Admin) -> None:
    User.objects.exclude(pk=olga.user.pk).filter(is_superuser=True).update(is_superuser=False)
    for user in User.objects.exclude(pk=olga.user.pk):
        user.groups.clear()
    assert "Nobody else may decide" in text(olga.client.get(page(change)))


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_click_at_once_put_it_in_force_once(world: World, olga: Admin, otto: Admin) -> None:
    olga.save(the_rule(), tier="T2")
    change, version = proposed(), the_rule().version

    def click(by: User) -> str:
        try:
            services.put_in_force(change=change, by=by, shown_digest=change.digest)
        except AlreadyDecided:
            return "late"
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(click, [otto.user, world.admin]))
    assert sorted(answers) == ["done", "late"]
    assert the_rule().version == version + 1
    assert AuditEntry.objects.filter(action="changes.change.put_in_force").count() == 1
    assert verification.verify().ok


@pytest.mark.django_db(transaction=True)
def test_a_change_and_a_tightening_at_once_leave_the_tightening_in_force(
    world: World, olga: Admin, otto: Admin
) -> None:
    """Whichever comes first: the change is stale, or the tightening is made on the changed rule."""
    olga.save(the_rule(), tier="T2")
    change = proposed()
    tighter = filled(otto.client.get(page(the_rule()))) | {"outcome": "deny", "change_reason": "stop"}

    def act(number: int) -> int:
        try:
            if number:
                return otto.client.post(page(the_rule()), tighter).status_code
            return otto.put_in_force(change).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as both:
        list(both.map(act, range(2)))
    assert the_rule().outcome == "deny"
