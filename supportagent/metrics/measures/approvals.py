"""What people decided about the actions that agents asked for."""

from typing import Any

from django.db.models import Count, DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet

from approvals.models import ApprovalDecision, ApprovalRequest
from supportagent.metrics.measures.figures import FEWEST, FEWEST_OF_ACCURACY, Figure, Line, Table, count, share
from supportagent.metrics.measures.medians import median
from supportagent.metrics.measures.scope import Scope
from supportagent.staff.models import User

State = ApprovalRequest.State
REASONS = 5  # in the table
_APPROVED, _REJECTED, _EXPIRED = (Q(state=state) for state in (State.APPROVED, State.REJECTED, State.EXPIRED))
_DECIDED = _APPROVED | _REJECTED
_EDITORS = ApprovalRequest.editors.through.objects.filter(approvalrequest=OuterRef("pk"))
_COUNTS = {
    "decided": Count("pk", filter=_DECIDED),
    "approved": Count("pk", filter=_APPROVED),
    "expired": Count("pk", filter=_EXPIRED),
    "edited": Count("pk", filter=_DECIDED & Q(was_edited=True)),
    "proposed": Count("pk", filter=_DECIDED & Q(requested_by__kind=User.Kind.SERVICE)),
    "right": Count("pk", filter=_APPROVED & Q(was_edited=False, requested_by__kind=User.Kind.SERVICE)),
}


def figures(scope: Scope) -> list[Figure]:
    """What was decided and how fast, and last how often the agents were right by it. Two statements."""
    requests = _requests(scope)
    counts = requests.aggregate(**_COUNTS)
    waited = ExpressionWrapper(F("decided_at") - F("created_at"), output_field=DurationField())
    wait = median(requests.filter(_DECIDED).annotate(waited=waited), "waited", counts["decided"])
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


def tables(scope: Scope) -> list[Table]:
    """Per tool, rule and tier, and the reasons that people gave for a no: four statements."""
    requests = _requests(scope).filter(_DECIDED | _EXPIRED)
    found = [
        Table(
            key,
            title,
            [_line(row, columns) for row in requests.values(*columns).annotate(**_COUNTS).order_by(*columns)],
        )
        for key, title, columns in (
            ("per_tool", "Per tool", ("tool__qualified_name",)),
            ("per_rule", "Per rule", ("rule_name",)),
            ("per_tier", "Per tier", ("tier",)),
        )
    ]
    return [*found, _reasons(scope)]


def _requests(scope: Scope) -> "QuerySet[ApprovalRequest]":
    return scope.requests().annotate(was_edited=Exists(_EDITORS))


def _line(row: dict[str, Any], columns: tuple[str, ...]) -> Line:
    name = str(row[columns[0]])
    decided = count("decided", "Decided", "Requests that a person approved or rejected.", row["decided"])
    return Line(name, name, [decided, *_shares(row)])


def _shares(counts: dict[str, Any]) -> list[Figure]:
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
