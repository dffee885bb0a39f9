"""What a Prometheus server reads: queues, runs, approvals, budgets, model calls.

Every scrape asks the database and the broker anew, so each process gives the same answer. Labels hold states,
scopes and the names of imported servers only: no ids, nothing of a person.
"""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import django_rq
import redis
from django.conf import settings
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from rq.job import Job

from agents.costs.spending import use_of
from agents.models import Budget, Run, Spend
from approvals.models import ApprovalRequest
from approvals.notifications.health import tally
from supportagent.tools.models import ServerHealth

logger = logging.getLogger(__name__)

# Budgets of single tickets and customers are many, and name somebody.
SCOPES = (Budget.Scope.ORGANISATION, Budget.Scope.AGENT, Budget.Scope.ANONYMOUS)


def exposition() -> bytes:
    """The text that a scrape gets."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Collector())
    return generate_latest(registry)


class Collector:
    """Asked by the registry at every scrape."""

    def describe(self) -> list[Metric]:
        """Empty, so that registering asks nothing yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        yield from queues()
        yield from runs()
        yield from approvals()
        yield from notifications()
        yield from budgets()
        yield from model_calls()
        yield from servers()


def queues() -> Iterator[Metric]:
    """Jobs that wait for a worker. A broker that does not answer is a figure too, not an error."""
    up = GaugeMetricFamily("supportagent_broker_up", "Whether the broker of the queues answers")
    depth = GaugeMetricFamily("supportagent_queue_jobs", "Jobs that wait for a worker", labels=["queue"])
    age = GaugeMetricFamily(
        "supportagent_queue_oldest_seconds", "How long the oldest waiting job has waited", labels=["queue"]
    )
    try:
        for name in settings.RQ_QUEUES:
            queue = django_rq.get_queue(name)
            depth.add_metric([name], queue.count)
            age.add_metric([name], _waited(queue.get_jobs(0, 1)))
        up.add_metric([], 1)
    except (redis.RedisError, OSError):
        logger.warning("The broker did not answer a scrape")
        up.add_metric([], 0)
    yield from (up, depth, age)


def _waited(oldest: list[Job]) -> float:
    if not oldest or oldest[0].enqueued_at is None:
        return 0
    since = oldest[0].enqueued_at
    since = since if since.tzinfo else since.replace(tzinfo=UTC)
    return max((datetime.now(UTC) - since).total_seconds(), 0)


def runs() -> Iterator[Metric]:
    """Every state is given, also with 0, so that an alert on it never lacks its series."""
    agents, direct = Run.objects.of_agents(), Run.objects.exclude(caller=None)
    for name, words, found in (
        ("supportagent_runs", "Runs of agents by state", agents),
        ("supportagent_direct_runs", "Calls without a model by the state of their run", direct),
    ):
        counted = dict(found.order_by().values_list("state").annotate(Count("pk")))
        metric = GaugeMetricFamily(name, words, labels=["state"])
        for state in Run.State.values:
            metric.add_metric([state.lower()], counted.get(state, 0))
        yield metric


def approvals() -> Iterator[Metric]:
    waiting = ApprovalRequest.objects.pending().aggregate(count=Count("pk"), oldest=Min("created_at"))
    age = (timezone.now() - waiting["oldest"]).total_seconds() if waiting["oldest"] else 0
    yield GaugeMetricFamily("supportagent_approvals_pending", "Requests that wait for a person", waiting["count"])
    yield GaugeMetricFamily("supportagent_approvals_oldest_seconds", "How long the oldest has waited", max(age, 0))


def notifications() -> Iterator[Metric]:
    """Messages to approvers and to other systems. Failed: for good, within the last day."""
    found = tally()
    for name, help_text, counts in (
        ("waiting", "Messages that wait to be sent", found.waiting),
        ("failed", "Messages that were given up in the last day", found.failed),
    ):
        metric = GaugeMetricFamily(f"supportagent_notifications_{name}", help_text, labels=["channel"])
        for channel, count in counts.items():
            metric.add_metric([channel], count)
        yield metric
    yield GaugeMetricFamily(
        "supportagent_notifications_overdue_seconds", "How long the oldest is due", found.overdue.total_seconds()
    )


def budgets() -> Iterator[Metric]:
    """The fullest budget of each scope and period."""
    fullest: dict[tuple[str, str], float] = {}
    for budget in Budget.objects.filter(scope__in=SCOPES):
        key = (budget.scope, budget.period)
        fullest[key] = max(fullest.get(key, 0.0), use_of(budget).ratio)
    metric = GaugeMetricFamily(
        "supportagent_budget_used_ratio",
        "Spent and reserved of the cap, for the fullest budget of this scope and period",
        labels=["scope", "period"],
    )
    for labels, ratio in sorted(fullest.items()):
        metric.add_metric(labels, ratio)
    yield metric


def model_calls() -> Iterator[Metric]:
    """Released: the call failed before it was sent. Forfeited: it was sent and nobody knows what it cost."""
    models = Spend.objects.filter(kind=Spend.Kind.MODEL).order_by()
    counted = dict(models.values_list("state").annotate(Count("pk")))
    metric = CounterMetricFamily("supportagent_model_calls", "Model calls by how they ended", labels=["outcome"])
    for state in (Spend.State.SETTLED, Spend.State.RELEASED, Spend.State.FORFEITED):
        metric.add_metric([state.value], counted.get(state.value, 0))
    yield metric
    in_flight = counted.get(Spend.State.RESERVED.value, 0)
    yield GaugeMetricFamily("supportagent_model_calls_in_flight", "Model calls whose cost is reserved", in_flight)


def servers() -> Iterator[Metric]:
    """Imported servers that were called. Their names are rows that an admin wrote: few, and never a person's."""
    calls = CounterMetricFamily("supportagent_mcp_calls", "Calls of imported servers", labels=["server"])
    failures = CounterMetricFamily(
        "supportagent_mcp_failures", "Calls that were not reached, not answered in time or badly", labels=["server"]
    )
    unknown = CounterMetricFamily(
        "supportagent_mcp_unknown_outcomes",
        "Writes that ended without anybody knowing what they did",
        labels=["server"],
    )
    seconds = CounterMetricFamily("supportagent_mcp_call_seconds", "Time that calls took together", labels=["server"])
    is_open = GaugeMetricFamily(
        "supportagent_mcp_circuit_open", "1 while calls are refused because the server fails", labels=["server"]
    )
    synced = GaugeMetricFamily(
        "supportagent_mcp_synced_timestamp_seconds", "When its tools were imported last", labels=["server"]
    )
    for row in ServerHealth.objects.select_related("server").order_by("server__name"):
        name = [row.server.name]
        calls.add_metric(name, row.calls)
        failures.add_metric(name, row.failures)
        unknown.add_metric(name, row.unknown)
        seconds.add_metric(name, row.took_ms / 1000)
        is_open.add_metric(name, row.retry_at is not None)
        if row.server.synced_at is not None:
            synced.add_metric(name, row.server.synced_at.timestamp())
    yield from (calls, failures, unknown, seconds, is_open, synced)
