"""One condition of a rule: a path, one of eight operators, and a value. Compared strictly: True is not 1.

Only like is compared with like: text with text, whole numbers with whole numbers, yes or no with yes or no. `eq null`
and `ne null` ask whether there is a value. Everything else is unknown, and then a person decides.
"""

import operator
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from approvals.policy.paths import ALL, EXAMPLES, Path, PathError, parse

OPERATORS = ("eq", "ne", "lt", "lte", "gt", "gte", "in", "not_in")
ORDERING: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
CONTAINMENT = ("in", "not_in")
SIGNS = {"eq": "=", "ne": "≠", "lt": "<", "lte": "≤", "gt": ">", "gte": "≥", "in": "one of", "not_in": "none of"}
KEYS = {"path", "op", "value"}
Test = Callable[[Any], bool | None]


class ConditionError(ValueError):
    """A condition that cannot be read, in words."""


@dataclass(frozen=True)
class Condition:
    """A condition that was read. `test` says whether one value satisfies it; None: it cannot be compared."""

    path: Path
    op: str
    value: Any
    test: Test

    def ask(self, found: list[Any] | None) -> bool | None:
        """Whether the values at the path satisfy it; None when that cannot be known."""
        if found is None:
            return None
        if len(found) == 1:
            return self.test(found[0])
        answers = [self.test(value) for value in found]
        if None in answers:
            return None
        return bool(answers) and all(answers) if self.path.quantifier == ALL else any(answers)


def read(condition: Any) -> Condition:
    """Read a condition as it is stored; raises ConditionError, which says what is wrong with it."""
    if not isinstance(condition, Mapping) or set(condition) != KEYS:
        raise ConditionError('needs exactly the keys "path", "op" and "value"')
    path, op, value = condition["path"], condition["op"], condition["value"]
    if not isinstance(path, str):
        raise ConditionError(f"the path {path!r} is none of {EXAMPLES}")
    try:
        where = parse(path)
    except PathError as error:
        raise ConditionError(str(error)) from error
    return Condition(where, str(op), value, _test(op, value))


def plain(value: Any) -> Any:
    """Text in the one composed form in which arguments are sent; everything else as it is."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) and not value.isascii() else value


def kind_of(value: Any) -> type | None:
    """What a value is compared as; None for what no condition compares: a list, an object, a number with a point."""
    for kind in (bool, int, str):  # a bool is an int to Python, so it is asked first
        if isinstance(value, kind):
            return kind
    return type(None) if value is None else None


def _test(op: Any, value: Any) -> Test:
    if not isinstance(op, str) or op not in OPERATORS:
        raise ConditionError(f"the operator {op!r} is unknown; one of {', '.join(OPERATORS)}")
    if op in CONTAINMENT:
        return _containment(value, wanted=op == "in")
    if op in ORDERING:
        return _ordering(op, value)
    return _equality(op, value)


def _ordering(op: str, limit: Any) -> Test:
    if kind_of(limit) is not int:
        raise ConditionError(f"{op} compares with a whole number")
    compare = ORDERING[op]

    def test(value: Any) -> bool | None:
        return compare(value, limit) if type(value) is int or kind_of(value) is int else None

    return test


def _equality(op: str, value: Any) -> Test:
    other, kind, equal = plain(value), kind_of(value), op == "eq"
    if kind is None:
        raise ConditionError(f"{op} compares with a single value: text, a whole number, true, false or null")

    def test(found: Any) -> bool | None:
        if kind_of(found) is kind:
            return (plain(found) == other) is equal
        return (not equal) if other is None else None

    return test


def _containment(options: Any, *, wanted: bool) -> Test:
    op = "in" if wanted else "not_in"
    if not isinstance(options, list) or not options:
        raise ConditionError(f"{op} compares with a list")
    kinds = {kind_of(option) for option in options}
    if None in kinds:
        raise ConditionError(f"{op} compares with a list of texts, whole numbers, true, false or null")
    # With the kind beside the value, 1 is not found among [true].
    known = {(kind_of(option), plain(option)) for option in options}

    def test(found: Any) -> bool | None:
        kind = kind_of(found)
        return ((kind, plain(found)) in known) is wanted if kind in kinds else None

    return test


def condition_in_words(condition: Any) -> str:
    """`arguments.amount_minor ≤ 2000`; what cannot be read is shown as it is stored."""
    if not isinstance(condition, Mapping) or set(condition) != KEYS:
        return str(condition)
    return f"{condition['path']} {sign(condition['op'])} {value_in_words(condition['value'])}"


def sign(op: Any) -> str:
    return SIGNS.get(op, op) if isinstance(op, str) else str(op)


def value_in_words(value: Any) -> str:
    """As people read it: text as it is, a list with commas, and the words of JSON for the rest."""
    if isinstance(value, list):
        return ", ".join(value_in_words(each) for each in value) or "nothing"
    return {None: "null", True: "true", False: "false"}[value] if kind_of(value) in (bool, type(None)) else str(value)
