"""A worker is killed around a call to a server that is not ours (F7-F9): its class decides, it happens once at most."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents import outcomes, services
from agents.models import ToolCall
from supportagent.tools.models import Tool
from tests.agents.imported import import_bank, pay_back
from tests.broker import eventually
from tests.faults import checker, imported
from tests.faults.installation import Installation, installed
from tests.faults.people import Supervisor, newcomers, open_shop
from tests.faults.processes import Workers
from tests.faults.stories import REFUNDS
from tests.mcp.bank import Bank
from tests.world import World

pytestmark = pytest.mark.faults

KILLED = -9
SORRY = "A colleague will look at it."
State = ToolCall.State


@pytest.fixture
def bank(settings: Any, tmp_path: Path) -> Iterator[Bank]:
    settings.INTERNAL_HOSTS = ["127.0.0.1"]
    with Bank(tmp_path, "bank") as server:
        yield server


@pytest.mark.parametrize(
    ("tool_class", "place", "state", "posts", "effects"),
    [
        ("opaque", "after_intent", State.OUTCOME_UNKNOWN, 0, 0),
        ("opaque", "after_effect", State.OUTCOME_UNKNOWN, 1, 1),
        ("keyed", "after_intent", State.SUCCEEDED, 1, 1),
        ("keyed", "after_effect", State.SUCCEEDED, 2, 1),
        ("reconcilable", "after_intent", State.OUTCOME_UNKNOWN, 0, 0),
        ("reconcilable", "after_effect", State.SUCCEEDED, 1, 1),
        ("read", "reply_committed", State.SUCCEEDED, 1, 0),
    ],
)
def test_killed_before_the_bytes_left_or_after_the_answer_came(
    world: World, workers: Workers, bank: Bank, tool_class: str, place: str, state: str, posts: int, effects: int
) -> None:
    tool = import_bank(bank, Tool.Repeat.OPAQUE if tool_class == "read" else tool_class)
    look = {"name": "bank__get_payment", "arguments": {"payment_id": "PAY-0001", "stated_reason": "see it"}}
    asked = look if tool_class == "read" else pay_back(tool)
    world.script([{"calls": [asked]}, {"text": SORRY}])
    run = world.write("Please look at PAY-0001.").runs.get()
    assert workers.work(run, failpoint=place) == KILLED
    assert eventually(services.reap, within=10) == 1
    assert workers.work(run) == 0

    call = ToolCall.objects.get(name=asked["name"])
    assert call.state == state
    assert (len(bank.posts(tool=call.name.partition("__")[2])) >= posts, len(bank.effects())) == (True, effects)
    if call.tool is not None and call.tool.writes:
        assert len(bank.posts(tool=tool.name)) == posts, "nothing but a keyed call is sent again"
        assert (call in outcomes.open_calls(world.ana)) == (state == State.OUTCOME_UNKNOWN)
    assert world.replies(run.ticket) == [SORRY]
    assert checker.violations([], imported.effects([bank])) == []


@pytest.fixture
def house(world: World, tmp_path: Path) -> Iterator[Installation]:
    world.script(REFUNDS)
    open_shop()
    with installed(tmp_path, str(tmp_path / "script.json"), but="worker") as running:
        yield running


@pytest.mark.parametrize("mode", ["hang", "hang_before"], ids=["done", "not done"])
def test_killed_while_the_server_has_the_bytes_and_says_nothing(
    world: World, house: Installation, bank: Bank, tmp_path: Path, mode: str
) -> None:
    with Bank(tmp_path, "till") as till:
        banks = {"bank": bank, "till": till}
        imported.connect(bank, till)
        Tool.objects.filter(qualified_name__in=imported.WRITES).update(timeout_seconds=10)
        bank.fault(mode, times=2)  # the first call of each of its tools
        till.fault(mode, times=1)
        ana = Supervisor(house, world.ana)
        ana.start()
        first = house.start("worker")
        visitors = newcomers(3)
        for number, way in enumerate(("by key", "by record", "blindly")):
            visitors[number].say(house, f"Please pay PAY-800{number} back {way}.")
        once = dict.fromkeys(imported.WRITES, 1)
        eventually(lambda: imported.posts(banks) == once, within=30, told=lambda: f"{imported.posts(banks)}")
        first.kill()
        house.start("worker")
        eventually(lambda: not checker.still_working(), within=40, told=lambda: "\n".join(checker.still_working()))
        ana.go_home()
        states = dict(ToolCall.objects.filter(name__in=imported.WRITES).values_list("name", "state"))
        assert states == {
            imported.KEYED: State.SUCCEEDED,
            imported.RECONCILABLE: State.SUCCEEDED if mode == "hang" else State.OUTCOME_UNKNOWN,
            imported.OPAQUE: State.OUTCOME_UNKNOWN,
        }
        assert imported.posts(banks) == {**once, imported.KEYED: 2}, "nothing but a keyed call is sent again"
        assert sum(imported.effects(banks.values()).values()) == (3 if mode == "hang" else 1)
        assert checker.violations(visitors, imported.effects(banks.values())) == []
