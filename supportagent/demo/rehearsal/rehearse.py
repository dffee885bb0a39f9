"""Playing scenarios, once or many times, and what is known afterwards."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from supportagent.demo.rehearsal.acts import CannotAct, perform
from supportagent.demo.rehearsal.stage import staged
from supportagent.demo.rehearsal.verdicts import differences, records_of
from supportagent.rehearsal import ends
from supportagent.rehearsal.scripts import Scenario
from supportagent.tickets.errors import TicketError

OFFLINE, OFFLINE_MODEL = "offline", "offline-demo"


@dataclass(frozen=True)
class Performance:
    """How one playing went: the agents that had it, and what was not as expected."""

    route: tuple[str, ...]
    problems: tuple[str, ...]
    seconds: float

    @property
    def right(self) -> bool:
        return not self.problems


@dataclass
class Result:
    """All playings of one scenario. It passes only when every one of them was right (pass^k)."""

    scenario: Scenario
    performances: list[Performance] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return bool(self.performances) and all(one.right for one in self.performances)

    @property
    def right(self) -> int:
        return sum(one.right for one in self.performances)


def rehearse(scenario: Scenario, *, provider: str = OFFLINE, model: str = OFFLINE_MODEL) -> Performance:
    """Play one scenario to its end and compare. Whatever goes wrong in it is a finding; nothing of it stays."""
    began = time.monotonic()
    with staged(scenario, provider=provider, model=model) as stage:
        before = records_of(stage)
        stopped = ""
        for number, step in enumerate(scenario.steps, start=1):
            try:
                perform(stage, step)
            except (CannotAct, TicketError, TimeoutError, PermissionError) as error:
                stopped = f"step {number}, {step.who} {step.what[:40]!r}: {error}"
                break
        problems = differences(stage, scenario.expected, before) if stage.tickets else []
        route = ends.route_of(stage.tickets) if stage.tickets else ()
    problems = [stopped, *problems] if stopped else problems
    return Performance(route, tuple(problems), time.monotonic() - began)


def rehearse_all(
    scenarios: list[Scenario], *, repeat: int = 1, provider: str = OFFLINE, model: str = OFFLINE_MODEL
) -> list[Result]:
    """Every scenario `repeat` times."""
    results = []
    for scenario in scenarios:
        result = Result(scenario)
        for _ in range(repeat):
            result.performances.append(rehearse(scenario, provider=provider, model=model))
        results.append(result)
    return results
