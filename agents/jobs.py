"""The one job of the house: look at the rows of a run, do what has no result yet."""

from uuid import UUID

from agents.loop.runner import AgentRunner


def advance_run(run_id: str) -> None:
    """Work on a run until it waits or ends. Safe to run twice, at once or late: rows decide, not jobs."""
    AgentRunner(UUID(run_id)).advance()
