"""The version of an agent that a run started with: what it was told and how far it may go stays the same to its end.

What keeps it in bounds is never taken from a version: whether it may work at all, its account and so its rights, its
budgets and how far its words go by themselves are those of the moment.
"""

from typing import Any

from django.db.models import QuerySet

from agents.models import Agent, Run
from supportagent.prepared import first, prepared

KEPT = (
    "name",
    "goal",
    "success_criteria",
    "instructions",
    "provider",
    "model",
    "reasoning_effort",
    "max_turns",
    "max_tool_calls",
    "max_seconds",
    "max_tokens",
    "max_cost_micros",
    "fallback_model",
    "fallback_at",
    "max_output_tokens",
    "min_confidence",
    "input_price_micros",
    "output_price_micros",
)


def keep_version(run: Run) -> None:
    """Give the run's loaded agent the values that were in force when the run started; for reading, never to be saved.

    A run of before its history was cut goes on with the agent as it is.
    """
    started_with = run.configuration.get("agent")
    if run.agent is None or started_with is None:
        return
    values = first(_values(started_with))
    if values is not None:
        for name, value in zip(KEPT, values, strict=True):
            setattr(run.agent, name, value)


@prepared
def _values(history_id: int) -> QuerySet[Any, tuple[Any, ...]]:
    history: QuerySet[Any] = Agent.history.filter(history_id=history_id)
    return history.order_by().values_list(*KEPT)
