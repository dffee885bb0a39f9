"""Level 1: a model that plays a fixed list of attacks does and learns nothing that it may not."""

import pytest

from tests.hostile.fixed import CATALOGUE, FAMILIES
from tests.hostile.report import Table
from tests.hostile.stage import Stage

SAMPLE = CATALOGUE[::12]
SHOWN_TO_STAFF = ("tools", "approvals", "replies")  # families whose words end on a supervisor's screen


def test_a_sample_of_fixed_attacks_does_and_learns_nothing_that_it_may_not(stage: Stage) -> None:
    stage.read_pages = False
    assert Table().play("sample", stage, SAMPLE).problems == []


@pytest.mark.hostile
@pytest.mark.parametrize("family", FAMILIES)
def test_no_fixed_attack_does_or_learns_anything_that_it_may_not(stage: Stage, table: Table, family: str) -> None:
    stage.read_pages = family in SHOWN_TO_STAFF
    assert table.play("1 fixed list", stage, FAMILIES[family]).problems == []


def test_every_attack_has_a_name_of_its_own() -> None:
    names = [scenario.name for scenario in CATALOGUE]
    assert len(names) == len(set(names))
