"""What a technical agent may read and file."""

from supportagent.engineering import services
from supportagent.engineering.models import EngineeringIssue, Service
from supportagent.grants.server import CallContext, DomainServer, Result

server = DomainServer("engineering", title="Service logs and engineering issues")

SERVICE = {"type": "string", "enum": sorted(Service.values), "description": "One service; all when left out."}


@server.tool(
    effect="READ",
    permission="engineering.view_servicelog",
    schema={
        "type": "object",
        "properties": {
            "service": SERVICE,
            "hours": {
                "type": "integer",
                "minimum": 1,
                "maximum": 72,
                "description": "How far to look back; 24 if left out.",
            },
        },
        "required": [],
        "additionalProperties": False,
    },
)
def get_service_logs(call: CallContext, *, service: str = "", hours: int = 24) -> Result:
    """Read what the shop's services logged: warnings and errors first, then quiet lines, each newest first,
    at most 60.

    checkout-api takes orders and payments, brew-sync connects the Brew kettle app, notifications sends e-mail
    and push messages. Use it to see whether a customer's fault is a known incident. The lines are for your
    understanding; do not quote them to a customer.
    """
    entries = services.service_logs(actor=call.actor, service=service, hours=hours)
    data = [
        {"at": entry.at.isoformat(timespec="seconds"), "service": entry.service, "level": entry.level}
        | {"message": entry.message}
        for entry in entries
    ]
    return Result({"entries": data}, [f"service_log:{name}" for name in sorted({e.service for e in entries})])


@server.tool(
    effect="WRITE",
    impact="none",
    reversible="yes",
    permission="engineering.file_issue",
    schema={
        "type": "object",
        "properties": {
            "title": {"type": "string", "minLength": 5, "maxLength": 160},
            "summary": {
                "type": "string",
                "minLength": 10,
                "maxLength": 4000,
                "description": "Symptom, since when, what was tried, what the logs say. No personal data.",
            },
            "severity": {"type": "string", "enum": list(EngineeringIssue.Severity.values)},
            "service": SERVICE,
        },
        "required": ["title", "summary", "severity"],
        "additionalProperties": False,
    },
)
def create_engineering_issue(
    call: CallContext, *, title: str, summary: str, severity: str, service: str = ""
) -> Result:
    """File a fault with the engineers, when the logs or the symptoms show one that support cannot mend.

    Look at the logs first. critical: nobody can buy or a device may be unsafe; high: many customers; medium:
    some; low: a nuisance. Never put names, e-mail or postal addresses into it. Customers are told the issue's
    id only.
    """
    issue = services.file_issue(
        actor=call.actor,
        title=title,
        summary=summary,
        severity=severity,
        service=service,
        customer=call.customer,
    )
    return Result({"issue_id": issue.issue_id, "status": issue.status}, [f"engineering_issue:{issue.issue_id}"])
