"""Access tokens: who issues them for whom, when they stop being believed, and that nobody keeps one."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.utils import timezone

from audit.models import AuditEntry
from supportagent.staff.models import AccessToken, User
from supportagent.staff.tokens import find_token, issue_token, note_use, revoke_token
from tests.roles import write_roles

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def people() -> dict[str, User]:
    write_roles()
    people = {name: User.objects.create_user(name, is_staff=True) for name in ("rep", "colleague", "ops")}
    people["ops"].groups.add(Group.objects.get(name="Ops admin"))
    people["root"] = User.objects.create_superuser("root")
    people["robot"] = User.objects.create_user("robot", kind="service")
    return people


def issued(people: dict[str, User], user: str = "rep", by: str = "", **changes: Any) -> Any:
    usual = {"name": "Editor", "scope": "tools:read", "lifetime": DAY}
    return issue_token(user=people[user], by=people[by or user], **{**usual, **changes})


def test_a_token_is_believed_and_only_its_digest_is_kept(people: dict[str, User]) -> None:
    token = issued(people).token
    found = find_token(token)
    assert found is not None
    assert found.user == people["rep"]
    assert token.startswith("sat_")
    assert len(token) == 47
    kept = [str(value) for row in AccessToken.objects.values() for value in row.values()]
    assert not any(token in value or token[4:20] in value for value in kept)
    assert token not in str(list(AuditEntry.objects.values()))


def test_a_token_ends_when_it_is_revoked_expired_elsewhere_or_its_account_is_deactivated(
    people: dict[str, User], settings: Any
) -> None:
    revoked, expired, elsewhere, left = (issued(people, name) for name in ("rep", "rep", "rep", "ops"))
    assert revoke_token(token=revoked.row, by=people["rep"])
    assert not revoke_token(token=revoked.row, by=people["rep"]), "twice is the same as once"
    AccessToken.objects.filter(pk=expired.row.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    AccessToken.objects.filter(pk=elsewhere.row.pk).update(audience="https://staging.example/mcp")
    User.objects.filter(pk=people["ops"].pk).update(is_active=False)
    tokens = [each.token for each in (revoked, expired, elsewhere, left)]
    for token in [*tokens, "", "sat_", "sat_" + "x" * 43, "x" * 100_000, "\ud800"]:
        assert find_token(token) is None


@pytest.mark.parametrize(
    ("by", "user", "allowed"),
    [
        ("rep", "rep", True),
        ("rep", "colleague", False),
        ("rep", "robot", False),
        ("ops", "colleague", True),
        ("ops", "robot", True),
        ("ops", "root", False),
        ("root", "ops", True),
        ("robot", "robot", False),
    ],
)
def test_a_token_for_another_account_is_issued_by_who_administers_people(
    people: dict[str, User], by: str, user: str, allowed: bool
) -> None:
    if allowed:
        assert issued(people, user, by).row.created_by == people[by]
        return
    with pytest.raises(PermissionDenied):
        issued(people, user, by)
    other = issued(people, user, "root").row
    with pytest.raises(PermissionDenied):
        revoke_token(token=other, by=people[by])


def test_a_token_lives_a_year_at_most(people: dict[str, User]) -> None:
    assert issued(people, lifetime=timedelta(days=365))
    for lifetime in (timedelta(days=366), timedelta(0), -DAY):
        with pytest.raises(ValidationError):
            issued(people, lifetime=lifetime)


def test_issuing_and_revoking_are_audited_with_who_did_it_for_whom(people: dict[str, User]) -> None:
    row = issued(people, "robot", "ops").row
    revoke_token(token=row, by=people["root"])
    entries = AuditEntry.objects.filter(action__startswith="staff.token.").order_by("seq")
    assert [(entry.action, entry.actor_id) for entry in entries] == [
        ("staff.token.issued", str(people["ops"].pk)),
        ("staff.token.revoked", str(people["root"].pk)),
    ]


def test_the_time_of_the_last_use_is_written_once_a_minute(
    people: dict[str, User], django_assert_num_queries: Any
) -> None:
    token = issued(people).token
    row = find_token(token)
    assert row is not None
    note_use(row)
    again = find_token(token)
    assert again is not None
    assert again.last_used_at is not None
    with django_assert_num_queries(0):
        note_use(again)


def test_the_admin_shows_a_new_token_once_and_never_again(people: dict[str, User], client: Client) -> None:
    client.force_login(people["rep"])
    form = {"user": people["rep"].pk, "name": "Editor", "scope": "tools:write", "days": "30"}
    answer = client.post("/admin/staff/accesstoken/add/", form)
    assert answer.status_code == 200, answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    token = answer.context["issued"].token
    assert token in answer.content.decode()
    row = AccessToken.objects.get()
    assert (row.scope, row.created_by) == ("tools:write", people["rep"])
    assert timedelta(days=29) < row.expires_at - timezone.now() <= timedelta(days=30)
    for page in ("", f"{row.pk}/change/"):
        shown = client.get(f"/admin/staff/accesstoken/{page}")
        assert shown.status_code == 200
        assert token not in shown.content.decode()
        assert row.token_hash not in shown.content.decode()
    client.post("/admin/staff/accesstoken/", {"action": "revoke", "_selected_action": [row.pk]})
    assert find_token(token) is None


def test_the_admin_lets_a_person_choose_no_other_account_and_no_longer_life(
    people: dict[str, User], client: Client
) -> None:
    client.force_login(people["rep"])
    form = {"user": people["colleague"].pk, "name": "Editor", "scope": "tools:read", "days": "30"}
    for wrong in ({}, {"user": people["rep"].pk, "days": "366"}, {"user": people["rep"].pk, "scope": "tools:all"}):
        answer = client.post("/admin/staff/accesstoken/add/", {**form, **wrong})
        assert answer.status_code == 200
        assert answer.context["errors"]
    assert not AccessToken.objects.exists()
