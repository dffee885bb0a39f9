"""What people decided about the actions that agents asked for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from django.db.models import Count, DurationField, ExpressionWrapper, F, Q

from approvals.models import ApprovalDecision, ApprovalRequest
from supportagent.metrics.measures.figures import FEWEST, FEWEST_OF_ACCURACY, Figure, Line, Table, count, share
from supportagent.metrics.measures.medians import median
from supportagent.metrics.measures.scope import Scope
from supportagent.staff.models import User

State = ApprovalRequest.State
REASONS = 5  # in the table
_APPROVED, _REJECTED, _EXPIRED = (Q(state=state) for state in (State.APPROVED, State.REJECTED, State.EXPIRED))
_DECIDED = _APPROVED | _REJECTED
_EDITED = Q(pk__in=ApprovalRequest.editors.through.objects.order_by().values("approvalrequest"))
_BY_AGENT = Q(requested_by__kind=User.Kind.SERVICE)
_COUNTS = {
    "decided": Count("pk", filter=_DECIDED),
    "approved": Count("pk", filter=_APPROVED),
    "expired": Count("pk", filter=_EXPIRED),
    "edited": Count("pk", filter=_DECIDED & _EDITED),
    "proposed": Count("pk", filter=_DECIDED & _BY_AGENT),
    "right": Count("pk", filter=_APPROVED & _BY_AGENT & ~_EDITED),
}
_TABLES = (
    ("per_tool", "Per tool", "tool__qualified_name"),
    ("per_rule", "Per rule", "rule_name"),
    ("per_tier", "Per tier", "tier"),
)

Counted = list[Mapping[str, Any]]  # requests of one tool, rule and tier


def counted(scope: Scope) -> Counted:
    """What was decided in the period, by tool, rule and tier: one statement."""
    columns = [column for _, _, column in _TABLES]
    rows: Iterable[Mapping[str, Any]] = scope.requests().values(*columns).annotate(**_COUNTS)
    return list(rows)


def figures(scope: Scope, requests: Counted) -> list[Figure]:
    """What was decided and how fast, and last how often the agents were right by it. One statement."""
    counts = _together(requests)
    waited = ExpressionWrapper(F("decided_at") - F("created_at"), output_field=DurationField())
    wait = median(scope.requests().filter(_DECIDED).annotate(waited=waited), "waited", counts["decided"])
    return [
        count("decided", "Requests decided", "Requests that a person approved or rejected.", counts["decided"]),
        *_shares(counts),
        Figure(
            "time_to_decide",
            "Time to decide",
            "Median seconds from a request to its last decision.",
            "seconds",
            counts["decided"],
            None if wait is None else int(wait.total_seconds()),
            -1,
            FEWEST,
        ),
        share(
            "action_accuracy",
            "Actions that were right, by decisions",
            "Requests of agents that were approved as they were proposed ÷ those that were approved or rejected.",
            counts["right"],
            counts["proposed"],
            good=1,
            fewest=FEWEST_OF_ACCURACY,
        ),
    ]


def tables(scope: Scope, requests: Counted) -> list[Table]:
    """Per tool, rule and tier, and the reasons that people gave for a no: one statement."""
    return [*(_table(requests, *each) for each in _TABLES), _reasons(scope)]


def _table(requests: Counted, key: str, title: str, column: str) -> Table:
    parts: dict[str, Counted] = {}
    for row in requests:
        if row["decided"] or row["expired"]:
            parts.setdefault(str(row[column]), []).append(row)
    return Table(key, title, [_line(name, _together(rows)) for name, rows in sorted(parts.items())])


def _together(requests: Counted) -> Counter[str]:
    return Counter({name: sum(row[name] for row in requests) for name in _COUNTS})


def _line(name: str, counts: Mapping[str, int]) -> Line:
    decided = count("decided", "Decided", "Requests that a person approved or rejected.", counts["decided"])
    return Line(name, name, [decided, *_shares(counts)])


def _shares(counts: Mapping[str, int]) -> list[Figure]:
    decided, over = counts["decided"], counts["decided"] + counts["expired"]
    return [
        share("approved", "Approved", "Approved ÷ decided.", counts["approved"], decided),
        share("expired", "Expired", "Ended without a decision ÷ decided or expired.", counts["expired"], over, good=-1),
        share("edited", "Edited", "Decided after a person changed the arguments ÷ decided.", counts["edited"], decided),
    ]


def _reasons(scope: Scope) -> Table:
    rejected = ApprovalDecision.objects.filter(
        request__in=scope.requests().filter(_REJECTED), verdict=ApprovalDecision.Verdict.REJECT
    )
    counted = rejected.order_by().values_list("reason_code").annotate(n=Count("pk")).order_by("-n", "reason_code")
    lines = []
    for code, n in counted[:REASONS]:
        label = str(ApprovalDecision.ReasonCode(code).label) if code else "No reason given"
        lines.append(Line(code, label, [count("rejected", "Rejected", "Rejections with this reason.", n)]))
    return Table("reasons", "Reasons for a no", lines)
