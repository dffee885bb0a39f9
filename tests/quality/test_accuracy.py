"""Figures from labels, against examples that were worked out by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from supportagent.quality.accuracy import Wanted, judgements
from supportagent.quality.agreement import agreement
from supportagent.shares import Share
from tests.approvals.desk import colleague, let_decide
from tests.quality.drawn import labelled
from tests.world import World, team

AT = datetime(2026, 11, 18, 12, tzinfo=UTC)
NOVEMBER = Wanted(start=datetime(2026, 11, 1, tzinfo=UTC), end=datetime(2026, 12, 1, tzinfo=UTC))


def judged(world: World, *verdicts: str, population: int, **stratum: Any) -> None:
    usual = {"ticket": world.write(), "finished": AT}
    labelled(world, [world.ana, world.finance], list(verdicts), population=population, **{**usual, **stratum})


def test_each_label_weighs_as_much_as_it_stands_for(world: World) -> None:
    """Of 900 notes three of four labels are right, of 100 refunds one of two: (900 x .75 + 100 x .5) / 1000 = .725."""
    judged(world, "r", "r", "r", "w", population=900, kind="action", tool="tickets__add_internal_note")
    judged(world, "rw", "w", population=100, kind="action", tool="store__issue_refund", mode="approved", version=8)
    judged(world, "", "", population=60, category="payment")
    found = judgements(world.ana, NOVEMBER).together()
    assert (found.labelled, found.right) == (6, 4)
    assert found.estimate == pytest.approx(0.725)
    # Weights 4 x 225 and 2 x 50: 1000^2 / (4 x 225^2 + 2 x 50^2) = 4.829.
    assert found.effective == pytest.approx(1_000_000 / 207_500)
    assert (found.stands_for, found.missing) == (1000, 60)
    assert found.reasons == {"wrong_action": 3}
    # The second opinion on the refund counts for agreement alone.
    assert (found.agreement.items, found.agreement.same) == (1, 0)

    parts = judgements(world.ana, NOVEMBER).by("kind", "tool", "version")
    assert {key: (part.labelled, part.estimate) for key, part in parts.items()} == {
        ("action", "tickets__add_internal_note", 7): (4, 0.75),
        ("action", "store__issue_refund", 8): (2, 0.5),
    }
    assert judgements(world.ana, NOVEMBER).by("category")[("payment",)].missing == 60
    for narrowed, expected in (
        ({"tool": "store__issue_refund"}, 0.5),
        ({"mode": "autonomous"}, 0.75),
        ({"version": 8}, 0.5),
        ({"agent": world.agent.pk}, 0.725),
        ({"team": team("orders").pk}, 0.725),
        ({"team": team("partners").pk}, None),
        ({"category": "payment"}, None),
        ({"start": AT + timedelta(seconds=1)}, None),
    ):
        asked = Wanted(**{"start": NOVEMBER.start, "end": NOVEMBER.end, **narrowed})
        assert judgements(world.ana, asked).together().estimate == expected, narrowed
    assert judgements(world.piet, NOVEMBER).together().labelled == 0
    with pytest.raises(ValueError, match="colour"):
        judgements(world.ana, NOVEMBER).by("colour")


def test_nothing_is_said_below_thirty_labels_and_from_there_on_with_an_interval(world: World) -> None:
    judged(world, *["r"] * 26, *["w"] * 3, population=290)
    found = judgements(world.ana, NOVEMBER).together()
    assert (found.labelled, found.share, found.weighted, found.interval) == (29, None, None, None)
    judged(world, "w", population=10, category="payment")
    with CaptureQueriesContext(connection) as queries:
        found = judgements(world.ana, NOVEMBER).together()
    assert len(queries) == 4
    assert found.share == Share(26, 30)
    assert found.weighted == pytest.approx(260 / 300)  # every label stands for ten, so weighing changes nothing
    assert found.interval == pytest.approx(Share(26, 30).interval)
    # One label that stands for a hundred times as much as the others tells more of the work and leaves less certain.
    judged(world, "w", population=1000, category="complaint")
    wider = judgements(world.ana, NOVEMBER).together()
    assert wider.weighted == pytest.approx(260 / 1300)
    assert wider.effective < 2
    assert wider.interval and wider.interval[0] < 0.02 and wider.interval[1] > 0.8


def test_agreement_is_that_of_an_example_worked_out_by_hand() -> None:
    """Ten items, two verdicts each: six right twice, two wrong twice, two split; one more that only one person judged.

    20 verdicts, 14 right and 6 wrong. Observed disagreement: 2 split items of 10, 4 ordered pairs of 20, is 0.2. By
    chance: 2 x 14 x 6 ordered pairs of 20 x 19 is 0.4421. Alpha is 1 - 0.2 / 0.4421 = 0.5476.
    """
    pairs = [[True, True]] * 6 + [[False, False]] * 2 + [[True, False], [False, True]]
    found = agreement([*pairs, [True]])
    assert (found.items, found.same, found.enough) == (10, 8, True)
    assert found.kappa == pytest.approx(1 - 0.2 / (2 * 14 * 6 / (20 * 19)))
    # A third verdict on one item, hand-counted: values 15 and 6 of 21, the triple's pairs count a half.
    triple = agreement([*pairs[:-1], [False, True, True]])
    assert triple.kappa == pytest.approx(1 - 20 * (1 * 1 / 1 + 1 * 2 / 2) / (15 * 6))
    assert agreement([[True, False]] * 3).kappa == pytest.approx(1 - 5 * 3 / 9)  # worse than chance
    assert agreement([[True, True]] * 9).kappa is None
    assert not agreement([[True, False]] * 4).enough


def test_the_page_of_results_shows_each_tool_and_version_with_what_it_rests_on(world: World, client: Client) -> None:
    finished = timezone.now() - timedelta(days=10)
    version = world.agent.history.first().history_id
    judged(world, *["rr"] * 28, "wr", "ww", population=600, finished=finished, version=version)
    refund = {"kind": "action", "tool": "store__issue_refund", "finished": finished}
    judged(world, "w", population=9, **refund, version=version)
    let_decide(world.finance)
    client.force_login(world.finance)
    page = client.get("/console/labels/results/").content.decode()
    low, high = Share(28, 30).interval
    assert f'93%</strong><br><span class="muted small">between {low:.0%} and {high:.0%}' in page
    # 57 right and 3 wrong, one split item of thirty: 1 - 59 x 1 / (57 x 3).
    assert f"kappa {1 - 59 / 171:.2f}, 29 of 30 alike" in page
    assert "they stand for 600" in page
    assert "not enough data" in page
    assert "Something else should have been done" in page
    assert "Whole runs" in page and "store__issue_refund" in page
    client.force_login(world.piet)
    assert "store__issue_refund" not in client.get("/console/labels/results/?days=oops").content.decode()
    client.force_login(world.rosa)
    assert client.get("/console/labels/results/").status_code == 403


def test_who_still_has_items_to_judge_sees_the_sums_only(world: World, client: Client) -> None:
    finished = timezone.now() - timedelta(days=10)
    judged(world, *["r"] * 30, "", population=310, finished=finished)
    third = colleague(world.ana, "Cleo Brandt")
    client.force_login(third)
    page = client.get("/console/labels/results/").content.decode()
    assert 'data-testid="blind"' in page
    assert 'data-testid="part"' not in page
    assert "100%" in page
    let_decide(world.finance)
    client.force_login(world.finance)  # does not label
    assert 'data-testid="part"' in client.get("/console/labels/results/").content.decode()
