"""What a Prometheus server reads, and who may."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from agents.costs import budgets
from approvals.models import Delivery
from approvals.notifications.announcing import announce
from supportagent.metrics import collectors
from tests.world import World

TOKEN = {"Authorization": "Bearer a-long-token"}


def test_without_a_token_in_the_settings_there_is_no_such_page(db: None, client: Client) -> None:
    assert client.get("/metrics", headers=TOKEN).status_code == 404


@pytest.mark.parametrize("given", ["", "a-long-token", "Bearer wrong", "Bearer ", "Basic YTpi", "Bearer é"])
def test_only_the_token_opens_it(db: None, client: Client, settings: Any, given: str) -> None:
    settings.METRICS_TOKEN = "a-long-token"
    assert client.get("/metrics", headers={"Authorization": given}).status_code == 401


def figures() -> dict[str, float]:
    text = collectors.exposition().decode()
    return {
        f"{sample.name}{sorted(sample.labels.values())}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_figures_follow_the_work(world: World, client: Client, settings: Any) -> None:
    settings.METRICS_TOKEN = "a-long-token"
    before = figures()
    assert before["supportagent_approvals_pending[]"] == 0
    assert before["supportagent_runs['parked']"] == 0
    request = world.held_refund()
    budgets.forfeit(budgets.reserve(run=request.ticket.runs.get(), amount=10, price_id="x"), note="cut")
    now = figures()
    assert now["supportagent_approvals_pending[]"] == 1
    assert now["supportagent_runs['awaiting_approval']"] == 1
    assert now["supportagent_model_calls_total['forfeited']"] == 1
    assert now["supportagent_model_calls_total['settled']"] >= 1
    assert 0 < now["supportagent_budget_used_ratio['agent', 'day']"] < 1
    announce()
    assert figures()["supportagent_notifications_waiting['email']"] == 1
    Delivery.objects.update(state=Delivery.State.FAILED, ended_at=timezone.now())
    now = figures()
    assert now["supportagent_notifications_waiting['email']"] == 0
    assert now["supportagent_notifications_failed['email']"] == 1
    assert now["supportagent_notifications_failed['webhook']"] == 0
    assert client.get("/metrics", headers=TOKEN).status_code == 200


def test_a_broker_that_does_not_answer_is_a_figure_and_not_an_error(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    nowhere = {"default": {"URL": f"unix://{tmp_path}/nobody.sock", "DEFAULT_TIMEOUT": -1}}
    monkeypatch.setattr("django_rq.settings.QUEUES", nowhere)
    assert figures()["supportagent_broker_up[]"] == 0


def test_no_label_names_anybody(world: World) -> None:
    world.held_refund()
    text = collectors.exposition().decode()
    assert set(re.findall(r'(\w+)="', text)) <= {"state", "scope", "period", "outcome", "queue", "channel"}
    for secret in ("CUS-1001", "T-1", "concierge", "Ana"):
        assert secret not in text
