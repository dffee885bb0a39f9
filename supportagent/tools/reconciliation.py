"""Whether a call was carried out, seen from a read taken before and one taken after it.

A condition is one of these; all of a tool's must hold:

    {"path": "after.status", "op": "eq", "value": "refunded"}
    {"path": "after.revision", "op": "gt", "than": "before.revision"}
    {"path": "after.refunded_minor", "op": "eq", "than": "before.refunded_minor", "plus": "arguments.amount_minor"}
    {"path": "after.refunds", "op": "contains", "with": {"reference": "arguments.reference"}}

Paths begin with `before`, `after` or `arguments` and go down through objects. `contains` holds when the list has one
more item of that kind after than before.
"""

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

ROOTS = ("before", "after", "arguments")
EQUALITY: dict[str, Callable[[Any, Any], bool]] = {"eq": operator.eq, "ne": operator.ne}
ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
CONTAINS = "contains"
OPERATORS = (*EQUALITY, *ORDER, CONTAINS)
MAX_CONDITIONS = 20
_SHAPES = (
    {"path", "op", "value"},
    {"path", "op", "than"},
    {"path", "op", "than", "plus"},
)


class Unreadable(Exception):
    """A condition that cannot be judged: a path leads nowhere, or to something of another kind."""


def carried_out(
    conditions: Any, *, before: Mapping[str, Any], after: Mapping[str, Any], arguments: Mapping[str, Any]
) -> bool | None:
    """True: it was. False: it was not, as far as the record shows now. None: the reads do not say."""
    roots = {"before": before, "after": after, "arguments": arguments}
    if problems(conditions) or not conditions:
        return None
    try:
        # Each is judged, also after one that does not hold: one that cannot be read makes the whole say nothing.
        verdicts = [_holds(condition, roots) for condition in conditions]
        return all(verdicts)
    except Unreadable:
        return None


def problems(conditions: Any, *, argument_names: Iterable[str] | None = None) -> list[str]:
    """What is wrong with conditions as somebody wrote them, one sentence each; `argument_names` exist."""
    if not isinstance(conditions, list):
        return ["Write a JSON list of conditions."]
    if len(conditions) > MAX_CONDITIONS:
        return [f"More than {MAX_CONDITIONS} conditions."]
    names = None if argument_names is None else set(argument_names)
    return [
        f"Condition {number}: {problem}"
        for number, condition in enumerate(conditions, start=1)
        if (problem := _problem(condition, names))
    ]


def _problem(condition: Any, names: set[str] | None) -> str:
    if not isinstance(condition, dict):
        return 'write an object, for example {"path": "after.status", "op": "eq", "value": "refunded"}.'
    op = condition.get("op")
    if op not in OPERATORS:
        return f"the operator {op!r} is unknown; one of {', '.join(OPERATORS)}."
    if op == CONTAINS:
        return _contains_problem(condition, names)
    if set(condition) not in _SHAPES:
        return "it needs path and op, and either value, or than (and plus)."
    if op in ORDER and "value" in condition and not _is_number(condition["value"]):
        return "an order compares with a whole number."
    if isinstance(condition.get("value"), dict | list | float):
        return "it compares with a text, a whole number, true, false or null."
    return _path_problems([condition[part] for part in ("path", "than", "plus") if part in condition], names)


def _contains_problem(condition: Mapping[str, Any], names: set[str] | None) -> str:
    wanted = condition.get("with")
    if set(condition) != {"path", "op", "with"} or not isinstance(wanted, dict) or not wanted:
        return "contains needs path, op and with: field -> path."
    if not str(condition["path"]).startswith("after."):
        return "contains looks at a list of the read taken after: its path begins with after."
    return _path_problems([condition["path"], *wanted.values()], names)


def _path_problems(paths: list[Any], names: set[str] | None) -> str:
    for path in paths:
        parts = path.split(".") if isinstance(path, str) else []
        if len(parts) < 2 or parts[0] not in ROOTS or not all(parts):
            return f"{path!r} is no path: it begins with before., after. or arguments."
        if parts[0] == "arguments" and names is not None and parts[1] not in names:
            return f"the tool has no argument {parts[1]}."
    return ""


def _holds(condition: Mapping[str, Any], roots: Mapping[str, Any]) -> bool:
    op, found = condition["op"], _at(condition["path"], roots)
    if op == CONTAINS:
        wanted = {field: _at(path, roots) for field, path in condition["with"].items()}
        earlier = _at("before." + condition["path"].removeprefix("after."), roots)
        return _count(found, wanted) > _count(earlier, wanted)
    other = condition["value"] if "value" in condition else _at(condition["than"], roots)
    if "plus" in condition:
        other = _number(other) + _number(_at(condition["plus"], roots))
    if op in ORDER:
        return ORDER[op](_number(found), _number(other))
    # True and 1 are not the same, as they are not in JSON.
    return EQUALITY[op]((type(found), found), (type(other), other))


def _at(path: str, roots: Mapping[str, Any]) -> Any:
    value: Any = roots
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise Unreadable(path)
        value = value[part]
    return value


def _count(items: Any, wanted: Mapping[str, Any]) -> int:
    if not isinstance(items, list):
        raise Unreadable("no list")
    return sum(
        isinstance(item, Mapping)
        and all((type(item.get(field)), item.get(field)) == (type(value), value) for field, value in wanted.items())
        for item in items
    )


def _number(value: Any) -> int:
    if not _is_number(value):
        raise Unreadable("no whole number")
    return int(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
