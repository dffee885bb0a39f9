"""Hand a run to the queue. The job is named, not imported: whoever enqueues need not know what it does."""

import functools
import logging
import uuid
from uuid import UUID

import django_rq
from django.conf import settings
from django.db import transaction
from redis.exceptions import RedisError
from rq import Queue

from agents import failpoints

logger = logging.getLogger(__name__)

JOB = "agents.jobs.advance_run"


def enqueue(run_id: UUID) -> None:
    """Ask a worker to look at a run once the transaction has committed. If the queue is away, the sweep will."""
    transaction.on_commit(lambda: _push(run_id))


def _push(run_id: UUID) -> None:
    failpoints.reach("before_enqueue")
    try:
        queue = _queue(settings.RQ_QUEUES["default"]["URL"])
        queue.enqueue(JOB, str(run_id), job_id=uuid.uuid4().hex, job_timeout=-1, result_ttl=0)
    except RedisError:
        logger.warning("run %s waits for the sweep: the queue is not reachable", run_id)
    failpoints.reach("after_enqueue")


@functools.cache
def _queue(_url: str) -> Queue:
    """One per process and broker, whose connections its threads share; the client opens new ones after a fork."""
    return django_rq.get_queue("default")
