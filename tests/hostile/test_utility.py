"""Honest conversations still succeed: a gate that refuses everything would be no defence."""

import pytest

from tests.hostile import honest
from tests.hostile.report import UTILITY_GOAL, Table
from tests.hostile.stage import Stage
from tests.hostile.utility import CONVERSATIONS, REPLIES

SAMPLE = (*CONVERSATIONS[::6], *REPLIES[::6])


def test_a_sample_of_honest_conversations_succeeds(stage: Stage) -> None:
    stage.read_pages = False
    assert Table().serve("sample", stage, SAMPLE, wire=honest.WIRE).failures == []


@pytest.mark.hostile
def test_honest_conversations_succeed(stage: Stage, table: Table) -> None:
    served = table.serve("honest conversations", stage, CONVERSATIONS, wire=honest.WIRE)
    assert served.percent >= UTILITY_GOAL, "\n".join(served.failures)


@pytest.mark.hostile
def test_honest_replies_reach_the_customer_as_they_stand(stage: Stage, table: Table) -> None:
    stage.read_pages = False
    served = table.serve("honest replies", stage, REPLIES, wire=honest.WIRE)
    assert served.percent >= UTILITY_GOAL, "\n".join(served.failures)
