"""Technical agents read logs and file issues; nobody else does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from audit.models import AuditEntry
from supportagent.engineering.mcp_server import server
from supportagent.engineering.models import EngineeringIssue, ServiceLog
from supportagent.staff.models import User
from tests.store.door import agent, call

ISSUE = {
    "title": "App crashes on start",
    "summary": "Version 4.2.3 closes on Android 11.",
    "severity": "high",
}


@pytest.fixture
def technical(db: None) -> User:
    return agent("Technical specialist")


def log(hours: float, service: str = "brew-sync", level: str = "info", message: str = "ok") -> ServiceLog:
    at = timezone.now() - timedelta(hours=hours)
    return ServiceLog.objects.create(at=at, service=service, level=level, message=message)


def test_an_error_is_not_crowded_out_by_quiet_lines(technical: User) -> None:
    log(20, level="error", message="token refresh failed")
    for minute in range(80):
        log(minute / 60)
    entries = call(server, "get_service_logs", actor=technical).data["entries"]
    assert len(entries) == 60
    assert entries[0]["message"] == "token refresh failed"


def test_logs_are_cut_to_one_service_and_to_the_hours_asked_for(technical: User) -> None:
    log(1), log(30, message="older"), log(1, service="checkout-api", message="other")
    entries = call(server, "get_service_logs", {"service": "brew-sync", "hours": 2}, actor=technical).data["entries"]
    assert [entry["message"] for entry in entries] == ["ok"]


@pytest.mark.parametrize("arguments", [{"hours": 0}, {"hours": 73}, {"hours": "24"}, {"service": "payroll"}, {"x": 1}])
def test_a_question_outside_the_schema_is_refused(technical: User, arguments: dict[str, object]) -> None:
    assert call(server, "get_service_logs", arguments, actor=technical).code == "invalid_arguments"


def test_an_issue_is_filed_once_per_call_and_recorded(technical: User) -> None:
    first, second = (call(server, "create_engineering_issue", ISSUE, actor=technical, key="call-a.1") for _ in range(2))
    issue = EngineeringIssue.objects.get()
    assert first.data == second.data == {"issue_id": issue.issue_id, "status": "filed"}
    entry = AuditEntry.objects.get(action="engineering.issue.filed")
    assert entry.target_id == issue.issue_id
    assert b"Android" not in bytes(entry.leaf)


@pytest.mark.parametrize("changed", [{"severity": "fatal"}, {"title": "x"}, {"summary": ""}, {"service": "payroll"}])
def test_an_issue_that_says_too_little_is_refused(technical: User, changed: dict[str, str]) -> None:
    assert call(server, "create_engineering_issue", ISSUE | changed, actor=technical).code == "invalid_arguments"
    assert not EngineeringIssue.objects.exists()


def test_blank_text_is_no_issue(technical: User) -> None:
    outcome = call(server, "create_engineering_issue", ISSUE | {"title": " " * 9}, actor=technical)
    assert outcome.code == "empty_issue"


def test_a_support_rep_reads_no_logs_and_files_nothing(db: None) -> None:
    rep = agent("Support rep")
    assert call(server, "get_service_logs", actor=rep).code == "permission_denied"
    assert call(server, "create_engineering_issue", ISSUE, actor=rep).code == "permission_denied"
