"""What support does with engineering: read what the services logged, file an issue."""

from datetime import timedelta

from django.utils import timezone

from audit import log as audit_log
from audit.context import Actor
from supportagent.engineering.models import EngineeringIssue, Service, ServiceLog
from supportagent.grants.server import ToolRefusal
from supportagent.staff.models import User
from supportagent.staff.permissions import Permission, require

MAX_ENTRIES = 60
MAX_HOURS = 72


def service_logs(*, actor: User, service: str = "", hours: int = 24) -> list[ServiceLog]:
    """At most 60 entries of the last `hours` (1 to 72), newest first, the troubled ones before the quiet
    ones.

    A quiet service writes many lines; what is wrong must not fall off the end of the list. Raises
    PermissionDenied, ToolRefusal for an unknown service.
    """
    require(actor, Permission.VIEW_SERVICELOG)
    _check_service(service)
    since = timezone.now() - timedelta(hours=max(1, min(hours, MAX_HOURS)))
    entries = ServiceLog.objects.filter(at__gte=since, **({"service": service} if service else {}))
    troubled = list(entries.exclude(level=ServiceLog.Level.INFO)[:MAX_ENTRIES])
    quiet = list(entries.filter(level=ServiceLog.Level.INFO)[: MAX_ENTRIES - len(troubled)])
    return troubled + quiet


def file_issue(
    *,
    actor: User,
    title: str,
    summary: str,
    severity: str,
    service: str = "",
    customer: str = "",
) -> EngineeringIssue:
    """File an issue. `customer` (a reference) goes to the audit entry, never into the issue.

    Raises PermissionDenied, ToolRefusal for an unknown service or severity or an empty text.
    """
    with audit_log.transaction():
        require(actor, Permission.FILE_ISSUE)
        _check_service(service)
        if severity not in EngineeringIssue.Severity.values:
            raise ToolRefusal("invalid_severity", f"severity is one of {', '.join(EngineeringIssue.Severity.values)}")
        if not title.strip() or not summary.strip():
            raise ToolRefusal("empty_issue", "an issue needs a title and a summary")
        by = Actor.of(actor)
        issue = EngineeringIssue.objects.create(
            title=title.strip()[:160],
            summary=summary.strip(),
            severity=severity,
            service=service,
            filed_at=timezone.now(),
            filed_by_type=by.type,
            filed_by_id=by.id,
        )
        audit_log.record(
            "engineering.issue.filed",
            target=("engineering_issue", issue.issue_id),
            actor=by,
            on_behalf_of=customer,
            data={"severity": severity, "service": service},
            refs=[("customer", customer)] if customer else [],
            outcome="filed",
        )
    return issue


def _check_service(service: str) -> None:
    if service and service not in Service.values:
        raise ToolRefusal("unknown_service", f"service is one of {', '.join(Service.values)}")
