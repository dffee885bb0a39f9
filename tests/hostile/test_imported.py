"""An imported server whose descriptions, results and errors give orders: nothing of it is obeyed for us."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.hostile.imported import NOT_READ, READ, scenarios
from tests.hostile.imported.courier import Courier
from tests.hostile.report import Table
from tests.hostile.stage import Stage


@pytest.fixture
def courier(settings: Any) -> Iterator[Courier]:
    settings.INTERNAL_HOSTS = ["127.0.0.1"]
    with Courier() as running:
        yield running


def test_a_sample_of_orders_of_an_imported_server_has_no_effect(stage: Stage, courier: Courier) -> None:
    stage.read_pages = False
    every = [scenario for place in READ for scenario in scenarios(courier, place)]
    assert Table().play("sample", stage, every[::12]).problems == []


@pytest.mark.hostile
@pytest.mark.parametrize("place", READ)
def test_no_order_of_an_imported_server_has_an_effect(stage: Stage, courier: Courier, table: Table, place: str) -> None:
    stage.read_pages = False
    assert table.play("2 obedient, imported", stage, scenarios(courier, place)).problems == []


@pytest.mark.hostile
@pytest.mark.parametrize("place", READ)
def test_the_model_reads_and_obeys_the_server(stage: Stage, courier: Courier, place: str) -> None:
    stage.read_pages = False
    told = next(each for each in scenarios(courier, place) if each.name.startswith("the log by"))
    assert stage.play(told).codes["reply_withheld"] == 1


@pytest.mark.hostile
@pytest.mark.parametrize("place", NOT_READ)
def test_what_a_server_says_beside_its_answers_reaches_no_model(stage: Stage, courier: Courier, place: str) -> None:
    stage.read_pages = False
    told = next(each for each in scenarios(courier, place) if each.name.startswith("the log by"))
    assert stage.play(told).problems == []
    read = json.dumps([request["body"] for request in stage.server.requests])
    assert "courier__track" in read
    assert "REPEAT" not in read
