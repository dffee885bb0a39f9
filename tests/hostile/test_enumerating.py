"""Level 3: a model that tries everything and learns from the denials does and tells nothing that it may not."""

import pytest

from tests.hostile.enumerating import proves, scenarios
from tests.hostile.report import Table
from tests.hostile.stage import Stage

TRIES, EXPLORERS = 5_000, 10


def test_a_few_tries_lead_nowhere(stage: Stage) -> None:
    stage.read_pages = False
    assert Table().play("sample", stage, scenarios(150, seed=0)).problems == []


@pytest.mark.hostile
@pytest.mark.parametrize("seed", range(1, EXPLORERS + 1))
def test_five_thousand_tries_lead_nowhere(stage: Stage, table: Table, seed: int) -> None:
    stage.read_pages = False
    level = table.play("3 enumerating", stage, scenarios(TRIES // EXPLORERS, seed))
    assert level.problems == []
    assert {"unknown_tool", "invalid_arguments", "duplicate"} <= set(level.codes)
    if proves(seed):
        assert level.effects, "nothing that was asked for and approved got through: the explorer hardly explored"
    else:
        assert not level.effects
