"""Which rules of a tool need to be asked at all: the others plainly do not hold by their first condition.

A thousand rules of the kind "amount > limit" or "country = code" are sorted once, and a call looks up the few that may
hold. Only a rule that would answer "does not hold" is left out; one that is unknown for this call stays in.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from approvals.policy.conditions import ORDERING, Condition, kind_of, plain
from approvals.policy.paths import Path
from approvals.policy.rules import Call, Rule

Numbers = list[int]


@dataclass
class _Sorted:
    """Rules that compare with a limit by one operator, by that limit."""

    limits: list[int] = field(default_factory=list)
    rules: Numbers = field(default_factory=list)

    def that_hold(self, op: str, value: int) -> Numbers:
        if op == "gt":
            return self.rules[: bisect_left(self.limits, value)]
        if op == "gte":
            return self.rules[: bisect_right(self.limits, value)]
        if op == "lt":
            return self.rules[bisect_right(self.limits, value) :]
        return self.rules[bisect_left(self.limits, value) :]


@dataclass
class _AtPath:
    """What the first conditions of rules ask about one path."""

    limits: dict[str, _Sorted] = field(default_factory=dict)
    equal: dict[type, dict[Any, Numbers]] = field(default_factory=dict)

    def that_may_hold(self, value: Any) -> Iterable[Numbers]:
        kind = kind_of(value)
        for op, each in self.limits.items():
            yield each.that_hold(op, value) if kind is int else each.rules
        for wanted, by_value in self.equal.items():
            if kind is wanted:
                yield by_value.get(plain(value), [])
            else:
                yield from by_value.values()


class Sieve:
    """Rules in the order in which they are asked, of one tool."""

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        self.rules = rules
        self._always: Numbers = []
        self._paths: dict[Path, _AtPath] = {}
        by_limit = sorted(enumerate(rules), key=lambda each: _limit(each[1]))
        for number, rule in by_limit:
            self._place(number, rule)

    def candidates(self, call: Call) -> list[Rule]:
        """The rules that this call has to be held against, in order."""
        numbers = list(self._always)
        for path, asked in self._paths.items():
            found = call.at(path)
            for some in asked.that_may_hold(found[0] if found else found):
                numbers += some
        return [self.rules[number] for number in sorted(numbers)]

    def _place(self, number: int, rule: Rule) -> None:
        first = rule.conditions[0] if rule.conditions and not rule.fault else None
        if first is None or first.path.quantifier:
            self._always.append(number)
        elif first.op in ORDERING:
            group = self._at(first).limits.setdefault(first.op, _Sorted())
            group.limits.append(first.value)
            group.rules.append(number)
        elif first.op == "eq" and first.value is not None:
            by_value = self._at(first).equal.setdefault(kind_of(first.value) or object, {})
            by_value.setdefault(plain(first.value), []).append(number)
        else:
            self._always.append(number)

    def _at(self, condition: Condition) -> _AtPath:
        return self._paths.setdefault(condition.path, _AtPath())


def _limit(rule: Rule) -> int:
    """Sorts the rules that have a limit; the others may stand anywhere."""
    first = rule.conditions[0] if rule.conditions else None
    return first.value if first is not None and first.op in ORDERING else 0
