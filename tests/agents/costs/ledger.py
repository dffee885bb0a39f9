"""Rows of the ledger as attempts leave them, at any time: what reports about cost are tested with."""

from datetime import datetime
from typing import Any

from agents.models import Agent, Run, Spend
from supportagent.tickets.models import Ticket
from tests.world import World


def make_run(world: World, at: datetime, *, agent: Agent | None = None, **changes: Any) -> Run:
    """A run that began then, on the one ticket of these tests."""
    ticket = Ticket.objects.first() or world.write()
    Run.objects.filter(state="QUEUED").update(state="COMPLETED")
    usual = {"ticket": ticket, "agent": agent or world.agent, "state": "COMPLETED", "assurance": "verified"}
    run = Run.objects.create(**{**usual, **changes})
    Run.objects.filter(pk=run.pk).update(created_at=at)
    return run


def book(run: Run, micros: int, at: datetime, **changes: Any) -> Spend:
    """An attempt that began then and is settled for so many micro-units."""
    usual = {
        "turn": 1,
        "budget_ids": [],
        "state": Spend.State.SETTLED,
        "reserved": micros,
        "charged": micros,
        "price_id": "p",
        "provider": "openai_chat",
        "model": "gpt-5-mini",
        "agent": run.its_agent.slug,
        "category": Ticket.Category.PAYMENT,
        "channel": Ticket.Channel.WIDGET,
        "expires_at": at,
    }
    row = Spend.objects.create(run=run, **{**usual, **changes})
    Spend.objects.filter(pk=row.pk).update(created_at=at)
    return row
