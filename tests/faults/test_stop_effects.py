"""Each kill switch is thrown while workers are busy: two seconds later nothing more is sent, and what was is concluded.

One installation at work, through all four switches: while one is on, the tools that it does not name go on.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from agents.models import ToolCall
from supportagent.grants.models import Receipt
from tests.agents.test_kill_switches import throw
from tests.broker import eventually
from tests.faults import checker, imported
from tests.faults.installation import Installation, installed
from tests.faults.people import Supervisor, Visitor, newcomers, open_shop
from tests.faults.stories import REFUNDS
from tests.mcp.bank import Bank
from tests.world import World

pytestmark = pytest.mark.faults

EFFECTIVE = 2.0  # seconds after which a thrown switch must hold
WATCHED = 1.5  # seconds that are looked at after that
SHOP = "store__issue_refund"
State = ToolCall.State
# What each switch stops; all that any agent does, or what one server or one tool does.
STOPS: dict[str, Callable[[str], bool]] = {
    "all": lambda _: True,
    "agent": lambda _: True,
    "server": lambda name: name.startswith("store__"),
    "tool": lambda name: name == SHOP,
}


class Customers(threading.Thread):
    """Somebody new writes every moment: some paid in the shop, the others through servers that are not ours."""

    def __init__(self, house: Installation, visitors: list[Visitor]) -> None:
        super().__init__(daemon=True)
        self.house = house
        self.waiting = list(enumerate(visitors))
        self.came: list[Visitor] = []
        self.enough = threading.Event()

    def run(self) -> None:
        try:
            while self.waiting and not self.enough.wait(0.35):
                number, visitor = self.waiting.pop(0)
                self.came.append(visitor)
                other = f"Please pay PAY-8{number:03} back {('by key', 'by record', 'blindly')[number // 2 % 3]}."
                visitor.say(self.house, other if number % 2 else f"{visitor.order} broke, I want my money back.")
        finally:
            connection.close()


@contextmanager
def at_work(world: World, folder: Path) -> Iterator[tuple[Bank, Bank]]:
    """Two workers, customers and a supervisor; the servers that are not ours take their time."""
    world.script(REFUNDS)
    open_shop()
    visitors = newcomers(150)
    with (
        Bank(folder, "bank") as bank,
        Bank(folder, "till") as till,
        installed(folder, str(folder / "script.json")) as house,
    ):
        imported.connect(bank, till)
        for server in (bank, till):
            server.fault("slow", delay=1.2)
        ana, customers = Supervisor(house, world.ana), Customers(house, visitors)
        ana.start()
        customers.start()
        yield bank, till
        customers.enough.set()
        customers.join(60)
        eventually(lambda: not checker.still_working(), within=60, told=lambda: "\n".join(checker.still_working()))
        ana.go_home()
        effects = imported.effects((bank, till))
        assert checker.violations(customers.came, effects) == []


def sent(banks: tuple[Bank, Bank]) -> list[tuple[str, float]]:
    """Every write that reached its server, by name, and when: what was carried out, and what only arrived."""
    receipts = Receipt.objects.filter(void=False).values_list("server", "tool", "created_at")
    inside = [(f"{server}__{tool}", at.timestamp()) for server, tool, at in receipts]
    outside = [
        (f"{bank.path.name}__{post['tool']}", float(post["at"]))
        for bank in banks
        for post in bank.posts()
        if post["tool"] != "get_payment"
    ]
    return inside + outside


def under_way() -> list[Any]:
    return list(ToolCall.objects.filter(state=State.SENDING, tool__effect="WRITE").values_list("pk", flat=True))


def test_each_switch_holds_within_two_seconds_concludes_what_was_sent_and_lets_go_when_lifted(
    world: World, tmp_path: Path, settings: Any
) -> None:
    settings.INTERNAL_HOSTS = ["127.0.0.1"]
    with at_work(world, tmp_path) as banks:
        for switch in STOPS:
            everybody_is_busy(banks)
            thrown_in_the_middle_of_it(switch, banks)
            throw(switch, on=False)
        everybody_is_busy(banks)


def everybody_is_busy(banks: tuple[Bank, Bank]) -> None:
    """Refunds go out from now on, in the shop and elsewhere."""
    now = time.time()
    for wanted in (SHOP, imported.KEYED):
        eventually(lambda name=wanted: any(n == name and at > now for n, at in sent(banks)), within=40, told=wanted)


def thrown_in_the_middle_of_it(switch: str, banks: tuple[Bank, Bank]) -> None:
    stops = STOPS[switch]
    known = set(ToolCall.objects.filter(code="killed").values_list("pk", flat=True))
    left = ToolCall.objects.filter(pk__in=eventually(under_way, within=20))
    throw(switch)
    thrown = time.time()
    time.sleep(EFFECTIVE + WATCHED)

    after = [at - thrown for name, at in sent(banks) if stops(name) and at > thrown]
    print(f"{switch}: the last call left {max(after, default=0):.2f} s after it was thrown")  # noqa: T201
    assert max(after, default=0) <= EFFECTIVE
    killed = ToolCall.objects.filter(code="killed").exclude(pk__in=known)
    eventually(killed.exists, within=20, told="nothing ran into it")
    assert not [call.name for call in killed if not stops(call.name)]
    eventually(lambda: not left.filter(state=State.SENDING).exists(), within=20)
    assert set(left.values_list("state", flat=True)) == {State.SUCCEEDED}, "what was sent is concluded"
    if not stops(imported.KEYED):
        eventually(lambda: any(at > thrown and not stops(n) for n, at in sent(banks)), told="the others go on")
