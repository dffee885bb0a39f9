"""What audit_verify asks of engineering: no issue without an entry."""

from collections.abc import Iterator

from audit.verification import register_state_check
from supportagent.engineering.models import EngineeringIssue


def issues() -> Iterator[tuple[str, str, str, str]]:
    for issue in EngineeringIssue.objects.only("pk").iterator():
        yield (
            f"engineering issue {issue.issue_id}",
            "engineering_issue",
            issue.issue_id,
            "engineering.issue.filed",
        )


def register() -> None:
    register_state_check("engineering.issues", issues)
