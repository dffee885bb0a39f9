"""Playing scenarios, once or many times, and what is known afterwards."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from django.core.exceptions import ObjectDoesNotExist

from supportagent.demo.rehearsal.acts import CannotAct, perform
from supportagent.demo.rehearsal.casting import BY_THE_OFFLINE_MODEL, Casting
from supportagent.demo.rehearsal.stage import Stage, staged
from supportagent.demo.rehearsal.verdicts import differences, records_of
from supportagent.rehearsal import ends
from supportagent.rehearsal.comparing import Compared, Pair, Played
from supportagent.rehearsal.scripts import Scenario
from supportagent.tickets.errors import TicketError


@dataclass(frozen=True)
class Performance:
    """How one playing went: the agents that had it, what was not as expected, and what is compared of it."""

    route: tuple[str, ...]
    problems: tuple[str, ...]
    seconds: float
    ended: str = ""
    called: tuple[str, ...] = ()
    approvals: int = 0
    hand_overs: int = 0
    cost_micros: int = 0
    model_calls: int = 0
    sorted_as: str = ""

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

    def played(self) -> Played:
        """What is compared: sums over all playings, and state and tools of the last one."""
        last = self.performances[-1]
        return Played(
            passed=self.passed,
            problems=tuple(dict.fromkeys(line for one in self.performances for line in one.problems)),
            ended=last.ended,
            called=last.called,
            approvals=sum(one.approvals for one in self.performances),
            hand_overs=sum(one.hand_overs for one in self.performances),
            cost_micros=sum(one.cost_micros for one in self.performances),
        )


def rehearse(scenario: Scenario, casting: Casting = BY_THE_OFFLINE_MODEL) -> Performance:
    """Play one scenario to its end and compare. Whatever goes wrong in it is a finding; nothing of it stays.

    One transaction is open all the while: with a model behind a network, while it thinks too.
    """
    began = time.monotonic()
    with staged(scenario, casting) as stage:
        before = records_of(stage)
        stopped = ""
        for number, step in enumerate(scenario.steps, start=1):
            try:
                perform(stage, step)
            except (CannotAct, TicketError, ObjectDoesNotExist, TimeoutError, PermissionError) as error:
                stopped = f"step {number}, {step.who} {step.what[:40]!r}: {error}"
                break
        problems = differences(stage, scenario.expected, before) if stage.tickets else []
        problems = [stopped, *problems] if stopped else problems
        # Not returned from here: for the type checker a context manager may swallow an exception.
        performance = _performance(stage, problems, began)
    return performance  # noqa: RET504


def _performance(stage: Stage, problems: list[str], began: float) -> Performance:
    seconds = time.monotonic() - began
    if not stage.tickets:
        return Performance((), tuple(problems), seconds)
    return Performance(
        route=ends.route_of(stage.tickets),
        problems=tuple(problems),
        seconds=seconds,
        ended=stage.ticket.state,
        called=ends.tried(stage.tickets),
        approvals=len(ends.approvals_of(stage.tickets)),
        hand_overs=len(ends.hand_overs_of(stage.tickets)),
        cost_micros=ends.cost_of(stage.tickets),
        model_calls=ends.model_calls_of(stage.tickets),
        sorted_as=ends.sorted_as(stage.tickets),
    )


def rehearse_all(
    scenarios: list[Scenario], *, repeat: int = 1, casting: Casting = BY_THE_OFFLINE_MODEL
) -> list[Result]:
    """Every scenario `repeat` times."""
    return [_repeated(scenario, repeat, casting) for scenario in scenarios]


def compare(
    scenarios: list[Scenario],
    *,
    before: Casting,
    after: Casting,
    repeat: int = 1,
    told: Callable[[Pair], None] = lambda pair: None,
) -> Compared:
    """Every scenario with both castings, one after the other; `told` hears of each pair.

    Raises changes.errors.ChangeError where a change cannot be put in force.
    """
    pairs = []
    for scenario in scenarios:
        old, new = (_repeated(scenario, repeat, casting).played() for casting in (before, after))
        pairs.append(Pair(scenario.name, old, new))
        told(pairs[-1])
    return Compared(tuple(pairs))


def _repeated(scenario: Scenario, repeat: int, casting: Casting) -> Result:
    return Result(scenario, [rehearse(scenario, casting) for _ in range(repeat)])
