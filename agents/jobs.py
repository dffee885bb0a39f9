"""The one job of the house: look at the rows of a run, do what has no result yet."""

import logging
import uuid
from uuid import UUID

import django_rq
from django.db import transaction
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def advance_run(run_id: str) -> None:
    """Work on a run until it waits or ends. Safe to run twice, at once or late: rows decide, not jobs."""
    from agents.loop.runner import AgentRunner

    AgentRunner(UUID(run_id)).advance()


def enqueue(run_id: UUID) -> None:
    """Ask a worker to look at a run once the transaction has committed. If the queue is away, the sweep will."""
    transaction.on_commit(lambda: _push(run_id))


def _push(run_id: UUID) -> None:
    try:
        django_rq.get_queue("default").enqueue(
            advance_run, str(run_id), job_id=uuid.uuid4().hex, job_timeout=-1, result_ttl=0
        )
    except RedisError:
        logger.warning("run %s waits for the sweep: the queue is not reachable", run_id)
