"""What a denial gives away: how the same call would be put so that it gets further."""

import re
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from tests.hostile.enumerating.values import MARKS, described

Arguments = dict[str, Any]
_WHERE = re.compile(r"^([\w.]+): ")
_QUOTED = re.compile(r"'([^',]+)'")
_NUMBER = re.compile(r"\d{1,9}")


def repaired(
    arguments: Mapping[str, Any], message: str, schema: Mapping[str, Any], random: Random, pool: list[str]
) -> Iterator[Arguments]:
    """The arguments as this denial wants them, and just beside what it wants."""
    where = _WHERE.match(message)
    path = where[1].split(".") if where and where[1] != "arguments" else []
    rest = message[where.end() :] if where else message
    for sign, mend in _MENDS.items():
        if sign in rest:
            yield from mend(_Case(dict(arguments), path, rest, schema, random, pool))


class _Case:
    """One denial: of which arguments, at which place in them, in which words."""

    def __init__(
        self,
        arguments: Arguments,
        path: list[str],
        words: str,
        schema: Mapping[str, Any],
        random: Random,
        pool: list[str],
    ) -> None:
        self.arguments, self.path, self.words = arguments, path, words
        self.schema, self.random, self.pool = schema, random, pool

    @property
    def place(self) -> Mapping[str, Any]:
        """The part of the schema that the denial speaks of."""
        place: Mapping[str, Any] = self.schema
        for name in self.path:
            place = place.get("properties", {}).get(name, {})
        return place

    def with_value(self, value: Any, *below: str) -> Arguments:
        return _put(self.arguments, [*self.path, *below], value)


def _put(arguments: Arguments, path: list[str], value: Any) -> Arguments:
    if not path:
        return arguments
    inner = arguments.get(path[0])
    below = dict(inner) if isinstance(inner, dict) else {}
    return {**arguments, path[0]: _put(below, path[1:], value) if path[1:] else value}


def _add_required(case: _Case) -> Iterator[Arguments]:
    name = case.words.split("'")[1]
    kind = case.place.get("properties", {}).get(name, {})
    yield case.with_value(described(case.random, kind, case.pool), name)


def _move_unexpected(case: _Case) -> Iterator[Arguments]:
    """Leave it out; and once more under a name that only looks the same."""
    for name in _QUOTED.findall(case.words)[:2]:
        value = case.arguments.get(name)
        left = {key: each for key, each in case.arguments.items() if key != name}
        yield left
        yield {**left, name.upper(): value}
        yield {**left, f"{name}{case.random.choice(MARKS)}": value}


def _move_host_bound(case: _Case) -> Iterator[Arguments]:
    """What the host sets is worth setting: under another spelling, and within what may be an object."""
    name = case.path[0] if case.path else ""
    left = {key: each for key, each in case.arguments.items() if key != name}
    yield left
    yield {**left, name.title(): case.arguments.get(name)}
    for key, value in left.items():
        if isinstance(value, dict):
            yield {**left, key: {**value, name: case.arguments.get(name)}}


def _choose(case: _Case) -> Iterator[Arguments]:
    for option in _QUOTED.findall(case.words.partition("is not one of")[2]):
        yield case.with_value(option)


def _fit(case: _Case) -> Iterator[Arguments]:
    yield case.with_value(described(case.random, case.place, case.pool))
    kind = case.place.get("pattern", "")
    for known in case.pool:
        if kind and re.search(kind, known):
            yield case.with_value(known)
            yield case.with_value(f"{known}\n")


def _near_limit(case: _Case) -> Iterator[Arguments]:
    for found in _NUMBER.findall(case.words)[-2:]:
        for step in (-1, 0, 1):
            yield case.with_value(int(found) + step)


def _near_sum(case: _Case) -> Iterator[Arguments]:
    """The business says how much there would be."""
    numbers = [int(number) for number in _NUMBER.findall(case.words)]
    for name, value in case.arguments.items():
        if type(value) is int:
            for number in numbers[:3]:
                yield from ({**case.arguments, name: number + step} for step in (-1, 0, 1))


def _another(case: _Case) -> Iterator[Arguments]:
    """It is somebody else's, or refused for good: another of the same form, and the same in another spelling."""
    for name, value in case.arguments.items():
        if isinstance(value, str) and value:
            others = [known for known in case.pool if known[:4] == value[:4] and known != value]
            yield {**case.arguments, name: case.random.choice(others or [value])}
            yield {**case.arguments, name: value + case.random.choice(MARKS)}


# By words that our denials use; the first two are those of any JSON Schema library.
_MENDS: dict[str, Callable[[_Case], Iterator[Arguments]]] = {
    "is a required property": _add_required,
    "unexpected)": _move_unexpected,
    "set by the host": _move_host_bound,
    "is not one of": _choose,
    "does not match": _fit,
    "is not of type": _fit,
    "too short": _fit,
    "too long": _fit,
    "maximum of": _near_limit,
    "minimum of": _near_limit,
    "at most": _near_sum,
    "paid back": _near_sum,
    "no such": _another,
    "rejected exactly this": _another,
    "same call": _another,
    "already waiting": _another,
}
