"""The figures of the dashboard: each one formula over rows that the reader may see, with how many rows it rests on.

A share of nothing is not 0 %: it is None, and the page says that there is not enough data.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, DurationField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Sum

from agents.models import Run
from approvals.models import ApprovalRequest
from supportagent.metrics.measures.medians import median
from supportagent.periods import Period
from supportagent.staff.models import User
from supportagent.tickets.models import HandOver, Message, Ticket, TriageLabel

DAYS = 7
OLDEST = 20  # requests in the table


@dataclass(frozen=True)
class Figure:
    """A value with the number of rows behind it; `value` is None where there are none."""

    value: float | None
    n: int


def tickets(user: User, period: Period) -> QuerySet[Ticket]:
    """Tickets opened in the period, of the teams that `user` sees."""
    return Ticket.objects.visible_to(user).filter(created_at__gte=period.start, created_at__lt=period.end)


def labels(user: User) -> QuerySet[TriageLabel]:
    """What people said about how tickets were sorted, of the teams that `user` sees."""
    return TriageLabel.objects.filter(triage__ticket__in=Ticket.objects.visible_to(user))


def ticket_figures(user: User, period: Period) -> dict[str, Figure]:
    """Volume, solved by the agent alone, handed over and cost per ticket: one statement for the counts."""
    by_person = Message.objects.filter(ticket=OuterRef("pk"), kind=Message.Kind.PERSON)
    handed_over = HandOver.objects.filter(ticket=OuterRef("pk"))
    runs = Run.objects.of_agents().filter(ticket=OuterRef("pk"))
    found = tickets(user, period).annotate(
        touched=Exists(by_person),
        handed=Exists(handed_over),
        worked_on=Exists(runs),
        answered=Exists(runs.filter(state=Run.State.COMPLETED)),
        unfinished=Exists(runs.filter(state__in=Run.LIVE)),
    )
    alone = Q(answered=True, unfinished=False, touched=False, handed=False)
    counts = found.aggregate(
        opened=Count("pk"),
        by_agents=Count("pk", filter=Q(worked_on=True)),
        by_agents_alone=Count("pk", filter=alone),
        to_people=Count("pk", filter=Q(handed=True)),
    )
    cost = Run.objects.filter(ticket__in=tickets(user, period)).aggregate(total=Sum("cost_micros"))["total"] or 0
    by_agents = counts["by_agents"]
    return {
        "tickets": Figure(counts["opened"], counts["opened"]),
        "alone": share(counts["by_agents_alone"], by_agents),
        "handed_over": share(counts["to_people"], counts["opened"]),
        "cost": Figure(cost / by_agents if by_agents else None, by_agents),
    }


def decisions(user: User, period: Period) -> QuerySet[ApprovalRequest]:
    """Requests that people decided in the period."""
    return ApprovalRequest.objects.visible_to(user).filter(
        state__in=[ApprovalRequest.State.APPROVED, ApprovalRequest.State.REJECTED],
        decided_at__gte=period.start,
        decided_at__lt=period.end,
    )


def decision_figures(user: User, period: Period) -> dict[str, Figure]:
    """How many were decided, how many of them approved, and how long a person took (seconds, median)."""
    found = decisions(user, period)
    counts = found.aggregate(all=Count("pk"), approved=Count("pk", filter=Q(state=ApprovalRequest.State.APPROVED)))
    return {
        "decided": Figure(counts["all"], counts["all"]),
        "approved": share(counts["approved"], counts["all"]),
        "time_to_decide": Figure(_median_seconds(found, counts["all"]), counts["all"]),
    }


def _median_seconds(found: QuerySet[ApprovalRequest], n: int) -> float | None:
    waited = ExpressionWrapper(F("decided_at") - F("created_at"), output_field=DurationField())
    wait: timedelta | None = median(found.annotate(waited=waited), "waited", n)
    return None if wait is None else wait.total_seconds()


def oldest_pending(user: User) -> QuerySet[ApprovalRequest]:
    """What has waited for a decision longest."""
    waiting = ApprovalRequest.objects.visible_to(user).pending().select_related("ticket__team", "tool")
    return waiting.order_by("created_at", "pk")


def share(part: int, whole: int) -> Figure:
    """`part` of `whole` as a ratio."""
    return Figure(part / whole if whole else None, whole)
