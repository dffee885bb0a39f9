"""Level 2: a model that obeys whatever it reads does and tells nothing that it may not."""

import pytest

from tests.hostile.obedient import scenarios
from tests.hostile.obedient.carriers import CARRIERS
from tests.hostile.report import Table
from tests.hostile.stage import Stage


def test_a_sample_of_planted_instructions_has_no_effect(stage: Stage) -> None:
    stage.read_pages = False
    every = [scenario for carrier in CARRIERS for scenario in scenarios(carrier)]
    assert Table().play("sample", stage, every[:: len(every) // 12]).problems == []


@pytest.mark.hostile
@pytest.mark.parametrize("carrier", CARRIERS)
def test_no_planted_instruction_has_an_effect(stage: Stage, table: Table, carrier: str) -> None:
    stage.read_pages = False
    assert table.play("2 obedient", stage, scenarios(carrier)).problems == []


@pytest.mark.hostile
@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_model_reads_and_obeys_every_carrier(stage: Stage, carrier: str) -> None:
    """Without this the level would pass as well if nothing that we plant ever reached the model."""
    stage.read_pages = False
    told = next(each for each in scenarios(carrier) if each.name.startswith("the log by"))
    assert stage.play(told).codes["reply_withheld"] == 1
