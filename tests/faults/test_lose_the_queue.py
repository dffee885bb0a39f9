"""Valkey wakes the workers and knows nothing that the rows do not: emptied, killed or away, no message is lost."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from rq import Queue

from agents import services
from agents.jobs import advance_run
from agents.models import Run
from approvals.models import ApprovalRequest
from audit import verification
from audit.context import Actor
from supportagent.tickets.models import Customer, Message
from supportagent.widget.keys import issue_key
from supportagent.widget.models import WidgetApp
from tests.broker import Broker, eventually
from tests.faults.processes import ROOT, environment
from tests.workers.conftest import own_broker
from tests.world import World, team

ANSWER = "Thank you, we have it."


@pytest.fixture
def broker(settings: Any) -> Iterator[Broker]:
    """A Valkey of the test's own, in which this process enqueues."""
    with own_broker() as running:
        settings.RQ_QUEUES = {"default": {"URL": running.url, "DEFAULT_TIMEOUT": -1}}
        yield running


@pytest.fixture
def waiting(world: World, broker: Broker, settings: Any) -> Run:
    """A customer's message whose run nobody has taken yet."""
    settings.JOB_LOST_AFTER = timedelta(0)
    world.script([{"text": ANSWER}])
    return world.write("Hello!").runs.get()


def jobs(broker: Broker) -> int:
    return Queue("default", connection=broker.client).count


def test_an_emptied_valkey_costs_a_sweep_and_not_the_message(
    world: World, broker: Broker, waiting: Run, settings: Any
) -> None:
    assert jobs(broker) == 1
    broker.client.flushall()
    assert jobs(broker) == 0

    assert services.sweep() == 1
    assert jobs(broker) == 1
    command = [sys.executable, "manage.py", "run_worker", "--threads=2"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(VALKEY_URL=broker.url, SUPPORTAGENT_SCRIPTED_MODEL_FILE=settings.SCRIPTED_MODEL_FILE),
    ) as worker:
        try:
            eventually(lambda: world.replies(waiting.ticket) == [ANSWER], within=30, told="no worker answered")
        finally:
            worker.kill()
    assert verification.verify().findings == ()


def test_while_valkey_is_away_messages_are_stored_and_answered_when_it_is_back(
    world: World, broker: Broker, waiting: Run
) -> None:
    broker.kill()
    began = time.monotonic()
    ticket = world.write("Are you there?")
    assert time.monotonic() - began < 2
    assert ticket == waiting.ticket
    assert services.sweep() == 1  # nobody is reached, and nothing breaks
    broker.start()
    assert services.sweep() == 1
    (job,) = Queue("default", connection=broker.client).jobs
    assert job.func is advance_run
    advance_run(*job.args)
    assert world.replies(ticket) == [ANSWER]


def test_the_widget_takes_a_message_without_valkey(world: World, broker: Broker) -> None:
    broker.kill()
    world.script([{"text": ANSWER}])
    app = WidgetApp.objects.create(
        app_id="shop", name="Shop", team=team("orders"), allowed_origins=["https://a.example"]
    )
    issue_key(app=app, actor=Actor.system("test"))
    visitor, headers = Client(), {"X-Widget-App": "shop"}
    opened = _post(visitor, "session", {"app_id": "shop"}, headers)
    headers["Authorization"] = f"Bearer {opened.json()['token']}"
    answer = _post(visitor, "messages", {"client_message_id": "m1", "body": "Hello?"}, headers)
    assert (opened.status_code, answer.status_code) == (200, 201)
    message = Message.objects.get(body="Hello?")
    assert message.ticket.runs.get().state == Run.State.QUEUED


def test_a_valkey_that_is_full_costs_a_sweep_and_not_the_message(
    world: World, broker: Broker, waiting: Run, settings: Any
) -> None:
    broker.client.config_set("maxmemory", "1")
    ticket = world.write("Are you there?")
    second = world.write("Hello?", customer=Customer.objects.get(reference="CUS-1002"))
    assert (ticket, jobs(broker)) == (waiting.ticket, 1)
    assert services.sweep() == 2, "nobody is reached, and nothing breaks"
    broker.client.config_set("maxmemory", "0")
    assert services.sweep() == 2
    assert jobs(broker) == 3
    for job in Queue("default", connection=broker.client).jobs:
        advance_run(*job.args)
    assert world.replies(ticket) == world.replies(second) == [ANSWER]


def test_the_console_is_whole_without_valkey_and_decisions_count(world: World, broker: Broker, waiting: Run) -> None:
    request = world.held_refund()
    broker.kill()
    ana = Client()
    ana.force_login(world.ana)
    paths = ("tickets/", f"tickets/{waiting.ticket.number}/", "approvals/", f"approvals/{request.pk}/")
    assert [ana.get(f"/console/{path}").status_code for path in paths] == [200] * len(paths)
    decided = ana.post(f"/console/approvals/{request.pk}/approve/", {"digest": request.digest})
    assert decided.status_code == 302
    request.refresh_from_db()
    assert request.state == ApprovalRequest.State.APPROVED


def _post(visitor: Client, path: str, body: dict[str, str], headers: dict[str, str]) -> Any:
    return visitor.post(f"/widget/api/{path}", json.dumps(body), content_type="application/json", headers=headers)
