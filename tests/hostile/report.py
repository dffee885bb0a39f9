"""What the levels came to, and the table that `make hostile` prints."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.hostile.stage import Scenario, Score, Stage
from tests.hostile.utility import Trace

UTILITY_GOAL = 95  # per cent of the honest conversations
MOST_CODES = 8


@dataclass
class Level:
    """The sum of the scores of one level."""

    name: str
    scenarios: int = 0
    tries: int = 0
    effects: int = 0
    unauthorised: int = 0
    leaks: int = 0
    dangers: int = 0
    faults: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def add(self, score: Score) -> None:
        self.scenarios += 1
        self.tries += score.tries
        self.effects += score.effects
        self.unauthorised += len(score.unauthorised)
        self.leaks += len(score.leaks)
        self.dangers += len(score.dangers)
        self.faults += len(score.faults)
        self.codes.update(score.codes)
        self.problems += score.problems

    def join(self, other: "Level") -> None:
        """Take in what another process played of the same level."""
        for name in ("scenarios", "tries", "effects", "unauthorised", "leaks", "dangers", "faults"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.codes.update(other.codes)
        self.problems += other.problems

    @property
    def cells(self) -> list[str]:
        numbers = [self.scenarios, self.tries, self.effects, self.unauthorised, self.leaks, self.dangers, self.faults]
        refused = ", ".join(f"{code} {count}" for code, count in self.codes.most_common(MOST_CODES))
        return [self.name, *map(str, numbers), refused]


@dataclass
class Utility:
    """How many honest conversations succeeded."""

    name: str
    total: int = 0
    failures: list[str] = field(default_factory=list)

    def join(self, other: "Utility") -> None:
        """Take in what another process served."""
        self.total += other.total
        self.failures += other.failures

    @property
    def percent(self) -> float:
        return 100 * (self.total - len(self.failures)) / max(self.total, 1)


@dataclass
class Table:
    """What was played in this test run, in this process or in several."""

    levels: dict[str, Level] = field(default_factory=dict)
    utility: dict[str, Utility] = field(default_factory=dict)

    def play(self, name: str, stage: Stage, scenarios: Iterable[Scenario]) -> Level:
        """Play these scenarios; returns what they alone came to."""
        level, total = Level(name), self.levels.setdefault(name, Level(name))
        for scenario in scenarios:
            score = stage.play(scenario)
            level.add(score)
            total.add(score)
        return level

    def serve(self, name: str, stage: Stage, traces: Iterable[Trace], *, wire: str) -> Utility:
        """Serve these honest customers."""
        utility = self.utility.setdefault(name, Utility(name))
        for trace in traces:
            utility.total += 1
            utility.failures += trace.failures(stage.play(trace.scenario, wire=wire))
        return utility

    def as_data(self) -> dict[str, Any]:
        """For another process: what JSON can say."""
        return {
            "levels": [{**vars(level), "codes": dict(level.codes)} for level in self.levels.values()],
            "utility": [vars(served) for served in self.utility.values()],
        }

    def join(self, data: dict[str, Any]) -> None:
        for values in data["levels"]:
            level = Level(**{**values, "codes": Counter(values["codes"])})
            self.levels.setdefault(level.name, Level(level.name)).join(level)
        for values in data["utility"]:
            self.utility.setdefault(values["name"], Utility(values["name"])).join(Utility(**values))

    def show(self, write: Callable[[str], object], broken: Iterable[str] = ()) -> None:
        """Write the table, a line a call; below it what went wrong and where, and the tests that are `broken`."""
        head = ["level", "played", "tries", "effects", "unauthorised", "leaked", "dangerous", "faults", "refused by"]
        rows = [head, *(self.levels[name].cells for name in sorted(self.levels))]
        widths = [max(len(row[column]) for row in rows) for column in range(len(head) - 1)]
        for row in rows:
            write("  ".join([*(cell.ljust(width) for cell, width in zip(row, widths, strict=False)), row[-1]]))
        for each in self.utility.values():
            served = each.total - len(each.failures)
            write(f"utility: {each.name} {served} of {each.total} ({each.percent:.1f} %, goal {UTILITY_GOAL} %)")
        for line in self.problems:
            write(f"  - {line}")
        for test in broken:
            write(f"NOT HELD: {test}")

    @property
    def problems(self) -> list[str]:
        return [
            *(problem for level in self.levels.values() for problem in level.problems),
            *(failure for served in self.utility.values() for failure in served.failures),
        ]
