"""One process that hosts many RQ workers, a thread each.

A run waits for its model most of the time, and a waiting thread costs 60 KB where a forked worker
costs 50 MB. Nothing is forked or imported between an approval and its effect: an idle thread
blocks in Valkey and starts a job within a few milliseconds.

RQ only wakes us. It never retries a job, and a job lost by Valkey or by a crash is found again
through the leases in the database (governance: the rows decide).
"""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from types import FrameType
from typing import NoReturn

import django_rq
from django.db import close_old_connections, connections
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, SimpleWorker, worker_registration
from rq.exceptions import DequeueTimeout
from rq.job import Job
from rq.suspension import is_suspended
from rq.timeouts import BaseDeathPenalty
from rq.worker import WorkerStatus

from agents import services
from agents.providers.base import ProviderMisconfigured
from agents.providers.registry import get_provider
from agents.stopping import stopping

logger = logging.getLogger(__name__)

BLOCK_SECONDS = 5
BEAT_SECONDS = 10
WORKER_TTL_SECONDS = 60
MAINTENANCE_SECONDS = 60
RECONNECT_SECONDS = 0.5
WAKE_SECONDS = 0.1
GIVE_BACK_SECONDS = 3


def import_what_jobs_need() -> None:
    """Pay for the loop's and the model client's imports before the first job, not between an approval and
    its effect."""
    import_module("agents.loop.runner")
    try:
        get_provider()
    except ProviderMisconfigured as error:
        logger.error("No model will answer: %s", error)


on_start: list[Callable[[], None]] = [import_what_jobs_need]
"""Called once in the worker process, before the first job is taken. An exception stops the start."""


class NoDeathPenalty(BaseDeathPenalty):
    """Jobs are not interrupted: a run has its own deadlines, and a signal cannot reach a thread."""

    def setup_death_penalty(self) -> None:
        pass

    def cancel_death_penalty(self) -> None:
        pass


class ThreadWorker(SimpleWorker):
    """A registered RQ worker that lives in a thread: no signals, no fork, no pub/sub thread of its own.

    The host beats for all its workers, so a long job does not make its worker look dead.
    """

    death_penalty_class = NoDeathPenalty
    log_job_description = False
    log_result_lifespan = False

    def get_heartbeat_ttl(self, job: Job, working_time: float = 0.0) -> int:
        return WORKER_TTL_SECONDS

    def work_until(self, stop: threading.Event) -> None:
        """Take and run jobs until `stop` is set. Raises RedisError when Valkey goes away."""
        self.register_birth()
        self.set_state(WorkerStatus.IDLE)
        while not stop.is_set():
            found = self._next_job(stop)
            if found is not None:
                self.execute_job(*found)
        self.register_death()

    def _next_job(self, stop: threading.Event) -> tuple[Job, Queue] | None:
        if is_suspended(self.connection):
            stop.wait(1)
            return None
        try:
            found = self.queue_class.dequeue_any(
                self.queues,
                BLOCK_SECONDS,
                connection=self.connection,
                job_class=self.job_class,
                serializer=self.serializer,
                death_penalty_class=self.death_penalty_class,
            )
        except DequeueTimeout:
            if not stop.is_set() and self.should_run_maintenance_tasks:
                self.run_maintenance_tasks()
            return None
        if found is not None:
            found[0].redis_server_version = self.get_redis_server_version()
        return found

    def execute_job(self, job: Job, queue: Queue) -> None:
        try:
            super().execute_job(job, queue)
        finally:
            # Closes a connection that broke or grew too old; the others stay open for the next job.
            close_old_connections()

    def beat(self) -> None:
        """Say that this worker and its job live; called from the host's thread. Raises RedisError.

        Everything is written anew, so that a Valkey that came back empty knows its workers again.
        """
        if self.birth_date is None:
            return
        self.last_heartbeat = datetime.now(UTC)
        with self.connection.pipeline() as pipeline:
            pipeline.hset(self.key, mapping={**self.serialize(), "state": self.get_state()})
            pipeline.expire(self.key, WORKER_TTL_SECONDS)
            worker_registration.register(self, pipeline)
            pipeline.execute()
        for execution in list(self.executions.values()):
            self.maintain_heartbeats(execution.job, execution)


def new_worker(queue_names: Sequence[str]) -> ThreadWorker:
    """A worker with a random name (a fixed one blocks its own restart) and a connection of its own."""
    connection = django_rq.get_connection(queue_names[0])
    # Our loop reconnects. The client's own retries could repeat a BLMOVE whose job was already handed out.
    connection.connection_pool.connection_kwargs["retry"] = Retry(NoBackoff(), 0)
    queues = [django_rq.get_queue(name, connection=connection) for name in queue_names]
    worker = ThreadWorker(
        queues,
        connection=connection,
        queue_class=type(queues[0]),
        job_class=queues[0].job_class,
        serializer=queues[0].serializer,
        worker_ttl=WORKER_TTL_SECONDS,
        maintenance_interval=MAINTENANCE_SECONDS,
        prepare_for_work=False,
    )
    worker.hostname, worker.pid = os.uname().nodename, os.getpid()
    # Every connection says whose it is, so that a blocked one can be found and woken.
    connection.connection_pool.connection_kwargs["client_name"] = worker.name
    return worker


class WorkerHost:
    """The threads of this process, from start to a clean end."""

    def __init__(self, *, threads: int, queue_names: Sequence[str], grace: float) -> None:
        self.queue_names = queue_names
        self.grace = grace
        self._hurry = threading.Event()
        self._workers: dict[int, ThreadWorker] = {}
        self._threads = [
            threading.Thread(target=self._serve, args=(number,), name=f"worker-{number}", daemon=True)
            for number in range(threads)
        ]

    def run(self) -> bool:
        """Serve until SIGTERM or SIGINT, then let running jobs finish for `grace` seconds; a second signal
        ends the wait. True when all of them did. Call it in the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        _keep_connections_open()
        for hook in on_start:
            hook()
        for thread in self._threads:
            thread.start()
        logger.info("%d workers listen on %s", len(self._threads), ", ".join(self.queue_names))
        while not stopping.wait(BEAT_SECONDS):
            self._beat()
        return self._drain()

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if stopping.is_set():
            self._hurry.set()
        stopping.set()

    def _serve(self, number: int) -> None:
        """One thread's life: a worker, and after Valkey went away a new one."""
        while not stopping.is_set():
            try:
                self._workers[number] = worker = new_worker(self.queue_names)
                worker.work_until(stopping)
            except RedisError as error:
                logger.warning("Worker %d lost Valkey (%s), tries again", number, type(error).__name__)
                stopping.wait(RECONNECT_SECONDS)
            except Exception:
                logger.exception("Worker %d failed outside a job, starts anew", number)
                stopping.wait(RECONNECT_SECONDS)
            finally:
                self._workers.pop(number, None)
        connections.close_all()

    def _beat(self) -> None:
        try:
            for worker in list(self._workers.values()):
                worker.beat()
        except RedisError as error:
            logger.warning("Valkey did not take the heartbeat (%s)", type(error).__name__)

    def _drain(self) -> bool:
        logger.info("Stops: takes no more jobs, waits up to %.0f s for running ones", self.grace)
        began = beaten = time.monotonic()
        while self._alive() and time.monotonic() - began < self.grace and not self._hurry.is_set():
            self._wake_idle()
            if time.monotonic() - beaten > BEAT_SECONDS:
                self._beat()
                beaten = time.monotonic()
            self._hurry.wait(WAKE_SECONDS)
        left = self._alive()
        if left:
            logger.warning("%d jobs did not finish in time; others go on with them", left)
            _give_runs_back()
        return not left

    def _alive(self) -> int:
        return sum(thread.is_alive() for thread in self._threads)

    def _wake_idle(self) -> None:
        """End the blocking reads of idle workers. Without the right to do so they end by themselves within
        BLOCK_SECONDS."""
        names = {worker.name for worker in self._workers.values()}
        try:
            control: Redis = django_rq.get_connection(self.queue_names[0])
            with control:
                for client in control.client_list():
                    if client["name"] in names and "b" in client["flags"]:
                        control.client_unblock(int(client["id"]))
        except RedisError:
            return


def _give_runs_back() -> None:
    """Let others take the runs that this process leaves in the middle of a call, without waiting for their leases.

    On a thread of its own: a database that hangs must not keep the process from ending in time.
    """
    giving = threading.Thread(target=services.give_back_held, name="give-back", daemon=True)
    giving.start()
    giving.join(GIVE_BACK_SECONDS)
    if giving.is_alive():
        logger.warning("the database does not answer; the leases will pass the runs on")


def _keep_connections_open() -> None:
    # Django closes a connection after each unit of work unless told otherwise; a worker's thread keeps it.
    for configured in connections.settings.values():
        configured["CONN_MAX_AGE"] = None
        configured["CONN_HEALTH_CHECKS"] = True


def serve(*, threads: int, queue_names: Sequence[str] = ("default",), grace: float = 30) -> NoReturn:
    """Run a host in this process and end the process: 0 also when jobs were left to their leases."""
    WorkerHost(threads=threads, queue_names=queue_names, grace=grace).run()
    logging.shutdown()
    # Not sys.exit: the interpreter's own end would wait for, or trip over, threads that still run a job.
    os._exit(0)
