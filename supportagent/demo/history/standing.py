"""What stands behind the conversations: versions of the agents, what people and machines cost; and the alert."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from agents.models import Agent, CostAlert, HumanBaseline, HumanRate, InfrastructureCost, Run, Spend
from audit import log as audit_log
from audit.context import Actor
from supportagent.demo.agents_seed import USD
from supportagent.demo.history.book import Book
from supportagent.demo.history.house import DEARER_MODEL, MODEL, House, Version
from supportagent.demo.history.plan import DAYS, SPIKE_DAYS_AGO, SPIKE_HOUR
from supportagent.demo.history.stories import STORIES
from supportagent.staff.models import User

BEFORE = timedelta(days=DAYS + 2)
CHANGED = "billing"  # the agent that got a cheaper model and a clearer instruction
CHANGED_DAYS_AGO = 12
WITHOUT_PROMISE = " and never promise a refund before it is approved"  # what its first version was not told
SAMPLE = "Sample figure of the demo"


def write_versions(now: datetime) -> dict[str, list[Version]]:
    """Date the agents' first versions back, and give one of them a second; all by slug, the newest first."""
    found = {}
    for agent in Agent.objects.all():
        first = Agent.history.filter(id=agent.pk).order_by("history_id")[:1].get()
        Agent.history.filter(history_id=first.history_id).update(history_date=now - BEFORE)
        found[agent.slug] = [Version(now - BEFORE, first.history_id, MODEL)]
        if agent.slug == CHANGED:
            shorter = first.instructions.replace(WITHOUT_PROMISE, "")
            Agent.history.filter(history_id=first.history_id).update(model=DEARER_MODEL, instructions=shorter)
            since = now - timedelta(days=CHANGED_DAYS_AGO)
            _save_dated(agent, since, "A cheaper model, and no promise of refunds")
            second = Agent.history.filter(id=agent.pk).order_by("-history_id")[:1].get()
            old = Version(now - BEFORE, first.history_id, DEARER_MODEL)
            found[agent.slug] = [Version(since, second.history_id, MODEL), old]
    return found


def _save_dated(agent: Any, at: datetime, reason: str) -> None:
    """With a version of that moment; the attributes are simple-history's own."""
    agent._history_date, agent._change_reason = at, reason
    agent.save()


def write_costs_of_people(now: datetime) -> None:
    """What an hour costs, how long people take without agents, and what the machines cost."""
    HumanRate.objects.create(effective_from=now - 2 * BEFORE, hourly_micros=32 * USD, decision_seconds=60, note=SAMPLE)
    HumanBaseline.objects.create(category="", minutes=Decimal(8), note=SAMPLE)
    minutes = {story.category: story.minutes for story in STORIES}
    for category, each in sorted(minutes.items()):
        HumanBaseline.objects.create(category=category, minutes=Decimal(each), note=SAMPLE)
    for month in sorted({(now - timedelta(days=ago)).date().replace(day=1) for ago in (0, DAYS // 2, DAYS)}):
        InfrastructureCost.objects.create(month=month, amount_micros=90 * USD, note="Server and database (sample)")


def write_alert(book: Book, house: House, *, by: User) -> CostAlert:
    """The fault of the checkout, as the watch over costs would have seen it: found, answered for, over."""
    start = (house.now - timedelta(days=SPIKE_DAYS_AGO)).replace(hour=SPIKE_HOUR, minute=0)
    end = start + timedelta(hours=1)
    agent = house.agents["technical"]
    spent = sum(
        spend.charged for spend in book.of(Spend) if spend.agent == agent.slug and start <= spend.created_at < end
    )
    runs = [run for run in book.of(Run) if run.agent_id == agent.pk and start <= run.created_at < end]
    dearest = sorted(runs, key=lambda run: (-run.cost_micros, str(run.pk)))[:5]
    figures = {"rule": "mean", "minutes": 60, "spent": spent, "usual": spent // 40, "weeks": 0}
    alert = CostAlert.objects.create(
        kind=CostAlert.Kind.SPIKE,
        key=f"spike:agent:{agent.pk}",
        agent=agent,
        first_at=start + timedelta(minutes=21),
        last_at=end,
        count=40,
        figures=figures,
        run_ids=[str(run.pk) for run in dearest],
        acknowledged_by=by,
        acknowledged_at=start + timedelta(minutes=34),
        ended_at=end + timedelta(hours=1),
    )
    for verb in ("opened", "acknowledged", "ended"):
        audit_log.record(
            f"agents.cost_alert.{verb}",
            target=("cost_alert", str(alert.pk)),
            actor=Actor.system("seed"),
            refs=[("agent", agent.slug)],
            data={"kind": alert.kind, "key": alert.key, "imported": True},
            outcome="imported",
        )
    return alert
